"""The spend of a period, cut by one dimension: its groups, and their days. Always adds up to the whole."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from catalog.visibility import Visibility
from metering.spend import arithmetic
from metering.spend.compared import Compared, compared
from metering.spend.filters import PREVIOUS, UNTAGGED, Filters
from metering.spend.overview import sources
from metering.spend.overview.amounts import Amounts, amounts_of
from metering.spend.overview.sources import REST, Parts
from metering.spend.queries import DIMENSIONS, SHOWN_SERIES, Dimension, Report
from metering.usage import BUCKETS

UNSPLIT = "not told by token type"
TAG_FIELDS = ("value",)
MOST_VALUES = 200  # of a tag in the table
MORE_VALUES = "(all other values)"
Days = dict[tuple[dt.date, int], Amounts]


@dataclass(frozen=True, slots=True)
class Group:
    """``narrows``: the changes to the filters that leave this group alone; empty where none do."""

    label: str
    amounts: Amounts
    narrows: Mapping[str, str] = field(default_factory=dict)
    parts: Parts = ()
    bucket: str = ""  # of a token type


@dataclass(frozen=True, slots=True)
class Before:
    """What each day of the earlier period came to, all groups together."""

    compared: Compared
    days: Mapping[dt.date, Amounts]

    @property
    def total(self) -> Amounts:
        return sum(self.days.values(), start=Amounts())


@dataclass(frozen=True, slots=True)
class Cut:
    """``shown`` have a series each in ``days``, by their place in it; REST is all others."""

    filters: Filters
    title: str
    groups: tuple[Group, ...]
    total: Amounts
    shown: tuple[Group, ...] = ()
    days: Mapping[tuple[dt.date, int], Amounts] = field(default_factory=dict)
    before: Before | None = None  # where the period is compared with it

    @property
    def empty(self) -> bool:
        return not self.groups

    @property
    def words(self) -> str:
        """The title within a sentence; a tag's name stays as it is."""
        return self.title[:1].lower() + self.title[1:]

    def series(self, place: int) -> dict[dt.date, Amounts]:
        return {day: amounts for (day, series), amounts in self.days.items() if series == place}


def cut(
    *, filters: Filters, visibility: Visibility, report: Report | None, untold: bool, today: dt.date
) -> Cut:
    """``report``: the same filters' table, where the rollup has one. ``untold``: see Amounts.

    At most four queries.
    """
    if filters.by == "token_type":
        found = _by_token_type(filters, visibility, untold)
    elif filters.by == "tag":
        found = _by_tag(filters, visibility, untold)
    else:
        found = _by_dimension(DIMENSIONS[filters.by], filters, visibility, report, untold)
    return replace(found, before=_before(filters, visibility, today))


def _before(filters: Filters, visibility: Visibility, today: dt.date) -> Before | None:
    if filters.compare != PREVIOUS:
        return None
    found = compared(filters, today=today)
    return Before(found, sources.source(filters=found.before, visibility=visibility).by_day())


def _by_dimension(
    dimension: Dimension, filters: Filters, visibility: Visibility, report: Report | None, untold: bool
) -> Cut:
    source = sources.source(filters=filters, visibility=visibility, untold=untold)
    if report is None:
        found = source.by_parts(dimension.fields)
    else:
        found = {row.parts: amounts_of(row.totals) for row in report.rows}
    groups = [
        Group(
            label=dimension.label(parts),
            amounts=amounts,
            narrows={dimension.name: dimension.value(parts)} if dimension.value(parts) else {},
            parts=parts,
        )
        for parts, amounts in found.items()
    ]
    shown = _shown(groups, filters.measure)
    days = source.by_series(dimension.fields, [group.parts for group in shown]) if groups else {}
    return _cut(filters, dimension.title, groups, shown, days)


def _by_tag(filters: Filters, visibility: Visibility, untold: bool) -> Cut:
    """The values of one tag, and what does not carry it: the rollup less all values."""
    if filters.tagged:
        left = sources.source(filters=filters, visibility=visibility, untold=untold).by_day()
        return _with_untagged(filters, [], [], {}, left)
    groups, shown, days = _values(filters, visibility, untold)
    if filters.tag_value:
        return _cut(filters, _tag_title(filters), groups, shown, days)
    whole = sources.rollup(filters=filters, visibility=visibility).by_day()
    return _with_untagged(filters, groups, shown, days, sources.less(whole, _by_day(days)))


