"""A month in which there is nothing to compare has a state of its own; the second person can say something, too.

Such months were kept as incomplete, the one of four states that claimed no agreement. They are told by the digest of
no row, and by no figure of the vendor. Runs only grow: the trigger that says so is off while their state is named.
"""

import hashlib

from django.db import migrations, models
from django.db.models import Q

FOUR = ["matched", "explained", "open", "incomplete"]
NO_ROWS = hashlib.sha256().hexdigest()
RENAMED = """
ALTER TABLE metering_reconciliationrun DISABLE TRIGGER reconciliationrun_only_grows;
UPDATE metering_reconciliationrun SET state = '{after}' WHERE {which};
ALTER TABLE metering_reconciliationrun ENABLE TRIGGER reconciliationrun_only_grows;
"""
NAMED = RENAMED.format(
    after="nothing",
    which=f"state = 'incomplete' AND theirs IS NULL AND uncovered_days = 0 AND digest = '{NO_ROWS}'",
)
UNNAMED = RENAMED.format(after="incomplete", which="state = 'nothing'")


class Migration(migrations.Migration):
    dependencies = [("metering", "0022_closings_know_their_prices")]

    operations = [
        migrations.RemoveConstraint(model_name="reconciliationrun", name="reconciliation_state_known"),
        migrations.AlterField(
            model_name="reconciliationrun",
            name="state",
            field=models.CharField(choices=[('matched', 'matched'), ('explained', 'explained'), ('open', 'open'), ('incomplete', 'days without a report'), ('nothing', 'nothing to compare')], max_length=10),
        ),
        migrations.RunSQL(NAMED, UNNAMED),
        migrations.AddConstraint(
            model_name="reconciliationrun",
            constraint=models.CheckConstraint(condition=Q(state__in=[*FOUR, "nothing"]), name="reconciliation_state_known"),
        ),
        migrations.AddField(
            model_name="signoff",
            name="second_note",
            field=models.CharField(blank=True, db_default="", default="", help_text="What the second person says.", max_length=500),
        ),
        migrations.RemoveConstraint(model_name="signoff", name="sign_off_signed_by_somebody"),
        migrations.AddConstraint(
            model_name="signoff",
            constraint=models.CheckConstraint(
                condition=Q(state="signed", signed_by__isnull=False, signed_at__isnull=False)
                | (~Q(state="signed") & Q(second_note="", signed_by__isnull=True, signed_at__isnull=True)),
                name="sign_off_signed_by_somebody",
            ),
        ),
    ]
