"""How the entries of a period ended and what they cost, counted by PostgreSQL."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any

from django.db.models import BooleanField, Case, Count, F, Func, Q, Sum, Value, When
from django.db.models.functions import Coalesce

from proxy.pages import ledger_rows
from proxy.pages.filters import Asked
from proxy.pages.sources import Read, Sources

ALIKE = ("model_id", "since", "kind", "first", "whole", "outcome", "error_class")
COUNTS = ("count", "sum_cost", "sum_unknown", "sum_exposure", "sum_unbounded")
# What is ALIKE, the COUNTS, and how many of those of unknown cost (and without a bound) have got one since.
Counted = tuple[tuple[Any, ...], tuple[Any, ...], tuple[int, int]]
_UNKNOWN = Q(cost__isnull=True) & ~Q(kind="correction")


@dataclass(frozen=True, slots=True)
class Ends:
    """How many entries of a model ended one way in one slice of the period, and what they cost (USD).

    ``first``: first attempts (or cache hits), one for each request. ``whole``: no further part of an attempt.
    ``unknown`` entries have no cost, and no correction has given them one. What they cost at most is
    ``exposure`` (USD), but for the ``unbounded`` ones among them, of which nobody knows.
    """

    model: int
    since: dt.datetime
    kind: str
    first: bool
    whole: bool
    outcome: str
    error_class: str
    count: int
    cost: Decimal
    unknown: int
    exposure: Decimal
    unbounded: int


def ends(*, asked: Asked, sources: Sources) -> tuple[Ends, ...]:
    """All entries of the period. Two queries for each part that is read, one for what is kept."""
    moment_of = ledger_rows.moments()
    rows = (row for part in sources.read for row in _read(part, ledger_rows.slice_of(asked)))
    return tuple(_ends(moment_of(row[0][1]), *row) for row in chain(_kept(sources), rows))


def _kept(sources: Sources) -> Iterator[Counted]:
    """As _read gives them, of the days that are kept."""
    rows = sources.ends.annotate(since=F("day")).values(*ALIKE)
    found = rows.annotate(
        count=Sum("entries"),
        **{f"sum_{name}": Sum(name) for name in ("cost", "unknown", "exposure", "unbounded")},
    )
    for row in found.values_list(*ALIKE, *COUNTS):
        count, cost, unknown, exposure, unbounded = row[7:]
        # PostgreSQL gives sums of whole numbers as decimals
        yield row[:7], (int(count), cost, int(unknown), exposure, int(unbounded)), (0, 0)


def _read(part: Read, since: Func | F) -> Iterator[Counted]:
    """Two queries: looking for each entry's corrections in the first would keep PostgreSQL from sharing it
    among its workers."""
    rows = part.rows.annotate(since=since, **_alike()).values(*ALIKE)
    found = rows.annotate(
        count=Count("pk"),
        sum_cost=Coalesce(Sum("cost"), Value(Decimal(0))),
        sum_unknown=Count("pk", filter=_UNKNOWN),
        sum_exposure=Coalesce(Sum("exposure"), Value(Decimal(0))),
        sum_unbounded=Count("pk", filter=_UNKNOWN & Q(exposure__isnull=True)),
    )
    priced = part.priced.annotate(since=since, **_alike()).values(*ALIKE)
    counted = priced.annotate(count=Count("pk"), unbounded=Count("pk", filter=Q(exposure__isnull=True)))
    known = {row[:7]: row[7:] for row in counted.values_list(*ALIKE, "count", "unbounded")}
    for row in found.values_list(*ALIKE, *COUNTS):
        yield row[:7], row[7:], known.pop(row[:7], (0, 0))
    for alike, counts in known.items():  # corrections that are read, of entries that are kept
        yield alike, (0, Decimal(0), 0, Decimal(0), 0), counts


def _alike() -> dict[str, Case]:
    return {
        "first": _true_where(Q(attempt=1, part=0) & ~Q(kind="correction")),
        "whole": _true_where(Q(part=0)),
    }


def _ends(
    since: dt.datetime, alike: tuple[Any, ...], counts: tuple[Any, ...], known: tuple[int, int]
) -> Ends:
    model, _, kind, first, whole, outcome, error_class = alike
    count, cost, unpriced, exposure, unbounded = counts
    priced, priced_unbounded = known
    return Ends(
        model=model,
        since=since,
        kind=kind,
        first=first,
        whole=whole,
        outcome=outcome,
        error_class=error_class,
        count=count,
        cost=cost,
        unknown=unpriced - priced,
        exposure=exposure,
        unbounded=unbounded - priced_unbounded,
    )


def _true_where(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
