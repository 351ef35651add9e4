"""The ledger's rows behind the reliability page: which are asked for, at which moment, in which slices."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import DateTimeField, F, Func, Model, QuerySet, Value

from catalog.models import LanguageModel
from catalog.visibility import Visibility
from metering.models import CostEntry
from proxy.pages.filters import DAY, Asked, midnight

NO_REGION = "no region"
M = TypeVar("M", bound=Model)


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
    return narrowed(rows, asked=asked, visibility=visibility)


def narrowed(rows: QuerySet[M], *, asked: Asked, visibility: Visibility) -> QuerySet[M]:
    """Those of ``rows``, which have a team and a route, that are asked for and may be seen."""
    if asked.team:
        rows = rows.filter(team__name=asked.team)
    if asked.route:
        rows = rows.filter(route=asked.route)
    return visibility.restrict(rows).order_by()


def slice_of(asked: Asked) -> Func | F:
    """The slice that an entry's request came in: a moment, or its day, of which the planner knows how many
    there are."""
    return F("day") if asked.step >= DAY else moment_sliced(asked, "started_at")


def moment_sliced(asked: Asked, field: str) -> Func:
    """When the slice began that the moment in ``field`` is in; not for slices of days."""
    return Func(
        Value(asked.step), F(field), Value(asked.start), function="date_bin", output_field=DateTimeField()
    )


def moments() -> Callable[[dt.datetime | dt.date], dt.datetime]:
    """When a slice began, of the moment or the day that it is called; worked out once of each."""

    @cache
    def moment_of(since: dt.datetime | dt.date) -> dt.datetime:
        return since if isinstance(since, dt.datetime) else midnight(since)

    return moment_of
