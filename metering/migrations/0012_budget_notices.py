"""Notices of budgets: who is told, and what was told."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("metering", "0011_billed_periods_and_raises")]

    operations: list[object] = []
