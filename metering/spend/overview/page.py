"""Everything the overview shows for one set of filters."""

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils import timezone

from catalog.visibility import Visibility
from metering.spend import figures, queries, trend
from metering.spend.budgets import standing as budgets
from metering.spend.budgets.standing import Budgets
from metering.spend.charts import Chart
from metering.spend.economics import page as economics
from metering.spend.economics.findings import Finding
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
    findings: tuple[Finding, ...]
    before: trend.Before | None
    budgets: Budgets
    views: tuple[saved.View, ...]
    billed_later: Decimal | None  # USD of the period's cost; None: all of it in the months of its days


def overview(*, filters: Filters, visibility: Visibility, person: User, now: dt.datetime) -> Overview:
    """Brings the summaries up to date, then reads them and the rollup alone, and no entries."""
    today = timezone.localdate(now)
    found = _shown(filters, visibility, today, behind=summing.catch_up().behind)
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
        findings=_findings(asked, visibility, now),
        before=_before(found, visibility, today),
        budgets=of_now,
        views=saved.views(owner=person, visibility=visibility),
        billed_later=None if asked.by_tag else sources.billed_later(filters=asked, visibility=visibility),
    )


def shown(*, filters: Filters, visibility: Visibility, today: dt.date) -> Shown:
    """The period's numbers, for files; as on the page."""
    return _shown(filters, visibility, today, behind=_summed(filters) and summing.catch_up().behind)


def _summed(filters: Filters) -> bool:
    """Whether it is the summaries that know, and not the rollup."""
    return filters.by not in DIMENSIONS or filters.by_tag


def _shown(filters: Filters, visibility: Visibility, today: dt.date, *, behind: bool) -> Shown:
    summed = _summed(filters)
    asked, tags = _with_tag(filters, visibility)
    report = None if summed else queries.report(filters=asked, visibility=visibility)
    total = report.total if report else queries.total(filters=asked, visibility=visibility)
    untold = total.unpriced > 0
    cut = cuts.cut(filters=asked, visibility=visibility, report=report, untold=untold, today=today)
    return Shown(asked, cut, report, None if asked.by_tag else total, tags, summed and behind)


def _before(found: Shown, visibility: Visibility, today: dt.date) -> trend.Before | None:
    if found.total is None:
        return None
    return trend.before(filters=found.filters, total=found.total, visibility=visibility, today=today)


def _with_tag(filters: Filters, visibility: Visibility) -> tuple[Filters, tuple[str, ...]]:
    """By tag without a name: the tag on the most of the spend."""
    if filters.by != "tag":
        return filters, ()
    names = sources.tag_names(filters=filters, visibility=visibility)
    return (filters if filters.tag or not names else replace(filters, tag=names[0])), names


def _findings(filters: Filters, visibility: Visibility, now: dt.datetime) -> tuple[Finding, ...]:
    """Of all calls alone: by tag it is not kept how long answers and their reasoning were."""
    if filters.by_tag:
        return ()
    return economics.told(filters=filters, visibility=visibility, now=now)
