"""Sums are wider than entries: a million million tokens (or dollars) fit a limit's window and a daily row.

A window that could not hold its sum made PostgreSQL refuse the settlement, and with it the entry. More digits before
the same scale need no rewrite of the table.
"""

import django.contrib.postgres.fields
from django.db import migrations, models

WIDE = {"max_digits": 28, "decimal_places": 12}


class Migration(migrations.Migration):
    dependencies = [("metering", "0004_parts_and_reported_cost")]

    operations = [
        *(
            migrations.AlterField(model_name=model, name=name, field=models.DecimalField(default=0, **WIDE))
            for model, names in {
                "limitwindow": ("held", "spent", "exposed"),
                "dailyspend": ("cost", "exposure"),
            }.items()
            for name in names
        ),
        migrations.AlterField(model_name="limit", name="amount", field=models.DecimalField(**WIDE)),
        migrations.AlterField(
            model_name="hold",
            name="window_amounts",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.DecimalField(**WIDE), size=None
            ),
        ),
    ]
