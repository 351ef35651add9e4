"""Plain rows to Plotly figures. Pure: no models, no queries, no request.

plotly.js takes moments as they are written: they are written in the business time zone.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from plotly import graph_objects as go

from metering.spend import charts as drawing
from metering.spend.charts import COLOURS, OTHER_COLOUR, Chart, Point
from metering.summaries import durations
from proxy.pages.reports import Report, Row, Slice
from proxy.pages.standing import Standing
from proxy.pages.timeline import Span

BLUE, ORANGE, GREEN, PINK, SKY, RED, *_ = COLOURS
STATES = {"open": RED, "half_open": ORANGE, "drained": SKY}
FATES = {
    "failed": ("failed", RED),
    "answered": ("answered", GREEN),
    "apart": ("left, or the caller's mistake", OTHER_COLOUR),
}
PERCENTILES = (("p50", SKY), ("p95", BLUE), ("p99", PINK))
MOST_GROUPS = 12  # bars beside one another; the busiest
SECONDS_ABOVE_MS = 10_000
HEIGHT = 320  # pixels
ROW_HEIGHT = 34  # pixels of one breaker
LEGEND_ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"}


def charts(report: Report, standing: Standing | None) -> tuple[Chart, ...]:
    """Those that have something to show."""
    found = []
    if standing is not None and standing.spans:
        found.append(breakers(report, standing))
    if report.slices:
        found.append(over_time(report))
    if report.total.latencies.whole.count:
        found.append(percentiles(report))
    return tuple(found)


def breakers(report: Report, standing: Standing) -> Chart:
    """A bar for each span in which a breaker was open, half open or drained, on its own line."""
    names = sorted({drawing.plain(span.breaker) for span in standing.spans}, reverse=True)
    by_state = {state: [span for span in standing.spans if span.state == state] for state in STATES}
    figure = drawing.figure(
        [
            _bars(found, STATES[state], width=0.3 if state == "drained" else 0.66)
            for state, found in by_state.items()
            if found
        ],
        barmode="overlay",
        height=120 + ROW_HEIGHT * len(names),
        margin={"l": 8, "r": 12, "t": 34, "b": 44},
        legend=LEGEND_ABOVE,
        xaxis=_period(report),
        yaxis={"type": "category", "categoryarray": names, "automargin": True, "fixedrange": True},
    )
    opened = len(by_state["open"])
    summary = (
        f"Breakers over the period: {opened} openings on {len(names)} breakers; each is in the table below."
    )
    return Chart("breakers", "Breakers over time", summary, figure)


def over_time(report: Report) -> Chart:
    """Stacked bars of requests, those that failed at the bottom where they are seen."""
    counts = {fate: [_requests(part, fate) for part in report.slices] for fate in FATES}
    moments = [_moment(part.since) for part in report.slices]
    width = report.asked.step.total_seconds() * 900
    figure = drawing.figure(
        [
            drawing.bars(*FATES[fate], _points(moments, of), width=width, offset=0)
            for fate, of in counts.items()
            if any(of)
        ],
        barmode="stack",
        height=HEIGHT,
        margin={"l": 50, "r": 12, "t": 34, "b": 44},
        legend=LEGEND_ABOVE,
        xaxis=_period(report),
        yaxis={"type": "linear", "rangemode": "tozero", "fixedrange": True},
    )
    found = report.total.requests
    summary = f"Requests over the period: {found.answered:,} answered, {found.failed:,} failed."
    return Chart("requests", "Requests over time", summary, figure)


def percentiles(report: Report) -> Chart:
    """p50, p95 and p99 of each group's answers, and the objective where it is in sight."""
    rows = [row for row in report.rows if row.latencies.whole.count][:MOST_GROUPS]
    unit, milliseconds = _unit(rows)
    names = [drawing.plain(row.value) for row in rows]
    figure = drawing.figure(
        [
            drawing.bars(
                name,
                colour,
                _points(
                    names, [_scaled(getattr(row.latencies.whole, name), milliseconds) for row in rows], unit
                ),
            )
            for name, colour in PERCENTILES
        ],
        barmode="group",
        height=HEIGHT,
        margin={"l": 60, "r": 12, "t": 34, "b": 8},
        legend=LEGEND_ABOVE,
        shapes=_objective_in_sight(rows, report.objectives.latency_ms, milliseconds),
        xaxis={"type": "category", "fixedrange": True, "automargin": True},
        yaxis={"type": "linear", "rangemode": "tozero", "ticksuffix": f" {unit}", "fixedrange": True},
    )
    about = "" if report.asked.exact else f", within {durations.PRECISION}"
    p95 = report.total.latencies.whole.p95
    summary = f"Latency of answers: p95 {p95} ms over all{about}; the table has every group."
    return Chart("latency", "Latency of answers", summary, figure)


def _period(report: Report) -> dict[str, Any]:
    return {"type": "date", "range": [_moment(report.asked.start), _moment(report.asked.end)]}


def _requests(part: Slice, fate: str) -> int:
    found = part.requests
    count: int = found.left + found.mistaken if fate == "apart" else getattr(found, fate)
    return count


def _points(xs: Sequence[str], ys: Sequence[float | None], unit: str = "") -> list[Point]:
    return [Point(x, str(y), f"{y:,} {unit}".strip()) for x, y in zip(xs, ys, strict=True) if y]


def _unit(rows: Sequence[Row]) -> tuple[str, int]:
    """Of the axis, and its milliseconds: seconds where a bar is longer than ten of them."""
    longest = max((row.latencies.whole.p99 or 0 for row in rows), default=0)
    return ("s", 1000) if longest > SECONDS_ABOVE_MS else ("ms", 1)


def _scaled(value: int | None, milliseconds: int) -> float | int | None:
    return value if value is None or milliseconds == 1 else value / milliseconds


def _objective_in_sight(rows: Sequence[Row], limit: int, milliseconds: int) -> list[dict[str, Any]]:
    """A line at the objective for p95, unless all bars would be flat beside it."""
    if limit > 2 * max(row.latencies.whole.p99 or 0 for row in rows):
        return []
    at = _scaled(limit, milliseconds)
    line = {"color": RED, "width": 1.5, "dash": "dash"}
    return [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at, "line": line}]


def _bars(found: Sequence[Span], colour: str, *, width: float) -> go.Bar:
    return go.Bar(
        name=found[0].words,
        orientation="h",
        y=[drawing.plain(span.breaker) for span in found],
        base=[_moment(span.since) for span in found],
        x=[(span.until - span.since) / dt.timedelta(milliseconds=1) for span in found],
        width=width,
        # a line of the same colour: what lasted a second is still seen in a month
        marker={"color": colour, "line": {"color": colour, "width": 2}},
        customdata=[_said(span) for span in found],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _said(span: Span) -> str:
    """What a span is and why, in a few lines."""
    cause = span.cause
    until = "still" if span.lasts else f"until {_moment(span.until)[:19].replace('T', ' ')}"
    lines = [
        f"{span.breaker}: {span.words.lower()}",
        f"since {_moment(cause.at)[:19].replace('T', ' ')}, {until}",
        cause.reason_words + (f", {cause.by}" if cause.by else ""),
        *(part for part in (cause.evidence.words, cause.note) if part),
    ]
    return "<br>".join(drawing.plain(line[:120]) for line in lines)


def _moment(at: dt.datetime) -> str:
    return timezone.localtime(at).replace(tzinfo=None).isoformat()
