"""Dearer although its token price is lower: the rule, on numbers alone."""

from decimal import Decimal

from metering.spend.comparisons import ListPrice, ModelCost, pairs
from metering.spend.totals import Totals


def model(name: str, price: str, cost: str, *, team: str = "search", **totals: int) -> ModelCost:
    listed = ListPrice(output=Decimal(price), reasoning=Decimal(price))
    return ModelCost(
        team, name, listed, Totals(**({"attempts": 1, "input": 13} | totals), cost=Decimal(cost))
    )


HAIKU = model("claude-haiku-4-5", "5.00", "0.000033", output=4)
FLASH = model("gemini-2.5-flash", "2.50", "0.0002839", output=4, reasoning=108)


def test_the_cheaper_rate_that_cost_more() -> None:
    (pair,) = pairs([HAIKU, FLASH])
    assert (pair.dearer, pair.cheaper) == (FLASH, HAIKU)
    assert f"{pair.ratio:.2f}" == "8.60"
    assert pair.dearer.cost_without_reasoning == Decimal("0.0000139")
    assert pair.lost == Decimal("0.0002509")
    assert pair.dearer.totals.reasoning_share == Decimal(108) / 112


def test_a_dearer_rate_that_cost_more_is_no_surprise() -> None:
    assert pairs([HAIKU, model("opus", "25.00", "0.01", reasoning=400)]) == ()


def test_models_of_different_teams_are_not_compared() -> None:
    assert pairs([HAIKU, model("flash", "2.50", "0.0002839", team="ads", output=4, reasoning=108)]) == ()


def test_calls_with_other_input_are_not_compared() -> None:
    twice = model("flash", "2.50", "0.0002839", input=26, output=4, reasoning=108)
    more = model("flash", "2.50", "0.0002839", input=27, output=4, reasoning=108)
    assert [pair.cheaper for pair in pairs([HAIKU, twice])] == [HAIKU]
    assert pairs([HAIKU, more]) == ()


def test_longer_answers_are_not_reasoning() -> None:
    assert pairs([HAIKU, model("wordy", "2.00", "0.01", output=5000)]) == ()


def test_a_model_that_were_dearer_without_its_reasoning_too_is_not_shown() -> None:
    assert pairs([HAIKU, model("both", "2.50", "0.001", output=292, reasoning=108)]) == ()


def test_the_reasoning_price_counts_where_there_is_one() -> None:
    listed = ListPrice(output=Decimal("2.50"), reasoning=Decimal("0.10"))
    assert pairs([HAIKU, ModelCost("search", "flash", listed, FLASH.totals)]) == ()


def test_each_model_is_compared_with_the_cheapest_alternative() -> None:
    middle = model("middle", "10.00", "0.0001")
    (pair,) = pairs([HAIKU, FLASH, middle])
    assert (pair.dearer, pair.cheaper) == (FLASH, HAIKU)


def test_the_three_that_cost_most_come_first() -> None:
    busy = [
        (
            model("claude-haiku-4-5", "5.00", "0.000033", team=f"team-{n}", output=4),
            model(
                "gemini-2.5-flash",
                "2.50",
                str(n * Decimal("0.0002839")),
                team=f"team-{n}",
                attempts=n,
                input=13 * n,
                output=4 * n,
                reasoning=108 * n,
            ),
        )
        for n in range(1, 6)
    ]
    found = pairs([one for couple in busy for one in couple])
    assert [pair.dearer.team for pair in found] == ["team-5", "team-4", "team-3"]
    assert found[0].lost == 5 * Decimal("0.0002509")


def test_attempts_of_unknown_cost_are_left_out_of_the_average() -> None:
    half_known = model("claude-haiku-4-5", "5.00", "0.000033", attempts=2, unpriced=1, input=26)
    (pair,) = pairs([half_known, FLASH])
    assert f"{pair.ratio:.2f}" == "8.60"


def test_unknown_costs_are_not_compared() -> None:
    assert pairs([HAIKU, model("x", "1.00", "0", unpriced=1, reasoning=108)]) == ()
    assert pairs([FLASH, model("x", "9.00", "0", unpriced=1)]) == ()
