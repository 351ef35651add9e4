"""The ledger's rows behind the reliability page, grouped by PostgreSQL. Nothing is kept beside them."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import (
    BooleanField,
    Case,
    Count,
    DateTimeField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from catalog.models import LanguageModel
from catalog.visibility import Visibility
from metering.models import CostEntry
from proxy.pages.filters import Asked, midnight

NO_REGION = "no region"
DAY = dt.timedelta(days=1)
_UNKNOWN = Q(cost__isnull=True) & ~Q(kind="correction")
ALIKE = ("model_id", "since", "kind", "first", "whole", "outcome", "error_class")


@dataclass(frozen=True, slots=True)
class Sold:
    """A model and who sells it where."""

    provider: str
    region: str
    model: str  # provider/model

    def value(self, by: str) -> str:
        found: str = getattr(self, by)
        return found

    def matches(self, asked: Asked) -> bool:
        wanted = ((asked.provider, self.provider), (asked.region, self.region), (asked.model, self.model))
        return all(not name or name == own for name, own in wanted)


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


@contextmanager
def one_look() -> Iterator[None]:
    """All reads inside see the ledger at one moment. Compiling such queries takes longer than they do, and
    sorting on disk does too: few groups are taken for many, which without room to hash them are sorted."""
    outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '32MB'; SET LOCAL hash_mem_multiplier = 8")
        yield


def sold() -> dict[int, Sold]:
    """Every model by its number. One query."""
    rows = LanguageModel.objects.order_by().values_list("pk", "provider__name", "provider__region", "name")
    return {
        pk: Sold(provider, region or NO_REGION, f"{provider}/{name}") for pk, provider, region, name in rows
    }


def entries(*, asked: Asked, visibility: Visibility) -> QuerySet[CostEntry]:
    """The entries of requests that came in the period, of teams that may be seen, whatever their model.

    ``day`` repeats what ``started_at`` says, for the index that begins with it.
    """
    first, last = asked.days
    rows = CostEntry.objects.filter(
        day__gte=first, day__lte=last, started_at__gte=asked.start, started_at__lt=asked.end
    )
    if asked.team:
        rows = rows.filter(team__name=asked.team)
    if asked.route:
        rows = rows.filter(route=asked.route)
    return visibility.restrict(rows).order_by()


def ends(*, asked: Asked, visibility: Visibility) -> tuple[Ends, ...]:
    """All entries of the period, counted. Two queries: looking for each entry's corrections in the first
    would keep PostgreSQL from sharing it among its workers."""
    rows = entries(asked=asked, visibility=visibility).annotate(
        since=slice_of(asked),
        first=_true_where(Q(attempt=1, part=0) & ~Q(kind="correction")),
        whole=_true_where(Q(part=0)),
    )
    found = rows.values(*ALIKE).annotate(
        count=Count("pk"),
        sum_cost=Coalesce(Sum("cost"), Value(Decimal(0))),
        unknown=Count("pk", filter=_UNKNOWN),
        sum_exposure=Coalesce(Sum("exposure"), Value(Decimal(0))),
        unbounded=Count("pk", filter=_UNKNOWN & Q(exposure__isnull=True)),
    )
    priced_later = CostEntry.objects.filter(corrects=OuterRef("pk"), kind="correction", cost__isnull=False)
    priced = rows.filter(Exists(priced_later), cost__isnull=True).values(*ALIKE)
    counted = priced.annotate(count=Count("pk"), unbounded=Count("pk", filter=Q(exposure__isnull=True)))
    known = {row[:7]: row[7:] for row in counted.values_list(*ALIKE, "count", "unbounded")}
    names = (*ALIKE, "count", "sum_cost", "unknown", "sum_exposure", "unbounded")
    return tuple(
        _ends(row[:7], *row[7:], known=known.get(row[:7], (0, 0))) for row in found.values_list(*names)
    )


def slice_of(asked: Asked) -> Func | F:
    """The slice that an entry's request came in: a moment, or its day, of which the planner knows how many
    there are."""
    return F("day") if asked.step >= DAY else moment_sliced(asked, "started_at")


def moment_sliced(asked: Asked, field: str) -> Func:
    """When the slice began that the moment in ``field`` is in; not for slices of days."""
    return Func(
        Value(asked.step), F(field), Value(asked.start), function="date_bin", output_field=DateTimeField()
    )


def moment_of(since: dt.datetime | dt.date) -> dt.datetime:
    """When a slice began."""
    return since if isinstance(since, dt.datetime) else midnight(since)


def _ends(
    alike: tuple[Any, ...],
    count: int,
    cost: Decimal,
    unpriced: int,
    exposure: Decimal,
    unbounded: int,
    *,
    known: tuple[int, int],
) -> Ends:
    model, since, kind, first, whole, outcome, error_class = alike
    priced, priced_unbounded = known
    return Ends(
        model=model,
        since=moment_of(since),
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
