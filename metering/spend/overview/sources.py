"""Where the overview's figures are read: the rollup, and the summaries by tag and token type.

Groups and days can be asked of each source alike. What carries no tag is the rollup less what does. The
summary is read first: what is settled between the two reads is then counted as without the tag for a moment,
and nothing is counted twice.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from django.db.models import Case, F, Model, Q, QuerySet, Sum, Value, When
from django.db.models.functions import TruncMonth

from catalog.visibility import Visibility
from metering.costing import TOKEN_BUCKETS
from metering.models import DailySpend, DailyTagSpend, DailyUsage
from metering.spend import queries
from metering.spend.filters import Filters
from metering.spend.overview.amounts import Amounts
from metering.spend.queries import of_the_same
from metering.usage import BUCKETS

Parts = tuple[str, ...]  # the values of a dimension's fields
MOST_TAGS = 30  # offered; callers choose the names, so there may be any number
REST = -1  # the series of all groups without one of their own
TOKENS = sum((F(bucket) for bucket in TOKEN_BUCKETS[1:]), start=F(TOKEN_BUCKETS[0]))
ROLLUP_SUMS = {
    "sum_cost": Sum("cost"),
    "sum_tokens": Sum(TOKENS),
    "sum_calls": Sum("calls"),
    "sum_attempts": Sum("attempts"),
    "sum_unpriced": Sum("unpriced"),
}
TAG_SUMS = {
    "sum_cost": Sum("cost"),
    "sum_tokens": Sum("tokens"),
    "sum_calls": Sum("calls"),
    "sum_attempts": Sum("attempts"),
}


class Source(Protocol):
    """Each is one query; two, where one source is taken from another."""

    def by_parts(self, fields: Sequence[str]) -> dict[Parts, Amounts]: ...

    def by_day(self) -> dict[dt.date, Amounts]: ...

    def by_series(self, fields: Sequence[str], shown: Sequence[Parts]) -> dict[tuple[dt.date, int], Amounts]:
        """Apart for the groups ``shown`` (by their place in it), together for the REST."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table, added up."""

    rows: QuerySet[Any]
    sums: Mapping[str, Any] = field(default_factory=lambda: ROLLUP_SUMS)
    untold: bool = False  # see Amounts

    def by_parts(self, fields: Sequence[str], *, most: int | None = None) -> dict[Parts, Amounts]:
        """The dearest first; ``most`` of them where it is given."""
        found = self.rows.order_by().values(*fields).annotate(**self.sums).order_by("-sum_cost", *fields)
        return {tuple(row[name] for name in fields): self._amounts(row) for row in found[:most]}

    def by_day(self) -> dict[dt.date, Amounts]:
        found = self.rows.order_by().values("day").annotate(**self.sums)
        return {row["day"]: self._amounts(row) for row in found}

    def by_series(self, fields: Sequence[str], shown: Sequence[Parts]) -> dict[tuple[dt.date, int], Amounts]:
        whens = [
            When(Q(**dict(zip(fields, parts, strict=True))), then=Value(place))
            for place, parts in enumerate(shown)
        ]
        series = Case(*whens, default=Value(REST)) if whens else Value(REST)
        found = self.rows.order_by().annotate(series=series).values("day", "series").annotate(**self.sums)
        return {(row["day"], row["series"]): self._amounts(row) for row in found}

    def _amounts(self, row: Mapping[str, Any]) -> Amounts:
        return Amounts(
            cost=row["sum_cost"],
            tokens=row["sum_tokens"],
            calls=row["sum_calls"],
            attempts=row["sum_attempts"],
            unpriced=row.get("sum_unpriced", 0),
            untold=self.untold,
        )


