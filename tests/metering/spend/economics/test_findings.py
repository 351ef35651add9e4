"""Which cheap-looking model is dearer: the pairs that are told, and those that are not."""

from decimal import Decimal
from typing import Any

from metering.spend.economics.caching import Caching
from metering.spend.economics.findings import findings
from metering.spend.economics.models import ListPrice, ModelEconomics
from tests.metering.spend.economics.rows import rates, usage

HAIKU, FLASH = "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash"


def model(name: str, rate_in: str, rate_out: str, *, unpriced: int = 0, **used: Any) -> ModelEconomics:
    row = usage(name, rates(input=rate_in, output=rate_out), **used)
    price = ListPrice(Decimal(rate_in), Decimal(rate_out))
    return ModelEconomics(name, row.used, Caching(), price, unpriced)


def haiku(**used: Any) -> ModelEconomics:
    return model(HAIKU, "1.00", "5.00", **{"input": 13, "output": 4} | used)


def flash(**used: Any) -> ModelEconomics:
    return model(FLASH, "0.30", "2.50", **{"input": 13, "output": 4, "reasoning": 108} | used)


def test_the_same_one_word_answer_cost_8_6_times_more_on_the_model_with_the_lower_price() -> None:
    [found] = findings([haiku(), flash()])

    assert (found.dearer.model, found.cheaper.model) == (FLASH, HAIKU)
    assert (found.dearer.price, found.cheaper.price) == (Decimal("0.85"), Decimal("2.00"))
    assert (found.dearer.cost, found.cheaper.cost) == (Decimal("0.0002839"), Decimal("0.000033"))
    assert f"{found.ratio:.2f}" == "8.60"
    assert (found.dearer.output, found.cheaper.output) == (112, 4)
    assert found.dearer.reasoning == Decimal(108) / 112
    assert found.lost == Decimal("0.0002509")


def test_models_with_prompts_of_other_lengths_are_not_compared() -> None:
    assert len(findings([haiku(input=26), flash()])) == 1
    assert findings([haiku(input=27), flash()]) == ()


def test_a_price_that_is_hardly_lower_does_not_look_cheaper() -> None:
    same = model("x/same", "0.90", "4.50", input=13, output=200)
    hardly = model("x/hardly", "0.91", "4.50", input=13, output=200)

    assert [pair.dearer.model for pair in findings([haiku(), same])] == ["x/same"]
    assert findings([haiku(), hardly]) == ()


def test_models_of_which_too_much_is_unknown_are_not_compared() -> None:
    few = {"answers": 100, "attempts": 100, "unpriced": 1}

    assert len(findings([haiku(), flash(**few, input=1300, reasoning=10_800)])) == 1
    assert findings([haiku(), flash(unpriced=1)]) == ()


def test_a_model_without_a_price_is_not_compared() -> None:
    unlisted = ModelEconomics(FLASH, flash().used, Caching())

    assert findings([haiku(), unlisted]) == ()


def test_the_greatest_loss_is_told_first_and_each_model_once() -> None:
    often = model("x/often", "0.10", "2.00", answers=50, attempts=50, input=650, output=2_000)

    found = findings([haiku(), flash(), often])

    assert [(pair.dearer.model, pair.cheaper.model) for pair in found] == [
        ("x/often", HAIKU),
        (FLASH, HAIKU),
    ]
