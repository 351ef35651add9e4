"""Everything the overview shows for one set of filters."""

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils import timezone

from catalog.visibility import Visibility
from metering.spend import comparisons, figures, money, queries, trend
from metering.spend.budgets import standing as budgets
from metering.spend.budgets.standing import Budgets
from metering.spend.charts import Chart
from metering.spend.comparisons import Comparison
from metering.spend.filters import Filters
from metering.spend.overview import cuts, drill, saved, sources, standing
from metering.spend.overview.cuts import Cut, Group
from metering.spend.queries import DIMENSIONS, Choices, Report
from metering.spend.tables import GroupRow
from metering.spend.totals import Totals
from metering.summaries import summing


@dataclass(frozen=True, slots=True)
class Shown:
    """The numbers of the period: ``cut`` adds up to what the ``report`` does, where there is one.

    ``report`` has every column of the rollup; what is narrowed or grouped by tag, or by token type, has only
    those of ``cut``. ``behind``: the summaries were not brought up to date wholly.
    """

    filters: Filters
    cut: Cut
    report: Report | None
    total: Totals | None  # None where the rollup does not know: narrowed by tag
    tags: tuple[str, ...]
    behind: bool

    @property
    def empty(self) -> bool:
        return self.cut.empty

    @property
    def decimals(self) -> int:
        """Of the table's costs: the same for all, so that they align."""
        return money.decimals([self.cut.total.known_cost, *(g.amounts.known_cost for g in self.cut.groups)])

    @property
    def rows(self) -> tuple[tuple[Group, str, str], ...]:
        """Each group, the address below it, and that of its entries (empty where it has none)."""
        return tuple(
            (group, drill.deeper(self.filters, group), self._entries(group)) for group in self.cut.groups
        )

    @property
    def lines(self) -> tuple[tuple[GroupRow, str], ...]:
        """The rows of the report, with the address below each."""
        below = {group.parts: drill.deeper(self.filters, group) for group in self.cut.groups}
        return tuple((row, below[row.parts]) for row in self.report.rows) if self.report else ()

    @property
    def unknown_by_group(self) -> int:
        """Entries of unknown cost that summaries do not tell apart: said beside tables without them."""
        return 0 if self.report or self.total is None else self.total.unpriced

    def _entries(self, group: Group) -> str:
        return drill.entries(self.filters, group.narrows) if group.narrows else ""


@dataclass(frozen=True, slots=True)
class Overview:
    """``chart`` is None when nothing was spent."""

    shown: Shown
    standing: standing.Standing
    chart: Chart | None
    switches: drill.Switches
    chips: tuple[drill.Chip, ...]
    everything: str  # the query string of the page without any filter
    choices: Choices
    comparisons: tuple[Comparison, ...]
    before: trend.Before | None
    budgets: Budgets
    views: tuple[saved.View, ...]
    billed_later: Decimal | None  # USD of the period's cost; None: all of it in the months of its days


def overview(*, filters: Filters, visibility: Visibility, person: User, now: dt.datetime) -> Overview:
    """Reads the rollup and the summaries alone, and no entries."""
    today = timezone.localdate(now)
    found = shown(filters=filters, visibility=visibility)
    asked = found.filters
    of_now = budgets.budgets(filters=asked, visibility=visibility, now=now)
    return Overview(
        shown=found,
        standing=standing.standing(filters=asked, visibility=visibility, today=today, budgets=of_now),
        chart=None if found.empty else figures.chart(found.cut, today=today),
        switches=drill.switches(asked, tags=found.tags),
        chips=drill.chips(asked),
        everything=drill.everything(asked),
        choices=queries.choices(filters=asked, visibility=visibility),
        comparisons=_comparisons(asked, visibility, now),
        before=trend.before(filters=asked, total=found.total, visibility=visibility) if found.total else None,
        budgets=of_now,
        views=saved.views(owner=person, visibility=visibility),
        billed_later=None if asked.by_tag else sources.billed_later(filters=asked, visibility=visibility),
    )


def shown(*, filters: Filters, visibility: Visibility) -> Shown:
    """The period's numbers: for the page and its files alike."""
    summed = filters.by not in DIMENSIONS or filters.by_tag
    behind = summing.catch_up().behind if summed else False
    asked, tags = _with_tag(filters, visibility)
    report = None if summed else queries.report(filters=asked, visibility=visibility)
    total = report.total if report else queries.total(filters=asked, visibility=visibility)
    cut = cuts.cut(filters=asked, visibility=visibility, report=report, untold=total.unpriced > 0)
    return Shown(asked, cut, report, None if asked.by_tag else total, tags, behind)


def _with_tag(filters: Filters, visibility: Visibility) -> tuple[Filters, tuple[str, ...]]:
    """By tag without a name: the tag on the most of the spend."""
    if filters.by != "tag":
        return filters, ()
    names = sources.tag_names(filters=filters, visibility=visibility)
    return (filters if filters.tag or not names else replace(filters, tag=names[0])), names


def _comparisons(filters: Filters, visibility: Visibility, now: dt.datetime) -> tuple[Comparison, ...]:
    """Of all calls alone: by tag it is not kept how long answers and their reasoning were."""
    if filters.by_tag:
        return ()
    return comparisons.comparisons(filters=filters, visibility=visibility, now=now)