@dataclass(frozen=True, slots=True)
class Without:
    """``whole`` less ``part``, which is read first (see the module)."""

    whole: Source
    part: Source

    def by_parts(self, fields: Sequence[str]) -> dict[Parts, Amounts]:
        part = self.part.by_parts(fields)
        return less(self.whole.by_parts(fields), part)

    def by_day(self) -> dict[dt.date, Amounts]:
        part = self.part.by_day()
        return less(self.whole.by_day(), part)

    def by_series(self, fields: Sequence[str], shown: Sequence[Parts]) -> dict[tuple[dt.date, int], Amounts]:
        part = self.part.by_series(fields, shown)
        return less(self.whole.by_series(fields, shown), part)


def less(whole: Mapping[Any, Amounts], part: Mapping[Any, Amounts]) -> dict[Any, Amounts]:
    """Key by key; what nothing is left of is left out."""
    places = [*whole, *(place for place in part if place not in whole)]
    left = {place: whole.get(place, Amounts()).without(part.get(place, Amounts())) for place in places}
    return {place: amounts for place, amounts in left.items() if not amounts.nothing}


def source(*, filters: Filters, visibility: Visibility, untold: bool = False) -> Source:
    """Of the calls that ``filters`` ask for. ``untold``: some of them are of unknown cost."""
    if not filters.by_tag:
        return rollup(filters=filters, visibility=visibility)
    tagged = with_tag(filters=filters, visibility=visibility, untold=untold)
    if filters.tag_value:
        return tagged
    return Without(rollup(filters=filters, visibility=visibility), tagged)


def rollup(*, filters: Filters, visibility: Visibility) -> Rows:
    """Whatever tags calls carry."""
    return Rows(_matching(DailySpend, filters, visibility))


def with_tag(*, filters: Filters, visibility: Visibility, untold: bool) -> Rows:
    """Calls that carry the tag; with the value, where one is asked for."""
    wanted = Q(name=filters.tag) & (Q(value=filters.tag_value) if filters.tag_value else Q())
    return Rows(_matching(DailyTagSpend, filters, visibility).filter(wanted), TAG_SUMS, untold)


def token_types(
    *, filters: Filters, visibility: Visibility, untold: bool
) -> dict[dt.date, dict[str, Amounts]]:
    """By day and bucket: its tokens, and what they cost where rates say so. One query."""
    sums = {f"sum_{name}": Sum(name) for bucket in BUCKETS for name in (bucket, f"usd_{bucket}")}
    found = _matching(DailyUsage, filters, visibility).order_by().values("day").annotate(**sums)
    return {row["day"]: {bucket: _of_bucket(row, bucket, untold) for bucket in BUCKETS} for row in found}


def tag_names(*, filters: Filters, visibility: Visibility) -> tuple[str, ...]:
    """The tags of the period's calls, those on the most of the spend first, MOST_TAGS at most. One query."""
    rows = _matching(DailyTagSpend, filters, visibility).order_by().values("name")
    dearest = rows.annotate(usd=Sum("cost")).order_by("-usd", "name")
    return tuple(row["name"] for row in dearest[:MOST_TAGS])


def _matching(model: type[Model], filters: Filters, visibility: Visibility) -> QuerySet[Any]:
    rows: QuerySet[Any] = visibility.restrict(model._default_manager.all())
    return rows.filter(day__gte=filters.start, day__lte=filters.end).filter(of_the_same(filters))


def _of_bucket(row: Mapping[str, Any], bucket: str, untold: bool) -> Amounts:
    """Requests are charged one by one: they are no tokens."""
    tokens = row[f"sum_{bucket}"] if bucket in TOKEN_BUCKETS else 0
    return Amounts(cost=row[f"sum_usd_{bucket}"], tokens=tokens, untold=untold)


def billed_later(*, filters: Filters, visibility: Visibility) -> Decimal | None:
    """USD of the cost that another month bills than that of its day, which was closed. None: nothing is."""
    rows = visibility.restrict(DailySpend.objects.filter(day__range=(filters.start, filters.end)))
    late = rows.filter(queries.narrowing(filters)).exclude(period=TruncMonth("day"))
    found: Decimal | None = late.aggregate(sum=Sum("cost"))["sum"]
    return found
