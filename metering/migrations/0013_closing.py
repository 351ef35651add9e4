"""Closings of months: totals, chain and statements."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("metering", "0012_budget_notices")]

    operations: list[object] = []
