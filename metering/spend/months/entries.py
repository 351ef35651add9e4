"""The entries of a closed month as rows of a file: streamed, in the order of their ids, named as when it
was closed.
"""

import uuid
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Q

from metering.closing import months
from metering.models import Closing, CostEntry
from metering.spend.export import Cell
from metering.usage import BUCKETS

AT_A_TIME = 2_000
COLUMNS: tuple[str, ...] = (
    "id",
    "request_id",
    "attempt",
    "part",
    "kind",
    "corrects_id",
    "batch_id",
    "reverses",
    "started_at",
    "day",
    "billed_in",
    "team_id",
    "api_key_id",
    "route",
    "model_id",
    "served_model",
    "variant",
    *BUCKETS,
    "usage_source",
    "cost",
    "cost_reason",
    "reported_cost",
    "exposure",
    "price_id",
    "outcome",
    "status",
    "upstream_id",
    "client_request_id",
    "note",
    "booked_at",
)
NAMED = {"team_id": "team", "api_key_id": "key", "model_id": "model"}


def rows(closing: Closing) -> Iterator[tuple[Cell, ...]]:
    """Memory does not grow with the month: the cursor is on the server, in a transaction of its own."""
    yield tuple(NAMED.get(name, name) for name in COLUMNS)
    names = {place: _names(closing, name) for place, name in enumerate(COLUMNS) if name in NAMED}
    month = closing.period.month
    own = Q(billed_in__isnull=True, day__gte=month, day__lt=months.after(month))
    found = CostEntry.objects.filter(own | Q(billed_in=month), pk__lte=closing.last_entry or 0).order_by("pk")
    with transaction.atomic():
        for row in found.values_list(*COLUMNS).iterator(chunk_size=AT_A_TIME):
            values: list[Any] = list(row)
            for place, of in names.items():
                values[place] = of[values[place]]
            yield tuple(_plain(value) for value in values)


def _names(closing: Closing, column: str) -> dict[int, str]:
    if column == "team_id":
        return dict(closing.teams.values_list("team_id", "name"))
    return {int(number): name for number, name in closing.names[NAMED[column]].items()}


def _plain(value: Any) -> Cell:
    """As cells take it: request ids are text, yes and no are 1 and 0."""
    if isinstance(value, uuid.UUID):
        return str(value)
    cell: Cell = int(value) if isinstance(value, bool) else value
    return cell