def _values(
    filters: Filters, visibility: Visibility, untold: bool
) -> tuple[list[Group], tuple[Group, ...], Days]:
    """The MOST_VALUES dearest values of the tag, and all others as one group. Two queries."""
    rows = sources.with_tag(filters=filters, visibility=visibility, untold=untold)
    found = rows.by_parts(TAG_FIELDS, most=MOST_VALUES)
    groups = [
        Group(parts[0] or "(empty)", amounts, {"tag_value": parts[0]} if parts[0] else {}, parts)
        for parts, amounts in found.items()
    ]
    shown = _shown(groups, filters.measure)
    days = rows.by_series(TAG_FIELDS, [group.parts for group in shown]) if groups else {}
    more = sum(days.values(), start=Amounts()).without(_together(groups))
    return (groups if more.nothing else [*groups, Group(MORE_VALUES, more)]), shown, days


def _with_untagged(
    filters: Filters,
    groups: Sequence[Group],
    shown: Sequence[Group],
    days: Days,
    left: Mapping[dt.date, Amounts],
) -> Cut:
    if not left:
        return _cut(filters, _tag_title(filters), groups, shown, days)
    narrows = {"tagged": UNTAGGED} if filters.tag else {}
    rest = Group(f"(no {filters.tag or 'tag'})", sum(left.values(), start=Amounts()), narrows)
    apart = [*shown, rest]
    return _cut(filters, _tag_title(filters), [*groups, rest], apart, _added(days, left, len(shown)))


def _tag_title(filters: Filters) -> str:
    return f"Tag {filters.tag}".strip()


def _by_token_type(filters: Filters, visibility: Visibility, untold: bool) -> Cut:
    """Of the cost that no rate explains, and of what the summary does not hold yet, a group of its own."""
    by_day = sources.token_types(filters=filters, visibility=visibility, untold=untold)
    whole = sources.rollup(filters=filters, visibility=visibility).by_day()
    told = {day: sum(types.values(), start=Amounts()) for day, types in by_day.items()}
    left = {
        day: Amounts(cost=amounts.cost, tokens=amounts.tokens)
        for day, amounts in sources.less(whole, told).items()
        if amounts.cost or amounts.tokens
    }
    of_types = {bucket: {day: types[bucket] for day, types in by_day.items()} for bucket in BUCKETS}
    of_types[""] = left
    groups = [
        Group(arithmetic.WORDS.get(bucket, UNSPLIT), sum(days.values(), start=Amounts()), bucket=bucket)
        for bucket, days in of_types.items()
    ]
    groups = [group for group in groups if not group.amounts.nothing]
    shown = _shown([group for group in groups if group.amounts.measured(filters.measure)], filters.measure)
    places = {group.bucket: place for place, group in enumerate(shown)}
    days: Days = {}
    for bucket, found in of_types.items():
        present = {day: amounts for day, amounts in found.items() if not amounts.nothing}
        days = _added(days, present, places.get(bucket, REST))
    return _cut(filters, "Token type", groups, shown, days)


def _cut(filters: Filters, title: str, groups: Sequence[Group], shown: Sequence[Group], days: Days) -> Cut:
    rows = tuple(ordered(groups, filters.sort))
    return Cut(filters, title, rows, _together(groups), tuple(shown), days)


def _shown(groups: Iterable[Group], measure: str) -> tuple[Group, ...]:
    """The greatest of the measure; one more than SHOWN_SERIES are not worth an Other."""
    ranked = sorted(groups, key=lambda group: (-(group.amounts.measured(measure) or 0), group.label))
    return tuple(ranked if len(ranked) <= SHOWN_SERIES + 1 else ranked[:SHOWN_SERIES])


def ordered(groups: Iterable[Group], sort: str) -> list[Group]:
    """By name, or the greatest first; columns that these tables do not have order by cost."""
    if sort == "name":
        return sorted(groups, key=lambda group: group.label)
    column = sort if sort in ("tokens", "calls", "attempts") else "cost"

    def place(group: Group) -> tuple[bool, Decimal, str]:
        figure = group.amounts.known_cost if column == "cost" else getattr(group.amounts, column)
        return (figure is None, -Decimal(figure or 0), group.label)

    return sorted(groups, key=place)


def _together(groups: Iterable[Group]) -> Amounts:
    return sum((group.amounts for group in groups), start=Amounts())


def _by_day(days: Days) -> dict[dt.date, Amounts]:
    found: dict[dt.date, Amounts] = {}
    for (day, _), amounts in days.items():
        found[day] = found.get(day, Amounts()) + amounts
    return found


def _added(days: Days, more: Mapping[dt.date, Amounts], place: int) -> Days:
    """``days`` with ``more`` in the series ``place``."""
    added = {(day, place): days.get((day, place), Amounts()) + amounts for day, amounts in more.items()}
    return {**days, **added}
