"""What every chart of the pages is made of: palette, axes, traces, and the same numbers as a table. Pure.

Money stays a decimal string all the way into the page; plotly.js reads strings as numbers only to draw them.
Only bars, lines and points are used: they are what plotly.js's basic bundle draws. static/charts.js adds the
theme.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from plotly import graph_objects as go

# Okabe and Ito's palette (safe for colour-blind readers, legible on light and dark), then grey for the rest.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#7570b3", "#8c564b")
OTHER_COLOUR = "#8a8f98"
MOST_DAYS_NAMED = 12
# Said, not left to plotly.js, which takes the least distance between bars: a lone day would be a hairline.
BAR_WIDTH_MS = 18 * 3600 * 1000
HEIGHT = 360  # pixels
HOVER = "%{fullData.name}<br>%{x}<br>%{customdata[0]}<extra></extra>"


@dataclass(frozen=True, slots=True)
class Cell:
    """``text`` as it is shown; ``title`` the exact figure behind it; ``href`` where it leads."""

    text: str
    href: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A chart's numbers for people who read them, copy them or print them. The first column names the row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    foot: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """``name`` ties the figure to its place; ``summary`` says it to people who do not see it."""

    name: str
    title: str
    summary: str
    figure: dict[str, Any]
    table: Table | None = None
    note: str = ""

    @property
    def place(self) -> str:
        """The id of the element that carries the figure."""
        return f"figure-{self.name}"


@dataclass(frozen=True, slots=True)
class Point:
    """``x`` and ``y`` as plotly.js takes them (money: a decimal string); what hovering says; where a click
    leads.
    """

    x: str
    y: str
    said: str = ""
    href: str = ""


def bars(name: str, colour: str, points: Sequence[Point], **more: Any) -> go.Bar:
    """One series of bars. ``more``: width=BAR_WIDTH_MS for days."""
    return go.Bar(**_trace(name, points), marker={"color": colour}, **more)


def line(name: str, colour: str, points: Sequence[Point], **more: Any) -> go.Scatter:
    """One line; ``more``: mode, line={"dash": "dot"}, fill ..."""
    style = {"color": colour, "width": 2, **more.pop("line", {})}
    return go.Scatter(**_trace(name, points), mode=more.pop("mode", "lines"), line=style, **more)


def figure(
    traces: Sequence[Any], *, narrow: Mapping[str, Any] | None = None, **layout: Any
) -> dict[str, Any]:
    """Traces with the layout that all pages share; ``layout`` adds to it or replaces parts of it.

    ``narrow``: what is otherwise on a phone, by parts of the layout (axes are merged, key by key).
    """
    drawn = go.Figure(layout={"template": "none"})
    drawn.add_traces(list(traces))
    drawn.update_layout(
        **{
            "margin": {"l": 60, "r": 12, "t": 8, "b": 8},
            "height": HEIGHT,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "hovermode": "closest",
            "showlegend": True,
            "legend": {"orientation": "h", "y": -0.08, "yanchor": "top", "x": 0, "traceorder": "normal"},
            "yaxis": dict(USD),
            **layout,
        }
    )
    found: dict[str, Any] = drawn.to_plotly_json()
    return found | {"narrow": dict(narrow)} if narrow else found


USD: dict[str, Any] = {
    "type": "linear",
    "tickprefix": "$",
    "automargin": True,  # small amounts have long labels
    "rangemode": "tozero",
    "exponentformat": "none",
}
COUNT: dict[str, Any] = {"type": "linear", "rangemode": "tozero", "tickformat": "~s"}  # 1.2M


def days_axis(start: dt.date, end: dt.date) -> dict[str, Any]:
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


def reach(
    values: Sequence[Decimal], *, before: Decimal, after: Decimal, least: Decimal = Decimal(0)
) -> list[float]:
    """The range of an axis over ``values``, with room for words at its ends, in parts of its width.

    ``least``: the width of the values at least. Floats: places on a screen, no money.
    """
    low = min(values)
    width = max(max(values) - low, least)
    return [float(low - before * width), float(low + width + after * width)]


def plain(name: str) -> str:
    """Names are text: plotly.js would read a few HTML tags in them."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _trace(name: str, points: Sequence[Point]) -> dict[str, Any]:
    return {
        "name": plain(name),
        "x": [point.x for point in points],
        "y": [point.y for point in points],
        "customdata": [[plain(point.said), point.href] for point in points],
        "hovertemplate": HOVER,
    }
