"""The price book: drafts, tiers and list prices."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_reliability_policies")]

    operations: list[object] = []
