"""docs/the-story.md quotes nothing: its figures are worked out here, from price book and sandbox counts."""

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path

import pytest

from catalog import pricebook
from catalog.snapshot import PriceRow
from metering import costing
from metering.usage import Usage
from proxy.sandbox import profiles

DOCUMENT = (Path(__file__).resolve().parent.parent / "docs/the-story.md").read_text()
AT = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
HAIKU, FLASH = "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash"
INPUT = profiles.tokens_in(profiles.STORY.prompt)
OUTPUT = profiles.STORY.output_tokens
PUBLISHED_OUTPUT = 28  # what the story says that the dearer model spent


def prices_of(full_name: str) -> list[PriceRow]:
    provider, _, name = full_name.partition("/")
    (model,) = [
        model
        for vendor, models in pricebook.read().vendors
        if vendor.name == provider
        for model in models
        if model.name == name
    ]
    return [
        PriceRow(
            id=number,
            effective_from=row.effective_from,
            effective_to=row.effective_to,
            variant=row.variant,
            above_input_tokens=row.above_input_tokens,
            daily_from=row.daily_from,
            daily_to=row.daily_to,
            weekdays=row.weekdays,
            rates=row.rates._asdict(),
        )
        for number, row in enumerate(model.prices)
    ]


PRICES = {model: prices_of(model) for model in (HAIKU, FLASH)}


def usage_of(model: str) -> Usage:
    reasoning = profiles.STORY.reasoning_for(model.partition("/")[2]) or 0
    return Usage(input=INPUT, output=OUTPUT, reasoning=reasoning)


def cost(model: str, usage: Usage) -> Decimal:
    usd = costing.cost_of(usage, PRICES[model], at=AT, variant="standard").usd
    assert usd is not None
    return usd


def rate(model: str, bucket: str) -> Decimal:
    row = costing.price_for(PRICES[model], at=AT, variant="standard", input_tokens=INPUT)
    assert row is not None
    usd = costing.rate_of(row.rates, bucket)
    assert usd is not None
    return usd


def row_of(model: str) -> str:
    usage, name = usage_of(model), f"`{model}`"
    rates = f"{rate(model, 'input'):.2f} / {rate(model, 'output'):.2f}"
    cells = (name, rates, usage.input, usage.output, usage.reasoning, f"{cost(model, usage):.7f}")
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def times(model: str, usage: Usage) -> str:
    """How many times the cost of the answer without reasoning."""
    return f"{cost(model, usage) / cost(HAIKU, usage_of(HAIKU)):.2f}"


TABLE_HEAD = (
    "| model | USD per 1,000,000 tokens, in / out | prompt | answer | reasoning | USD |",
    "|---|---|---|---|---|---|",
)
AS_PUBLISHED = Usage(input=INPUT, output=PUBLISHED_OUTPUT)
WITHOUT_REASONING = Usage(input=INPUT, output=OUTPUT)
TWENTY_EIGHT_TIMES = Usage(input=INPUT, output=PUBLISHED_OUTPUT * OUTPUT)

FIGURES = {
    "answers": "\n".join((*TABLE_HEAD, row_of(HAIKU), row_of(FLASH))),
    "ratio": f"**{times(FLASH, usage_of(FLASH))}**",
    "share": f"{usage_of(FLASH).reasoning} of {usage_of(FLASH).total_output}",
    "without-reasoning": f"{times(FLASH, WITHOUT_REASONING)}",
    "as-published": f"{cost(FLASH, AS_PUBLISHED):.7f} / {cost(HAIKU, usage_of(HAIKU)):.6f} = "
    f"{times(FLASH, AS_PUBLISHED)}",
    "28-times": f"{PUBLISHED_OUTPUT} x {OUTPUT} = {PUBLISHED_OUTPUT * OUTPUT}",
    "28-times-ratio": f"{cost(FLASH, TWENTY_EIGHT_TIMES):.7f} / {cost(HAIKU, usage_of(HAIKU)):.6f} = "
    f"{times(FLASH, TWENTY_EIGHT_TIMES)}",
}
MARKED = dict(re.findall(r"<!-- (\S+) -->\n?(.*?)\n?<!-- / -->", DOCUMENT, flags=re.DOTALL))


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_of_the_document_is_the_computed_one(name: str) -> None:
    assert MARKED[name] == FIGURES[name]


def test_every_marked_figure_is_computed() -> None:
    assert MARKED.keys() == FIGURES.keys()


def test_one_word_costs_this_much() -> None:
    assert cost(HAIKU, usage_of(HAIKU)) == Decimal("0.000033")
    assert cost(FLASH, usage_of(FLASH)) == Decimal("0.0002839")


def test_every_rate_of_the_dearer_answer_is_the_lower_one() -> None:
    assert all(rate(FLASH, bucket) < rate(HAIKU, bucket) for bucket in ("input", "output", "reasoning"))


def test_only_reasoning_makes_it_dearer() -> None:
    assert Decimal(times(FLASH, WITHOUT_REASONING)) < 1 < Decimal(times(FLASH, usage_of(FLASH)))


def test_the_published_count_does_not_give_the_published_ratio() -> None:
    published = Decimal("8.6")
    assert round(Decimal(times(FLASH, AS_PUBLISHED)), 1) == Decimal("2.2") != published
    assert round(Decimal(times(FLASH, TWENTY_EIGHT_TIMES)), 1) == published
