"""The reads of the finance pages, as plain rows. Totals come from the rollup alone, never from the ledger."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from django.db.models import Case, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from catalog.models import Team
from catalog.visibility import Visibility
from metering.models import DailySpend
from metering.spend import tables
from metering.spend.filters import Filters
from metering.spend.tables import GroupRow
from metering.spend.totals import MONEY, SUMS, Totals

SHOWN_SERIES = 8  # bars of a chart; the rest are added up as one more
OTHER = "Other"


@dataclass(frozen=True, slots=True)
class Dimension:
    """A way to group. ``value`` goes into URLs, ``label`` on pages; both are made from ``fields``' values."""

    name: str
    title: str
    fields: tuple[str, ...]
    value_format: str = "{0}"
    label_format: str = "{0}"

    def value(self, parts: Sequence[object]) -> str:
        return self.value_format.format(*parts)

    def label(self, parts: Sequence[object]) -> str:
        return self.label_format.format(*parts) or "(none)"


DIMENSIONS = {
    dimension.name: dimension
    for dimension in (
        Dimension("day", "Day", ("day",)),
        Dimension("team", "Team", ("team__name",)),
        Dimension(
            "model",
            "Model",
            ("model__provider__name", "model__name"),
            value_format="{0}/{1}",
            label_format="{0}/{1}",
        ),
        Dimension("provider", "Provider", ("model__provider__name",)),
        Dimension(
            "key",
            "Key",
            ("api_key__prefix", "team__name", "api_key__name"),
            label_format="{1}/{2} ({0}…)",
        ),
        Dimension("route", "Route", ("route",)),
        Dimension("cost_center", "Cost center", ("team__cost_center",)),
    )
}
# A fallback answers on another model than the call began on: what a call cost is known per team, key and
# route, while a model or provider has a cost per attempt.
PER_ATTEMPT = {"model", "provider"}


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One bar: the cost of one group on one day. ``series`` counts from 0; -1 is all the rest."""

    day: Any  # datetime.date
    series: int
    cost: Decimal
    unpriced: int

    @property
    def known_cost(self) -> Decimal | None:
        """None when nothing of it is known."""
        return None if self.unpriced > 0 and self.cost == 0 else self.cost


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters on the page offer: what had calls in the period, and what is chosen already."""

    teams: tuple[str, ...]
    cost_centers: tuple[str, ...]
    providers: tuple[str, ...]
    models: tuple[str, ...]
    routes: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]  # (prefix, label)


class SpendRows(QuerySet[DailySpend]):
    """The rollup, filtered and added up."""

    def seen_by(self, visibility: Visibility) -> Self:
        return visibility.restrict(self)  # type: ignore[return-value]

    def matching(self, filters: Filters) -> Self:
        return self.filter(day__gte=filters.start, day__lte=filters.end).filter(of_the_same(filters))

    def added_up_by(self, *dimensions: Dimension) -> tuple[GroupRow, ...]:
        """A row for each group, the dearest first."""
        names = [name for dimension in dimensions for name in dimension.fields]
        sums = {f"sum_{name}": Sum(name) for name in SUMS}
        found = self.order_by().values(*names).annotate(**sums)
        rows = [_group_row(dimensions, row) for row in found]
        return tuple(sorted(rows, key=lambda row: (-row.totals.cost, row.labels)))

    def bars(self, dimension: Dimension, shown: Sequence[GroupRow]) -> tuple[SeriesPoint, ...]:
        """The cost of each day, apart for the groups ``shown``, together for the rest."""
        whens = [
            When(_equals(dimension, row.value, row.values), then=Value(index))
            for index, row in enumerate(shown)
        ]
        series = Case(*whens, default=Value(-1)) if whens else Value(-1)
        found = (
            self.order_by()
            .annotate(series=series)
            .values("day", "series")
            .annotate(sum_cost=Sum("cost"), sum_unpriced=Sum("unpriced"))
            .order_by("day", "series")
        )
        return tuple(
            SeriesPoint(row["day"], row["series"], row["sum_cost"], row["sum_unpriced"]) for row in found
        )


@dataclass(frozen=True, slots=True)
class Report:
    """The table of a spend page: a row for each group, and their sum."""

    filters: Filters
    dimension: Dimension
    rows: tuple[GroupRow, ...]
    total: Totals

    @property
    def per_attempt(self) -> bool:
        return self.dimension.name in PER_ATTEMPT

    @property
    def empty(self) -> bool:
        return not self.rows


def spend_rows() -> SpendRows:
    return SpendRows(model=DailySpend)


