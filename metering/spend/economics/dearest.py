"""The most expensive requests of a period, at what they cost by the books now.

Candidates are the attempts that were dearest when they were first booked (DearEntry keeps the 20 dearest of
each day, team and model); the entries of their requests are then read, corrections included. So the dearest
of a key or a route can be missing where others of its team were dearer: the page says so.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby

from catalog.visibility import Visibility
from metering.models import CostEntry, DearEntry
from metering.spend import entries, queries
from metering.spend.bookings import Request
from metering.spend.economics.usage import INPUT, OUTPUT
from metering.spend.entry import Entry, entries_from
from metering.spend.filters import Filters

SHOWN = 20
CANDIDATES = 40  # attempts: a request has several, and corrections change the order
CANDIDATES_OF_ANY_ROUTE = 1_000  # the route is not kept with the dearest: their entries say it


@dataclass(frozen=True, slots=True)
class DearRequest:
    """What the filters leave of one request. ``cost`` None: not known; ``unknown`` attempts are not in it."""

    request_id: uuid.UUID
    started_at: dt.datetime
    team: str
    models: tuple[str, ...]
    attempts: int
    corrected: bool
    input: int
    output: int  # visible and reasoning
    reasoning: int
    cost: Decimal | None
    unknown: int

    @property
    def name(self) -> str:
        """The part of its id by which people tell it apart."""
        return self.request_id.hex[-8:]


def dearest(*, filters: Filters, visibility: Visibility) -> tuple[DearRequest, ...]:
    """The dearest first. Three queries at most; two more where they were billed at a marginal tier."""
    ids = _candidates(filters, visibility)
    if not ids:
        return ()
    rows = entries.ledger_rows().seen_by(visibility).filter(queries.narrowing(filters), request_id__in=ids)
    found = entries_from(rows.with_names().order_by("request_id", "id"))
    grouped = groupby(found, key=lambda entry: entry.request_id)
    requests = [_request(request_id, tuple(group)) for request_id, group in grouped]
    dearest_first = sorted(requests, key=lambda one: (-(one.cost or Decimal(0)), one.request_id))
    return tuple(dearest_first[:SHOWN])


def _candidates(filters: Filters, visibility: Visibility) -> list[uuid.UUID]:
    """Request ids."""
    kept = visibility.restrict(DearEntry.objects.filter(day__gte=filters.start, day__lte=filters.end))
    narrowed = kept.filter(queries.narrowing(replace(filters, route=""))).order_by("-cost", "entry")
    most = CANDIDATES_OF_ANY_ROUTE if filters.route else CANDIDATES
    attempts = CostEntry.objects.filter(pk__in=list(narrowed.values_list("entry", flat=True)[:most]))
    if filters.route:
        attempts = attempts.filter(route=filters.route)
    return list(attempts.order_by("-cost", "id").values_list("request_id", flat=True)[:CANDIDATES])


def _request(request_id: uuid.UUID, found: Sequence[Entry]) -> DearRequest:
    booked = Request(request_id, tuple(found), ())
    return DearRequest(
        request_id=request_id,
        started_at=found[0].started_at,
        team=found[0].team,
        models=tuple(dict.fromkeys(entry.model for entry in found)),
        attempts=sum(entry.kind == "attempt" and entry.part == 0 for entry in found),
        corrected=any(entry.kind == "correction" for entry in found),
        input=_tokens(found, INPUT),
        output=_tokens(found, OUTPUT),
        reasoning=_tokens(found, ("reasoning",)),
        cost=booked.cost,
        unknown=booked.unknown,
    )


def _tokens(found: Sequence[Entry], buckets: Sequence[str]) -> int:
    return sum(entry.usage[bucket] or 0 for entry in found for bucket in buckets)
