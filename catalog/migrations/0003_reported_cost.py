"""A provider says whether its own figure of a call's cost is booked, and how far it may be from ours unflagged."""

from decimal import Decimal

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_rules")]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="trusts_reported_cost",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Where an answer says what it cost in USD, that is booked instead of tokens x price.",
                verbose_name="book the vendor's own figure",
            ),
        ),
        migrations.AddField(
            model_name="provider",
            name="reported_cost_tolerance",
            field=models.DecimalField(
                db_default=Decimal("0.05"),
                decimal_places=4,
                default=Decimal("0.05"),
                help_text="A reported cost that differs from ours by more than this share is flagged: 0.05 is 5 %.",
                max_digits=7,
            ),
        ),
        migrations.AddConstraint(
            model_name="provider",
            constraint=models.CheckConstraint(
                condition=models.Q(reported_cost_tolerance__gte=0), name="provider_tolerance_not_negative"
            ),
        ),
    ]