def report(*, filters: Filters, visibility: Visibility) -> Report:
    """By one of DIMENSIONS, from the rollup: it knows no tags. One query."""
    dimension = DIMENSIONS[filters.by]
    rows = spend_rows().seen_by(visibility).matching(filters)
    groups = rows.added_up_by(dimension)
    return Report(
        filters=filters,
        dimension=dimension,
        rows=tables.ordered(groups, sort=filters.sort, average=_average(dimension)),
        total=added_up(groups),
    )


def total(*, filters: Filters, visibility: Visibility) -> Totals:
    """What the filtered entries add up to. One query."""
    sums = {f"sum_{name}": Coalesce(Sum(name), Value(0)) for name in SUMS if name not in MONEY}
    money = {f"sum_{name}": Coalesce(Sum(name), Value(Decimal(0))) for name in MONEY}
    found: dict[str, Any] = spend_rows().seen_by(visibility).matching(filters).aggregate(**sums, **money)
    return Totals(**{name: found[f"sum_{name}"] for name in SUMS})


def added_up(rows: Iterable[GroupRow]) -> Totals:
    return sum((row.totals for row in rows), start=Totals())


def choices(*, filters: Filters, visibility: Visibility) -> Choices:
    """Teams that may be seen; the rest as it had calls in the period. Two queries."""
    teams = tuple(visibility.teams().values_list("name", "cost_center"))
    period = spend_rows().seen_by(visibility).filter(day__gte=filters.start, day__lte=filters.end)
    key = DIMENSIONS["key"]
    names = ("model__provider__name", "model__name", "route", *key.fields)
    found = tuple(period.order_by().values_list(*names).distinct())
    keys = {row[3]: key.label(row[3:]) for row in found}
    if filters.key:
        keys.setdefault(filters.key, filters.key)
    return Choices(
        teams=tuple(name for name, _ in teams),
        cost_centers=_offered({center for _, center in teams}, filters.cost_center),
        providers=_offered({row[0] for row in found}, filters.provider),
        models=_offered({f"{row[0]}/{row[1]}" for row in found}, filters.model),
        routes=_offered({row[2] for row in found}, filters.route),
        keys=tuple(sorted(keys.items(), key=lambda pair: pair[1])),
    )


def team_is_visible(*, name: str, visibility: Visibility) -> bool:
    """Unknown and hidden teams are the same to the caller."""
    return visibility.teams().filter(name=name).exists()


def key_is_visible(*, prefix: str, visibility: Visibility) -> bool:
    teams = Team.objects.filter(api_keys__prefix=prefix)
    return visibility.restrict(teams, "pk").exists()


def narrowing(filters: Filters) -> Q:
    """The filters but the days, for the ledger."""
    wanted = of_the_same(filters)
    if filters.by_tag and filters.tag_value:
        wanted &= Q(tags__contains={filters.tag: filters.tag_value})
    elif filters.by_tag:
        wanted &= ~Q(tags__has_key=filters.tag)
    return wanted


def of_the_same(filters: Filters) -> Q:
    """The filters but the days and tags, for the ledger, its rollup and its summaries alike.

    They all have the same foreign keys.
    """
    wanted = Q()
    if filters.team:
        wanted &= Q(team__name=filters.team)
    if filters.provider:
        wanted &= Q(model__provider__name=filters.provider)
    if filters.model:
        provider, _, name = filters.model.partition("/")
        wanted &= Q(model__provider__name=provider, model__name=name)
    if filters.key:
        wanted &= Q(api_key__prefix=filters.key)
    if filters.route:
        wanted &= Q(route=filters.route)
    if filters.cost_center:
        wanted &= Q(team__cost_center=filters.cost_center)
    return wanted


def _average(dimension: Dimension) -> Callable[[Totals], Decimal | None]:
    if dimension.name in PER_ATTEMPT:
        return lambda totals: totals.cost_per_attempt
    return lambda totals: totals.cost_per_call


def _offered(names: set[str], chosen: str) -> tuple[str, ...]:
    return tuple(sorted((names | {chosen}) - {""}))


def _equals(dimension: Dimension, value: str, values: Sequence[str]) -> Q:
    if dimension.name == "model":
        provider, _, name = value.partition("/")
        return Q(model__provider__name=provider, model__name=name)
    return Q(**{dimension.fields[0]: values[0]})


def _group_row(dimensions: Sequence[Dimension], row: dict[str, Any]) -> GroupRow:
    parts = [[row[name] for name in dimension.fields] for dimension in dimensions]
    return GroupRow(
        values=tuple(d.value(part) for d, part in zip(dimensions, parts, strict=True)),
        labels=tuple(d.label(part) for d, part in zip(dimensions, parts, strict=True)),
        totals=Totals(**{name: row[f"sum_{name}"] for name in SUMS}),
        parts=tuple(parts[0]),
    )
