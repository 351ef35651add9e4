"""The rows of a report to a Plotly figure. Pure: no models, no queries, no request."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.urls import reverse

from metering.spend import charts, money
from metering.spend.charts import COLOURS, OTHER_COLOUR, Point
from metering.spend.queries import OTHER, Report, SeriesPoint


def spend_by_day(report: Report) -> dict[str, Any]:
    """Stacked bars, one colour for each group shown; a bar leads to its entries."""
    traces = [
        _bars(report, row.label, row.value, COLOURS[index % len(COLOURS)], _of_series(report.bars, index))
        for index, row in enumerate(report.shown)
    ]
    if rest := _of_series(report.bars, -1):
        traces.append(_bars(report, OTHER, "", OTHER_COLOUR, rest))
    days = charts.days_axis(report.filters.start, report.filters.end)
    return charts.figure(traces, barmode="stack", xaxis=days)


def summary(report: Report) -> str:
    """The chart in one sentence, for people who do not see it."""
    by_day: dict[dt.date, Decimal] = {}
    for point in report.bars:
        by_day[point.day] = by_day.get(point.day, Decimal(0)) + point.cost
    if not by_day:
        return "No spend in this period."
    dearest = max(by_day, key=lambda day: by_day[day])
    return (
        f"Cost by day and {report.dimension.title.lower()}, {report.filters.start} to {report.filters.end}: "
        f"{money.total_usd(report.total.cost)} in all on {len(by_day)} days with calls; "
        f"most on {dearest}, {money.total_usd(by_day[dearest])}."
    )


@dataclass(frozen=True, slots=True)
class DayTable:
    """The chart's numbers as a table: a row for each day with calls, a cell for each series, their sum.

    A cell has the value of its group, which is empty for the rest of the groups.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[dt.date, tuple[tuple[str, SeriesPoint | None], ...], SeriesPoint], ...]

    @property
    def decimals(self) -> int:
        cells = [point for _, cells, _ in self.rows for _, point in cells if point is not None]
        return money.decimals([point.known_cost for point in (*cells, *(row[2] for row in self.rows))])


def day_table(report: Report) -> DayTable:
    """What the bars show, for people who read numbers; None where a group had no calls."""
    series = [*range(len(report.shown)), *([-1] if any(p.series == -1 for p in report.bars) else [])]
    days = sorted({point.day for point in report.bars}, reverse=True)
    points = {(point.day, point.series): point for point in report.bars}
    values = ["" if index == -1 else report.shown[index].value for index in series]
    rows = []
    for day in days:
        cells = [points.get((day, index)) for index in series]
        together = _together(day, [point for point in cells if point is not None])
        rows.append((day, tuple(zip(values, cells, strict=True)), together))
    names = tuple(OTHER if index == -1 else report.shown[index].label for index in series)
    return DayTable(names=names, rows=tuple(rows))


def _together(day: dt.date, points: Sequence[SeriesPoint]) -> SeriesPoint:
    cost = sum((point.cost for point in points), Decimal(0))
    return SeriesPoint(day, -1, cost, sum(point.unpriced for point in points))


def _of_series(points: Sequence[SeriesPoint], series: int) -> list[SeriesPoint]:
    return [point for point in points if point.series == series]


def _bars(report: Report, name: str, value: str, colour: str, points: Sequence[SeriesPoint]) -> Any:
    group = {report.dimension.name: value} if value else {}
    drawn = [
        Point(
            x=point.day.isoformat(),
            y=money.exact(point.cost),
            said=_said(point),
            href=f"{reverse('spend:entries')}?{report.filters.on(point.day).entries_query(**group)}",
        )
        for point in points
    ]
    return charts.bars(name, colour, drawn, width=charts.BAR_WIDTH_MS)


def _said(point: SeriesPoint) -> str:
    known = [] if point.known_cost is None else [money.exact_usd(point.cost)]
    unknown = [f"{point.unpriced} of unknown cost"] if point.unpriced > 0 else []
    return " + ".join(known + unknown)
