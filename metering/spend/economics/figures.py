"""The figures of token economics. Pure: rows in, charts out."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.urls import reverse

from metering.spend import charts, money
from metering.spend.charts import COLOURS, OTHER_COLOUR, Cell, Chart, Point, Table
from metering.spend.economics.lengths import OTHER, Distribution, Lengths
from metering.spend.economics.models import ModelEconomics
from metering.spend.filters import Filters
from metering.summaries.sizes import Bin

MOST_MODELS = 16
PER_MODEL = 34  # pixels
AROUND = 110  # pixels for axes and titles
HOVER = "%{y}<br>%{customdata[0]}<extra></extra>"
MODELS_AXIS = {"type": "category", "autorange": "reversed", "automargin": True, "ticks": ""}


def reasoning(models: Sequence[ModelEconomics], filters: Filters) -> Chart | None:
    """The share of reasoning in output and in money, for the models that reason."""
    shown = [one for one in models if one.used.tokens["reasoning"] > 0][:MOST_MODELS]
    if not shown:
        return None
    names = short_names([one.model for one in shown])
    series = [
        ("of the output tokens", COLOURS[4], [one.reasoning_of_output for one in shown]),
        ("of the money", COLOURS[1], [one.reasoning_of_money for one in shown]),
    ]
    traces = []
    for name, colour, shares in series:
        drawn = [
            model_point(one, names, share * 100, f"{money.percent(share)} {name}", filters)
            for one, share in zip(shown, shares, strict=True)
            if share is not None
        ]
        traces.append(_across(name, colour, drawn))
    return Chart(
        name="reasoning",
        title="How much of it is reasoning",
        summary="Share of reasoning by model: "
        + "; ".join(f"{one.model} {money.percent(one.reasoning_of_output)} of output" for one in shown),
        figure=charts.figure(
            traces,
            height=AROUND + round(PER_MODEL * 1.3 * len(shown)),
            xaxis={"range": [0, 100], "ticksuffix": " %", "title": {"text": "share of reasoning"}},
            yaxis=dict(MODELS_AXIS),
            margin={"l": 10, "r": 12, "t": 8, "b": 50},
            legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        ),
    )


def lengths(distribution: Distribution, filters: Filters) -> Chart | None:
    """How many answers were how long, by model."""
    steps = distribution.doublings
    if not steps:
        return None
    names = [step_name(step) for step in steps]
    traces = [
        _upright(one, _colour(one, number), steps, filters) for number, one in enumerate(distribution.drawn)
    ]
    return Chart(
        name="lengths",
        title="How long answers are",
        summary=_lengths_said(distribution.together),
        figure=charts.figure(
            traces,
            barmode="stack",
            xaxis={"type": "category", "categoryorder": "array", "categoryarray": names,
                   "tickvals": names, "title": {"text": "output tokens of an answer"}, "showgrid": False},
            yaxis={"title": {"text": "answers"}, "rangemode": "tozero", "tickformat": ","},
            margin={"l": 60, "r": 12, "t": 8, "b": 60},
            legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        ),
        table=_lengths_table(distribution, steps),
    )  # fmt: skip


def short_names(models: Sequence[str]) -> dict[str, str]:
    """``provider/name`` to its name alone, where no other provider's model has the same."""
    used = Counter(model.partition("/")[2] for model in models)
    return {
        model: name if used[name] == 1 else model for model in models for name in [model.partition("/")[2]]
    }


def step_name(step: Bin) -> str:
    return f"{step.lowest:,}\N{EN DASH}{step.highest:,}"


def entries_address(filters: Filters, model: str) -> str:
    """Where the entries behind a model's number are listed."""
    return f"{reverse('spend:entries')}?{filters.entries_query(model=model)}"


def model_point(
    one: ModelEconomics, names: dict[str, str], amount: Decimal, said: str, filters: Filters
) -> Point:
    return Point(
        x=money.exact(amount),
        y=charts.plain(names[one.model]),
        said=said,
        href=entries_address(filters, one.model),
    )


def _across(name: str, colour: str, points: Sequence[Point]) -> Any:
    trace = charts.bars(name, colour, points, orientation="h")
    return trace.update(hovertemplate=HOVER)


def _upright(one: Lengths, colour: str, steps: Sequence[Bin], filters: Filters) -> Any:
    counts = one.by_doubling
    href = "" if one.model == OTHER else entries_address(filters, one.model)
    points = [
        Point(step_name(step), str(counts[step]), f"{counts[step]:,} answers", href)
        for step in steps
        if step in counts
    ]
    return charts.bars(one.model, colour, points)


def _colour(one: Lengths, number: int) -> str:
    return OTHER_COLOUR if one.model == OTHER else COLOURS[number % len(COLOURS)]


def _lengths_table(distribution: Distribution, steps: Sequence[Bin]) -> Table:
    drawn = [one.by_doubling for one in distribution.drawn]
    rows = tuple(
        (Cell(step_name(step)), *(Cell(f"{counts.get(step, 0):,}") for counts in drawn)) for step in steps
    )
    return Table(("Output tokens", *(one.model for one in distribution.drawn)), rows)


def _lengths_said(one: Lengths) -> str:
    return (
        f"{one.answers:,} answers by their output tokens: half of them up to about {one.median:,}, "
        f"95 % up to about {one.p95:,}, the longest {one.largest:,}."
    )
