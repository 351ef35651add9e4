"""Lists of entries are read in their order, a page at a time (docs/decisions/0036)."""

from decimal import Decimal

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations
from django.db.models import Index, Q

NEWEST = ["-day", "-id"]
INDEXES = [
    Index(fields=NEWEST, name="cost_entry_day"),
    Index(fields=["outcome", *NEWEST], condition=~Q(outcome="ok"), name="cost_entry_outcome"),
    Index(fields=["error_class", *NEWEST], condition=~Q(error_class=""), name="cost_entry_error"),
    Index(fields=["usage_source", *NEWEST], condition=~Q(usage_source="reported"), name="cost_entry_usage"),
    Index(fields=["kind", *NEWEST], condition=~Q(kind="attempt"), name="cost_entry_kind"),
    Index(fields=NEWEST, condition=Q(cost__isnull=True), name="cost_entry_unknown"),
    Index(fields=NEWEST, condition=~Q(flags=[]), name="cost_entry_flagged"),
    Index(fields=["cost"], condition=Q(cost__gte=Decimal("0.5")), name="cost_entry_dear"),
    Index(fields=["latency_ms"], condition=Q(latency_ms__gte=120000), name="cost_entry_slow"),
    Index(fields=["output"], condition=Q(output__gte=8192), name="cost_entry_long"),
    Index(fields=["reasoning"], condition=Q(reasoning__gte=8192), name="cost_entry_reasoned"),
]


class Migration(migrations.Migration):
    atomic = False  # calls go on while the indexes are made

    dependencies = [("metering", "0020_saved_views")]

    operations = [AddIndexConcurrently(model_name="costentry", index=index) for index in INDEXES]
