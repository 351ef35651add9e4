"""Plain rows to a Plotly figure. Pure: no models, no queries, no request.

Money stays a decimal string all the way into the page; plotly.js reads strings as numbers only to draw them.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from plotly import graph_objects as go

from metering.spend import money
from metering.spend.queries import OTHER, Report, SeriesPoint

# Okabe and Ito's palette (safe for colour-blind readers, legible on light and dark), then grey for the rest.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#7570b3", "#8c564b")
OTHER_COLOUR = "#8a8f98"
MOST_DAYS_NAMED = 12
# Said, not left to plotly.js, which takes the least distance between bars: a lone day would be a hairline.
BAR_WIDTH_MS = 18 * 3600 * 1000


def spend_by_day(report: Report) -> dict[str, Any]:
    """Stacked bars, one colour for each group shown; the page's script adds the colours of the theme."""
    figure = go.Figure(layout={"template": "none"})
    for index, row in enumerate(report.shown):
        bars = _of_series(report.bars, index)
        figure.add_trace(
            _bars(row.label, COLOURS[index % len(COLOURS)], bars, _entries_query(report, row.value))
        )
    rest = _of_series(report.bars, -1)
    if rest:
        figure.add_trace(_bars(OTHER, OTHER_COLOUR, rest, _entries_query(report)))
    figure.update_layout(
        barmode="stack",
        margin={"l": 60, "r": 12, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        showlegend=True,
        legend={"orientation": "h", "y": -0.08, "yanchor": "top", "x": 0, "traceorder": "normal"},
        xaxis=_days_axis(report.filters.start, report.filters.end),
        yaxis={"type": "linear", "tickprefix": "$", "rangemode": "tozero", "exponentformat": "none"},
    )
    drawn: dict[str, Any] = figure.to_plotly_json()
    return drawn


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


def _days_axis(start: dt.date, end: dt.date) -> dict[str, Any]:
    """Whole days only; a few days get room beside them instead of bars as wide as the page."""
    days = (end - start).days + 1
    room = dt.timedelta(hours=12 if days > 3 else 60)
    step = -(-days // MOST_DAYS_NAMED)
    return {
        "type": "date",
        "range": [
            (dt.datetime.combine(start, dt.time()) - room).isoformat(),
            (dt.datetime.combine(end, dt.time()) + room).isoformat(),
        ],
        "tickvals": [(start + dt.timedelta(days=number)).isoformat() for number in range(0, days, step)],
        "tickformat": "%-d %b",
        "hoverformat": "%Y-%m-%d",
        "showgrid": False,
    }


def _together(day: dt.date, points: Sequence[SeriesPoint]) -> SeriesPoint:
    cost = sum((point.cost for point in points), Decimal(0))
    return SeriesPoint(day, -1, cost, sum(point.unpriced for point in points))


def _of_series(points: Sequence[SeriesPoint], series: int) -> list[SeriesPoint]:
    return [point for point in points if point.series == series]


def _entries_query(report: Report, value: str = "") -> str:
    """Where a click on a bar leads; the page's script puts the bar's day in."""
    return report.filters.entries_query(**({report.dimension.name: value} if value else {}))


def _bars(name: str, colour: str, points: Sequence[SeriesPoint], entries_query: str) -> go.Bar:
    return go.Bar(
        name=_plain(name),
        meta=entries_query,
        x=[point.day.isoformat() for point in points],
        y=[money.exact(point.cost) for point in points],
        customdata=[_said(point) for point in points],
        width=BAR_WIDTH_MS,
        marker={"color": colour},
        hovertemplate="%{fullData.name}<br>%{x}<br>%{customdata}<extra></extra>",
    )


def _said(point: SeriesPoint) -> str:
    known = [] if point.known_cost is None else [money.exact_usd(point.cost)]
    unknown = [f"{point.unpriced} of unknown cost"] if point.unpriced > 0 else []
    return " + ".join(known + unknown)


def _plain(name: str) -> str:
    """Names are text: plotly.js would read a few HTML tags in them."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
