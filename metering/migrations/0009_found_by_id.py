"""Entries are found by the vendor's and the caller's ids without reading the whole ledger (checks H11)."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("metering", "0008_concurrency_and_waiting")]

    operations = [
        AddIndexConcurrently(
            model_name="costentry",
            index=models.Index(
                condition=models.Q(("upstream_id", ""), _negated=True),
                fields=["upstream_id"],
                name="cost_entry_upstream_id",
            ),
        ),
        AddIndexConcurrently(
            model_name="costentry",
            index=models.Index(
                condition=models.Q(("client_request_id", ""), _negated=True),
                fields=["client_request_id"],
                name="cost_entry_client_request",
            ),
        ),
        RemoveIndexConcurrently(model_name="costentry", name="cost_entry_kept_answer"),
    ]
