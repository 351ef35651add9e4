"""What few entries are can be listed without reading the others (docs/decisions/0036)."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations
from django.db.models import Index, Q

RETRIED = Index(fields=["day"], condition=Q(attempt__gt=1), name="cost_entry_again")


class Migration(migrations.Migration):
    atomic = False  # calls go on while the index is made

    dependencies = [("metering", "0023_reconciliation_states")]

    operations = [AddIndexConcurrently(model_name="costentry", index=RETRIED)]
