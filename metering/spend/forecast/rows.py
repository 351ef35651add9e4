"""The page's rows: the month's end by team, and the budgets with the day on which each is spent."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from catalog.visibility import Visibility
from metering import exhaustion, forecasting, windows
from metering.exhaustion import Exhaustion
from metering.forecasting import HISTORY, ZERO, MonthEnd
from metering.models import Limit
from metering.spend.budgets import standing
from metering.spend.budgets.standing import Budget
from metering.spend.forecast import queries
from metering.spend.forecast.queries import ByDay

DAY = dt.timedelta(days=1)
WHOLE_TEAM = "whole team"  # as Limit.scope calls it


@dataclass(frozen=True, slots=True)
class TeamRow:
    """``end`` is None without enough history. USD."""

    team: str
    so_far: Decimal
    end: MonthEnd | None
    last_month: Decimal

    @property
    def change(self) -> Decimal | None:
        """Of the expected month on the last: 0.25 is a quarter more."""
        if self.end is None or not self.last_month:
            return None
        return (self.end.band.mid - self.last_month) / self.last_month


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """``until``: the last day of its period. ``exhaustion`` is None where nothing can be said."""

    budget: Budget
    until: dt.date | None
    exhaustion: Exhaustion | None

    @property
    def order(self) -> tuple[dt.date, str, int]:
        found = self.exhaustion
        day = None if found is None else found.expected or found.earliest
        return day or dt.date.max, self.budget.team, self.budget.id


@dataclass(frozen=True, slots=True)
class Page:
    """``costs``: by day, of what is shown (one team, or all), for 28 days and the last month at least."""

    today: dt.date
    team: str
    names: tuple[str, ...]
    teams: tuple[TeamRow, ...]
    whole: TeamRow
    budgets: tuple[BudgetRow, ...]
    costs: Mapping[dt.date, Decimal]
    ceiling: Decimal | None

    @property
    def shown(self) -> TeamRow:
        return next((row for row in self.teams if row.team == self.team), self.whole)


def page(*, team: str, visibility: Visibility, now: dt.datetime, zone: ZoneInfo) -> Page:
    """Seven queries at most."""
    today = now.astimezone(zone).date()
    first = min((today.replace(day=1) - DAY).replace(day=1), today - HISTORY * DAY)
    costs = queries.by_team(first=first, last=today, visibility=visibility)
    together = _together(costs)
    rows = tuple(_team(name, of, today) for name, of in sorted(costs.items()))
    budgets = _budgets(costs, visibility, now, zone)
    return Page(
        today=today,
        team=team,
        names=tuple(visibility.teams().values_list("name", flat=True)),
        teams=tuple(sorted(rows, key=lambda row: (-_expected(row), row.team))),
        whole=_team("All teams", together, today),
        budgets=tuple(row for row in budgets if not team or row.budget.team == team),
        costs=costs.get(team, {}) if team else together,
        ceiling=_ceiling(budgets, team),
    )


def _team(name: str, costs: ByDay, today: dt.date) -> TeamRow:
    month = today.replace(day=1)
    last = (month - DAY).replace(day=1)
    return TeamRow(
        team=name,
        so_far=sum((cost for day, cost in costs.items() if day >= month), ZERO),
        end=forecasting.month_end(costs=costs, today=today),
        last_month=sum((cost for day, cost in costs.items() if last <= day < month), ZERO),
    )


def _budgets(
    costs: Mapping[str, ByDay], visibility: Visibility, now: dt.datetime, zone: ZoneInfo
) -> list[BudgetRow]:
    """Those that are spent first, first."""
    limits = visibility.restrict(standing.in_use().exclude(period=Limit.Period.MINUTE))
    today = now.astimezone(zone).date()
    narrow = queries.narrower(limits=limits, first=today - HISTORY * DAY, last=today)
    rows = [
        _budget(
            one, costs.get(one.team, {}) if one.scope == WHOLE_TEAM else narrow.get(one.id, {}), today, zone
        )
        for one in standing.of_limits(limits, now=now).rows
    ]
    return sorted(rows, key=lambda row: row.order)


def _budget(budget: Budget, costs: ByDay, today: dt.date, zone: ZoneInfo) -> BudgetRow:
    until = _until(budget, today, zone)
    found = forecasting.pattern(costs=costs, today=today)
    if found is None:
        return BudgetRow(budget, until, None)
    when = exhaustion.exhaustion(
        pattern=found,
        left=budget.ceiling if budget.left is None else budget.left,
        spent_today=costs.get(today, ZERO),
        today=today,
        until=until or dt.date.max,
    )
    return BudgetRow(budget, until, when)


def _until(budget: Budget, today: dt.date, zone: ZoneInfo) -> dt.date | None:
    """The last day of the period that is open now; None for a budget of all time."""
    if budget.period == Limit.Period.TOTAL:
        return None
    noon = dt.datetime.combine(today, dt.time(12), tzinfo=zone)
    _, ends_at = windows.bounds(period=budget.period, at=noon, zone=zone)
    return (ends_at.astimezone(zone) - DAY / 2).date()


def _ceiling(budgets: list[BudgetRow], team: str) -> Decimal | None:
    """The least monthly budget of the whole team that is shown."""
    found = [
        row.budget.ceiling
        for row in budgets
        if row.budget.team == team
        and row.budget.period == Limit.Period.MONTH
        and row.budget.scope == WHOLE_TEAM
    ]
    return min(found, default=None)


def _together(costs: Mapping[str, ByDay]) -> ByDay:
    together: ByDay = {}
    for of in costs.values():
        for day, cost in of.items():
            together[day] = together.get(day, ZERO) + cost
    return together


def _expected(row: TeamRow) -> Decimal:
    return row.so_far if row.end is None else row.end.band.mid
