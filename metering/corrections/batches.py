"""What batches changed, by team, model and day. Reads only."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum

from metering.models import CorrectionBatch, CostEntry

BY = {
    "team": ("team__name",),
    "model": ("model__provider__name", "model__name"),
    "day": ("day",),
}


@dataclass(frozen=True, slots=True)
class Change:
    """USD by which one group's total moved; ``entries`` of it were corrected."""

    group: str
    entries: int
    moved: Decimal


def changes(*, batch: CorrectionBatch, by: str) -> tuple[Change, ...]:
    """A row for each team, model or day (see BY); they add up to the batch's amount. One query."""
    fields = BY[by]
    found = (
        CostEntry.objects.filter(batch=batch)
        .order_by(*fields)
        .values_list(*fields)
        .annotate(entries=Count("pk", filter=Q(reverses=False)), moved=Sum("cost"))
    )
    return tuple(
        Change("/".join(str(part) for part in group), entries, moved) for *group, entries, moved in found
    )
