"""The figure that token economics is about: what tokens are listed at beside what answers cost. Pure."""

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from metering.spend import charts, money
from metering.spend.charts import COLOURS, Chart, Point
from metering.spend.economics.figures import (
    AROUND,
    HOVER,
    MODELS_AXIS,
    MOST_MODELS,
    PER_MODEL,
    model_point,
    short_names,
)
from metering.spend.economics.models import BLEND, ModelEconomics
from metering.spend.filters import Filters

LEFT, RIGHT = (0, 0.44), (0.56, 1)  # the panels, in parts of the width
ROOM = Decimal("0.12")  # of the panel's decades, beside the first and the last point
MOST_TICKS = 3
TURN = 0.45  # of the panel: points beyond it have their text on the left
GRID = "rgba(128, 128, 128, 0.25)"  # the second axis is not one that the theme colours


class Pair(NamedTuple):
    """A model whose price per token and cost of an answer are both known and above zero (USD)."""

    one: ModelEconomics
    price: Decimal
    cost: Decimal


def price_and_cost(models: Sequence[ModelEconomics], filters: Filters) -> Chart | None:
    """Two panels with the same models in the same order, the dearest answers first."""
    shown = pairs(models)[:MOST_MODELS]
    if not shown:
        return None
    names = short_names([pair.one.model for pair in shown])
    prices = [
        model_point(pair.one, names, pair.price, f"{_rate(pair)} per 1,000,000 tokens", filters)
        for pair in shown
    ]
    costs = [model_point(pair.one, names, pair.cost, f"{_cost(pair)} an answer", filters) for pair in shown]
    traces = [
        _dots("Price per token", COLOURS[0], prices, [_rate(pair) for pair in shown], "x"),
        _dots("Cost of an answer", COLOURS[5], costs, [_label(pair) for pair in shown], "x2"),
    ]
    return Chart(
        name="price-and-cost",
        title="What tokens are listed at, and what answers cost",
        summary=_said(shown),
        figure=charts.figure(traces, **_panels(shown)),
        note="USD, both axes logarithmic: each step of ten times is as wide as the next. Read a row across:"
        " where the left point is far left and the right one far right, the cheap-looking model is dear.",
    )


def pairs(models: Sequence[ModelEconomics]) -> tuple[Pair, ...]:
    """A logarithmic axis has no place for nothing."""
    return tuple(
        Pair(one, price, cost)
        for one in models
        if (price := one.blend) and price > 0 and (cost := one.cost_per_answer) and cost > 0
    )


def _dots(name: str, colour: str, points: Sequence[Point], texts: Sequence[str], axis: str) -> Any:
    """Points, not bars: on a logarithmic axis the length of a bar says nothing."""
    trace = charts.line(name, colour, points, mode="markers+text", xaxis=axis)
    return trace.update(
        hovertemplate=HOVER,
        marker={"size": 11, "color": colour},
        text=list(texts),
        textposition=_beside(points),
        cliponaxis=False,
    )


def _beside(points: Sequence[Point]) -> list[str]:
    """The text of a point is on the side that has room, also on a phone."""
    places = [math.log10(Decimal(point.x)) for point in points]
    turn = min(places) + TURN * max(max(places) - min(places), 1.0)
    return ["middle right" if place <= turn else "middle left" for place in places]


def _panels(shown: Sequence[Pair]) -> dict[str, Any]:
    return {
        "height": AROUND + PER_MODEL * len(shown),
        "showlegend": False,
        "margin": {"l": 10, "r": 12, "t": 8, "b": 50},
        "yaxis": dict(MODELS_AXIS),
        "xaxis": _decades([pair.price for pair in shown], LEFT, "$ per 1 M tokens"),
        "xaxis2": _decades([pair.cost for pair in shown], RIGHT, "$ per answer")
        | {"anchor": "y", "gridcolor": GRID, "linecolor": GRID},
    }


def _decades(amounts: Sequence[Decimal], domain: tuple[float, float], title: str) -> dict[str, Any]:
    places = [math.log10(amount) for amount in amounts]
    width = max(max(places) - min(places), 1.0)
    room = float(ROOM) * width
    return {
        "type": "log",
        "domain": list(domain),
        "range": [min(places) - room, min(places) + width + room],
        "tickprefix": "$",
        "exponentformat": "none",
        "dtick": math.ceil((width + 2 * room) / MOST_TICKS),
        "tickangle": 0,
        "zeroline": False,
        "title": {"text": title},
    }


def _rate(pair: Pair) -> str:
    return money.rate_usd(money.rounded(pair.price))


def _cost(pair: Pair) -> str:
    return f"{'≥ ' if pair.one.at_least else ''}{money.total_usd(pair.cost)}"


def _label(pair: Pair) -> str:
    """Beside the point: cents, or two digits that say something; hovering and the table say all of them."""
    step = Decimal("0.01") if pair.cost >= 1 else Decimal(1).scaleb(pair.cost.adjusted() - 1)
    shown = pair.cost.quantize(step, rounding=ROUND_HALF_UP)
    return f"{'≥' if pair.one.at_least else ''}${shown:,f}"


def _said(shown: Sequence[Pair]) -> str:
    """The chart in one sentence, for people who do not see it."""
    each = "; ".join(
        f"{pair.one.model} {_rate(pair)} per 1,000,000 tokens, {_cost(pair)} an answer" for pair in shown
    )
    return f"Price per token ({BLEND}) and cost of an answer by model, the dearest answer first: {each}."
