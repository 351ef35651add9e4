"""Corrections are found by what they correct: without that, pricing what was unpriced read the whole ledger."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("metering", "0015_roles_of_the_books")]

    operations = [
        AddIndexConcurrently(
            model_name="costentry",
            index=models.Index(
                condition=models.Q(("corrects__isnull", False)),
                fields=["corrects"],
                name="cost_entry_corrects",
            ),
        ),
    ]
