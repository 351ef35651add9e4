"""The chart of the what-if page: each type of token, as booked and otherwise. Pure."""

from collections.abc import Sequence
from typing import Any

from metering.spend import arithmetic, charts, money
from metering.spend.charts import COLOURS, OTHER_COLOUR, Chart, Point, Table
from metering.spend.whatif import tables, words
from metering.spend.whatif.asked import Asked
from metering.spend.whatif.rows import Way


def chart(ways: Sequence[Way], asked: Asked) -> Chart:
    """A bar for each type of token and way. What is unknown has none."""
    colours = (OTHER_COLOUR, *COLOURS)
    used = tables.types(*ways)
    traces = [_bars(way, colour, used) for way, colour in zip(ways, colours, strict=False)]
    names = [arithmetic.WORDS[name] for name in used] + [tables.UNSPLIT] * _has_rest(ways)
    return Chart(
        name="what-if",
        title="Cost by type of token, as booked and otherwise",
        summary="; ".join(f"{way.name}: {money.total_usd(way.cost)}" for way in ways),
        figure=charts.figure(
            traces,
            barmode="group",
            xaxis={"type": "category", "categoryorder": "array", "categoryarray": names, "automargin": True,
                   "tickvals": names, "showgrid": False},
            legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        ),
        table=_table(ways, used),
        note=_note(ways),
    )  # fmt: skip


def _has_rest(ways: Sequence[Way]) -> bool:
    return any(way.scenario.unsplit for way in ways)


def _bars(way: Way, colour: str, used: Sequence[str]) -> Any:
    costs = [(arithmetic.WORDS[name], way.scenario.parts[name].cost) for name in used]
    rest = [(tables.UNSPLIT, way.scenario.unsplit)] if way.scenario.unsplit else []
    points = [
        Point(x=words_, y=money.exact(usd), said=money.total_usd(usd))
        for words_, usd in (*costs, *rest)
        if usd is not None
    ]
    return charts.bars(way.name, colour, points)


def _table(ways: Sequence[Way], used: Sequence[str]) -> Table:
    rows = [
        (charts.Cell(arithmetic.WORDS[name]), *(tables.cost(way.scenario.parts[name].cost) for way in ways))
        for name in used
    ]
    if _has_rest(ways):
        rest = (tables.cost(way.scenario.unsplit) for way in ways)
        rows.append((charts.Cell(tables.UNSPLIT), *rest))
    foot = (charts.Cell("Together"), *(tables.cost(way.cost) for way in ways))
    return Table(("Type of token", *(way.name for way in ways)), tuple(rows), foot)


def _note(ways: Sequence[Way]) -> str:
    unknown = [
        f"{way.name} has {words.missing(way)}" for way in ways if way.kind == "target" and way.cost is None
    ]
    return f"Not drawn, because unknown: {'; '.join(unknown)}." if unknown else ""
