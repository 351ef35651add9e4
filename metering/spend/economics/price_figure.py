"""The figure that token economics is about: what tokens are listed at beside what answers cost. Pure."""

import math
from collections.abc import Sequence
from decimal import Decimal
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

MARGINS = 58  # pixels above and below
LEFT, RIGHT = (0, 0.44), (0.56, 1)  # the panels, in parts of the width
PER_MODEL_NARROW, BETWEEN = 26, 75  # pixels on a phone, where one panel is above the other
ROOM = Decimal("0.12")  # of the panel's decades, beside the first and the last point
DECADE = Decimal(1)
MOST_TICKS = 3
TURN = Decimal("0.45")  # of the panel: points beyond it have their text on the left


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
        _dots("Price per token", COLOURS[0], prices, [_rate(pair) for pair in shown]),
        _dots("Cost of an answer", COLOURS[5], costs, [_cost(pair) for pair in shown], panel="2"),
    ]
    return Chart(
        name="price-and-cost",
        title="What tokens are listed at, and what answers cost",
        summary=_said(shown),
        figure=charts.figure(traces, narrow=_narrow(shown), **_panels(shown)),
        note="USD, both axes logarithmic: each step of ten times is as wide as the next. Compare the"
        " two points of a model: where its price is far left and its answer far right, what looks cheap is"
        " dear.",
    )


def pairs(models: Sequence[ModelEconomics]) -> tuple[Pair, ...]:
    """A logarithmic axis has no place for nothing."""
    return tuple(
        Pair(one, price, cost)
        for one in models
        if (price := one.blend) and price > 0 and (cost := one.cost_per_answer) and cost > 0
    )


def _dots(name: str, colour: str, points: Sequence[Point], texts: Sequence[str], *, panel: str = "") -> Any:
    """Points, not bars: on a logarithmic axis the length of a bar says nothing."""
    axes = {"xaxis": f"x{panel}", "yaxis": f"y{panel}"}
    trace = charts.line(name, colour, points, mode="markers+text", **axes)
    return trace.update(
        hovertemplate=HOVER,
        marker={"size": 11, "color": colour},
        text=list(texts),
        textposition=_beside(points),
        cliponaxis=False,
    )


def _beside(points: Sequence[Point]) -> list[str]:
    """The text of a point is on the side that has room, also on a phone."""
    places = [Decimal(point.x).log10() for point in points]
    turn = min(places) + TURN * max(max(places) - min(places), DECADE)
    return ["middle right" if place <= turn else "middle left" for place in places]


def _panels(shown: Sequence[Pair]) -> dict[str, Any]:
    """Side by side, the models named once."""
    return {
        "height": AROUND + PER_MODEL * len(shown),
        "showlegend": False,
        "margin": {"l": 10, "r": 12, "t": 8, "b": MARGINS - 8},
        "yaxis": dict(MODELS_AXIS),
        "yaxis2": MODELS_AXIS | {"anchor": "x2", "showticklabels": False},
        "xaxis": _decades([pair.price for pair in shown], "$ per 1 M tokens") | {"domain": list(LEFT)},
        "xaxis2": _decades([pair.cost for pair in shown], "$ per answer")
        | {"anchor": "y2", "domain": list(RIGHT)},
    }


def _narrow(shown: Sequence[Pair]) -> dict[str, Any]:
    """One above the other, the models named in both."""
    rows = PER_MODEL_NARROW * len(shown)
    half = rows / (2 * rows + BETWEEN)
    return {
        "height": MARGINS + 2 * rows + BETWEEN,
        "xaxis": {"domain": [0, 1]},
        "xaxis2": {"domain": [0, 1]},
        "yaxis": {"domain": [1 - half, 1]},
        "yaxis2": {"domain": [0, half], "showticklabels": True},
    }


def _decades(amounts: Sequence[Decimal], title: str) -> dict[str, Any]:
    first, last = charts.reach([amount.log10() for amount in amounts], before=ROOM, after=ROOM, least=DECADE)
    return {
        "type": "log",
        "range": [first, last],
        "tickprefix": "$",
        "exponentformat": "none",
        "dtick": math.ceil((last - first) / MOST_TICKS),
        "tickangle": 0,
        "zeroline": False,
        "title": {"text": title},
    }


def _rate(pair: Pair) -> str:
    return money.total_usd(pair.price)


def _cost(pair: Pair) -> str:
    return f"{'≥ ' if pair.one.at_least else ''}{money.total_usd(pair.cost)}"


def _said(shown: Sequence[Pair]) -> str:
    """The chart in one sentence, for people who do not see it."""
    each = "; ".join(
        f"{pair.one.model} {_rate(pair)} per 1,000,000 tokens, {_cost(pair)} an answer" for pair in shown
    )
    return f"Price per token ({BLEND}) and cost of an answer by model, the dearest answer first: {each}."
