"""Plain rows to Plotly figures. Pure: no models, no queries, no request.

plotly.js takes moments as they are written: they are written in the business time zone.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from plotly import graph_objects as go

from proxy.pages.reports import Report, Row
from proxy.pages.standing import Standing
from proxy.pages.timeline import Span

# Of Okabe and Ito's palette: safe for colour-blind readers, legible on light and dark.
STATES = {"open": "#d55e00", "half_open": "#e69f00", "drained": "#56b4e9"}
FATES = {
    "failed": ("failed", "#d55e00"),
    "answered": ("answered", "#009e73"),
    "apart": ("left, or the caller's mistake", "#8a8f98"),
}
PERCENTILES = (("p50", "#56b4e9"), ("p95", "#0072b2"), ("p99", "#cc79a7"))
MOST_GROUPS = 12  # bars beside one another; the busiest
SECONDS_ABOVE_MS = 10_000
ROW_HEIGHT = 34  # pixels of one breaker


@dataclass(frozen=True, slots=True)
class Chart:
    """``name`` ties the figure to its place; ``summary`` says it to people who do not see it."""

    name: str
    title: str
    summary: str
    figure: dict[str, Any]

    @property
    def place(self) -> str:
        """The id of the element that carries the figure."""
        return f"figure-{self.name}"


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
    names = sorted({_plain(span.breaker) for span in standing.spans}, reverse=True)
    figure = go.Figure(layout={"template": "none"})
    for state, colour in STATES.items():
        found = [span for span in standing.spans if span.state == state]
        if found:
            figure.add_trace(_bars(found, colour, width=0.3 if state == "drained" else 0.66))
    figure.update_layout(
        barmode="overlay",
        height=120 + ROW_HEIGHT * len(names),
        margin={"l": 8, "r": 12, "t": 34, "b": 44},
        xaxis={"type": "date", "range": [_moment(report.asked.start), _moment(report.asked.end)]},
        yaxis={"type": "category", "categoryarray": names, "automargin": True, "fixedrange": True},
    )
    opened = sum(1 for span in standing.spans if span.state == "open")
    summary = (
        f"Breakers over the period: {opened} openings on {len(names)} breakers; each is in the table below."
    )
    return Chart("breakers", "Breakers over time", summary, _drawn(figure))


def over_time(report: Report) -> Chart:
    """Stacked bars of requests, those that failed at the bottom where they are seen."""
    figure = go.Figure(layout={"template": "none"})
    moments = [_moment(part.since) for part in report.slices]
    for fate, (name, colour) in FATES.items():
        counts = [
            part.requests.left + part.requests.mistaken if fate == "apart" else getattr(part.requests, fate)
            for part in report.slices
        ]
        if any(counts):
            figure.add_trace(
                go.Bar(
                    name=name,
                    x=moments,
                    y=counts,
                    width=report.asked.step.total_seconds() * 900,
                    offset=0,
                    marker={"color": colour},
                    hovertemplate="%{x}<br>%{y} %{fullData.name}<extra></extra>",
                )
            )
    figure.update_layout(
        barmode="stack",
        height=320,
        margin={"l": 50, "r": 12, "t": 34, "b": 44},
        xaxis={"type": "date", "range": [_moment(report.asked.start), _moment(report.asked.end)]},
        yaxis={"type": "linear", "rangemode": "tozero", "fixedrange": True},
    )
    found = report.total.requests
    summary = f"Requests over the period: {found.answered:,} answered, {found.failed:,} failed."
    return Chart("requests", "Requests over time", summary, _drawn(figure))


def percentiles(report: Report) -> Chart:
    """p50, p95 and p99 of each group's answers, and the objective where it is in sight."""
    rows = [row for row in report.rows if row.latencies.whole.count][:MOST_GROUPS]
    unit, milliseconds = _unit(rows)
    figure = go.Figure(layout={"template": "none"})
    for name, colour in PERCENTILES:
        figure.add_trace(
            go.Bar(
                name=name,
                x=[_plain(row.value) for row in rows],
                y=[_scaled(getattr(row.latencies.whole, name), milliseconds) for row in rows],
                marker={"color": colour},
                hovertemplate=f"%{{x}}<br>%{{fullData.name}} %{{y:,}} {unit}<extra></extra>",
            )
        )
    figure.update_layout(
        barmode="group",
        height=320,
        margin={"l": 60, "r": 12, "t": 34, "b": 8},
        shapes=_objective_in_sight(rows, report.objectives.latency_ms, milliseconds),
        xaxis={"type": "category", "fixedrange": True, "automargin": True},
        yaxis={"type": "linear", "rangemode": "tozero", "ticksuffix": f" {unit}", "fixedrange": True},
    )
    summary = (
        f"Latency of answers: p95 {report.total.latencies.whole.p95} ms over all; the table has every group."
    )
    return Chart("latency", "Latency of answers", summary, _drawn(figure))


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
    line = {"color": "#d55e00", "width": 1.5, "dash": "dash"}
    return [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at, "line": line}]


def _bars(found: Sequence[Span], colour: str, *, width: float) -> go.Bar:
    return go.Bar(
        name=found[0].words,
        orientation="h",
        y=[_plain(span.breaker) for span in found],
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
    return "<br>".join(_plain(line[:120]) for line in lines)


def _drawn(figure: go.Figure) -> dict[str, Any]:
    figure.update_layout(
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    )
    drawn: dict[str, Any] = figure.to_plotly_json()
    return drawn


def _moment(at: dt.datetime) -> str:
    return timezone.localtime(at).replace(tzinfo=None).isoformat()


def _plain(name: str) -> str:
    """Names are text: plotly.js would read a few HTML tags in them."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
