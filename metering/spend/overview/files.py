"""The overview as files: the table, and the days of the chart, exactly as they are shown."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from metering.spend import export, figures
from metering.spend.export import Cell
from metering.spend.overview.amounts import Amounts
from metering.spend.overview.page import Shown

TABLE_COLUMNS = ("row", "group", "from", "to", "time_zone", "tokens", "calls", "attempts", "cost_usd")


def table_rows(shown: Shown, *, time_zone: str) -> Iterator[tuple[Cell, ...]]:
    """A row for each group, then the total; with every column of the rollup, where the page has them."""
    if shown.report:
        return export.report_rows(shown.report, time_zone=time_zone)
    return _table_rows(shown, time_zone)


def day_rows(shown: Shown, *, today: dt.date, time_zone: str) -> Iterator[tuple[Cell, ...]]:
    """The chart's numbers: a row for each day, the newest first; empty where a group has none."""
    measure, cut = shown.filters.measure, shown.cut
    drawn = figures.drawn(cut, today=today)
    yield ("day", "time_zone", "measure", "shape", *drawn.names)
    for day, amounts in drawn.rows:
        yield (day, time_zone, measure, shown.filters.shape, *(_figure(one, measure) for one in amounts))


def _table_rows(shown: Shown, time_zone: str) -> Iterator[tuple[Cell, ...]]:
    filters = shown.filters
    period = (filters.start, filters.end, time_zone)
    name = f"tag {filters.tag}" if filters.by == "tag" else filters.by
    yield TABLE_COLUMNS
    for group in shown.cut.groups:
        yield (name, group.label, *period, *_amounts(group.amounts, filters.by))
    yield ("total", "", *period, *_amounts(shown.cut.total, filters.by))


def _amounts(amounts: Amounts, by: str) -> tuple[Cell, ...]:
    """A request has tokens of several types: by token type there is no number of them."""
    counts = (None, None) if by == "token_type" else (amounts.calls, amounts.attempts)
    return (amounts.tokens, *counts, amounts.known_cost)


def _figure(amounts: Amounts | None, measure: str) -> Decimal | None:
    return None if amounts is None else amounts.measured(measure)
