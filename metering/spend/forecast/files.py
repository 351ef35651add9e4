"""The forecast's two tables as files: every digit; quotients are written to 12 decimals, shares to 6."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from metering.spend.export import Cell
from metering.spend.forecast.rows import BudgetRow, Page, TeamRow

Row = tuple[Cell, ...]
TEAM_COLUMNS = (
    "row", "team", "as_of", "time_zone", "spent_so_far_usd", "month_end_usd", "month_end_low_usd",
    "month_end_high_usd", "days_to_come", "last_month_usd", "change_share",
)  # fmt: skip
BUDGET_COLUMNS = (
    "team", "budget_of", "each", "as_of", "time_zone", "budget_usd", "left_usd", "forecast", "spent_on",
    "spent_on_at_the_earliest", "last_day_of_period",
)  # fmt: skip


def team_rows(page: Page, *, time_zone: str) -> Iterator[Row]:
    """A row for each team, then all together: reckoned from their sum, as on the page."""
    yield TEAM_COLUMNS
    for row in page.teams:
        yield ("team", row.team, page.today, time_zone, *_team(row))
    yield ("together", "", page.today, time_zone, *_team(page.whole))


def budget_rows(page: Page, *, time_zone: str) -> Iterator[Row]:
    """Those that are spent first, first. A budget that nobody used yet has nothing left to say."""
    yield BUDGET_COLUMNS
    for row in page.budgets:
        found, budget = row.exhaustion, row.budget
        days = (found.expected, found.earliest) if found else (None, None)
        named = (budget.team, budget.scope, budget.period, page.today, time_zone)
        yield (*named, budget.ceiling, budget.left, _said(row), *days, row.until)


TABLES: Mapping[str, Callable[..., Iterator[Row]]] = {"teams": team_rows, "budgets": budget_rows}
TITLES = {"teams": "Forecast of the month's end by team", "budgets": "When budgets are spent"}


def _team(row: TeamRow) -> Row:
    band = row.end.band if row.end else None
    return (
        row.so_far,
        _rounded(band.mid, 12) if band else None,
        _rounded(band.low, 12) if band else None,
        _rounded(band.high, 12) if band else None,
        row.end.days_to_come if row.end else None,
        row.last_month,
        None if row.change is None else _rounded(row.change, 6),
    )


def _said(row: BudgetRow) -> str:
    if row.exhaustion is None:
        return "too little history"
    if row.budget.over:
        return "spent already"
    return "spent" if row.exhaustion.expected else "may be spent" if row.exhaustion.earliest else "lasts"


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places))


__all__ = ["TABLES", "TITLES"]
