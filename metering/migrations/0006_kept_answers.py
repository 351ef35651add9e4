"""An index for answers that vendors keep, built without holding up the ledger."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("metering", "0005_room_for_sums")]

    operations = [
        AddIndexConcurrently(
            model_name="costentry",
            index=models.Index(
                condition=models.Q(("upstream_id__startswith", "resp_")),
                fields=["upstream_id"],
                name="cost_entry_kept_answer",
            ),
        ),
    ]
