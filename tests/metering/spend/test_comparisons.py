"""Dearer although its token price is lower: the rule, on numbers alone."""

from decimal import Decimal

from metering.spend.comparisons import ModelCost, pairs
from metering.spend.queries import Totals


def model(name: str, price: str | None, cost: str, **totals: int) -> ModelCost:
    listed = None if price is None else Decimal(price)
    return ModelCost(name, listed, Totals(**({"attempts": 1} | totals), cost=Decimal(cost)))


HAIKU = model("claude-haiku-4-5", "5.00", "0.000033", output=4)
FLASH = model("gemini-2.5-flash", "2.50", "0.0002839", output=4, reasoning=108)


def test_the_cheaper_rate_that_cost_more() -> None:
    (pair,) = pairs([HAIKU, FLASH])
    assert (pair.dearer, pair.cheaper) == (FLASH, HAIKU)
    assert f"{pair.ratio:.2f}" == "8.60"
    assert pair.reasoned
    assert pair.dearer.totals.reasoning_share == Decimal(108) / 112


def test_a_dearer_rate_that_cost_more_is_no_surprise() -> None:
    assert pairs([HAIKU, model("opus", "25.00", "0.01")]) == ()


def test_each_model_is_compared_with_the_cheapest_of_those_that_list_more() -> None:
    middle = model("middle", "10.00", "0.0001")
    (first, second) = pairs([HAIKU, FLASH, middle, model("mini", "1.00", "0.00005")])
    assert (first.dearer.name, first.cheaper.name) == ("gemini-2.5-flash", "claude-haiku-4-5")
    assert (second.dearer.name, second.cheaper.name) == ("mini", "claude-haiku-4-5")


def test_attempts_of_unknown_cost_are_left_out_of_the_average() -> None:
    half_known = model("claude-haiku-4-5", "5.00", "0.000033", attempts=2, unpriced=1)
    (pair,) = pairs([half_known, FLASH])
    assert f"{pair.ratio:.2f}" == "8.60"


def test_unknown_prices_and_unknown_costs_are_not_compared() -> None:
    assert pairs([HAIKU, model("x", None, "1")]) == ()
    assert pairs([HAIKU, model("x", "1.00", "0", unpriced=1)]) == ()
    assert pairs([FLASH, model("x", "9.00", "0", unpriced=1)]) == ()


def test_longer_answers_are_not_called_reasoning() -> None:
    (pair,) = pairs([HAIKU, model("wordy", "2.00", "0.01", output=5000)])
    assert not pair.reasoned
