"""Are we all right? Today's figures, whatever period the page shows; filters narrow them all the same."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from django.db.models import Count, Min, Q, Sum

from catalog.visibility import Visibility
from metering import forecasting
from metering.closing import open_months
from metering.forecasting import MonthEnd, Usual
from metering.models import Hold, ReconciliationRun
from metering.spend import queries
from metering.spend.budgets.standing import Budget, Budgets
from metering.spend.filters import Filters
from metering.spend.overview import sources
from metering.spend.overview.amounts import Amounts
from metering.spend.totals import Totals

ZERO = Decimal(0)
MONTHS_COMPARED = 12  # of vendors' bills


@dataclass(frozen=True, slots=True)
class Monthly:
    """The budgets of a month, the fullest first."""

    rows: tuple[Budget, ...]

    @property
    def worst(self) -> Budget | None:
        return self.rows[0] if self.rows else None

    @property
    def over(self) -> int:
        return sum(1 for row in self.rows if row.over)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Entries of unknown cost of the months that are not closed: how many, and at most how much."""

    filters: Filters
    totals: Totals


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Open holds: calls that are not booked yet. ``unbounded`` state no USD; None: none of them does."""

    calls: int
    usd: Decimal | None
    unbounded: int
    oldest: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Variance:
    """Open gaps to vendors' bills, of the latest comparison of each month; None: nothing was compared."""

    open_gap: Decimal | None
    months: int
    oldest: dt.date | None


@dataclass(frozen=True, slots=True)
class Standing:
    """``month``: this month to date. ``variance`` is None for people who see only their teams."""

    filters: Filters  # of the month to date
    month: Amounts
    month_end: MonthEnd | None
    history_since: dt.date | None  # the first day with a cost that was looked at
    usual: Usual | None
    yesterday: Amounts
    budgets: Monthly
    unknown: Unknown
    unsettled: Unsettled
    variance: Variance | None

    @property
    def today(self) -> dt.date:
        return self.filters.end

    @property
    def day_before(self) -> dt.date:
        return self.today - dt.timedelta(days=1)


def standing(*, filters: Filters, visibility: Visibility, today: dt.date, budgets: Budgets) -> Standing:
    """Three queries; four for people who see every team; one more where calls without a tag are asked for."""
    now = replace(filters, start=today.replace(day=1), end=today, period="month")
    days = _days(now, visibility)
    costs = {day: amounts.cost for day, amounts in days.items() if amounts.cost}
    yesterday = today - dt.timedelta(days=1)
    return Standing(
        filters=now,
        month=sum((amounts for day, amounts in days.items() if day >= now.start), start=Amounts()),
        month_end=forecasting.month_end(costs=costs, today=today),
        history_since=min(costs, default=None),
        usual=forecasting.usual(costs=costs, day=yesterday),
        yesterday=days.get(yesterday, Amounts()),
        budgets=Monthly(tuple(row for row in budgets.rows if row.period == "month")),
        unknown=_unknown(now, visibility),
        unsettled=_unsettled(now, visibility),
        variance=_variance(now) if visibility.team_ids is None else None,
    )


def _days(now: Filters, visibility: Visibility) -> Mapping[dt.date, Amounts]:
    """As far back as the usual day and the forecast look."""
    back = now.end - dt.timedelta(weeks=forecasting.WEEKS, days=1)
    return sources.source(filters=replace(now, start=back), visibility=visibility).by_day()


def _unknown(now: Filters, visibility: Visibility) -> Unknown:
    wanted = replace(now, start=open_months.first_day(today=now.start), period="", tag_value="", tagged="")
    return Unknown(wanted, queries.total(filters=wanted, visibility=visibility))


def _unsettled(now: Filters, visibility: Visibility) -> Unsettled:
    holds = visibility.restrict(Hold.objects.filter(queries.narrowing(now)))
    found = holds.order_by().aggregate(
        calls=Count("pk"), known=Count("usd"), held=Sum("usd"), oldest=Min("started_at")
    )
    usd = found["held"] if found["calls"] else ZERO
    return Unsettled(found["calls"], usd, found["calls"] - found["known"], found["oldest"])


def _variance(now: Filters) -> Variance:
    months = Q(month__gt=now.start - dt.timedelta(days=31 * MONTHS_COMPARED))
    vendor = Q(provider__name=now.provider) if now.provider else Q()
    runs = ReconciliationRun.objects.filter(months & vendor)
    newest = runs.order_by("provider_id", "month", "-id").distinct("provider_id", "month")
    found = [(run.open_gap, run.oldest_open) for run in newest]
    oldest = [day for _, day in found if day is not None]
    open_gap = sum((gap for gap, _ in found), ZERO) if found else None
    return Variance(open_gap, len(found), min(oldest, default=None))
