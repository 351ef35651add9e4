"""How much more a model spends than others: measured where both answered alike, or said not to be."""

from decimal import Decimal
from typing import Any

from metering.whatif.factors import AS_IT_WAS, Factors
from metering.whatif.measuring import LEAST, Measured, Use, measured

HAIKU, FLASH, PRO = "anthropic/haiku", "gemini/flash", "gemini/pro"


def use(model: str, answers: int, output: int, **more: Any) -> Use:
    """``output`` and the rest: tokens of one answer."""
    each = {"input": 10, "reasoning": 0} | {n: more.pop(n) for n in ("input", "reasoning") if n in more}
    place = {"team": "search", "route": "warm", "in_slice": True} | more
    return Use(
        model=model,
        answers=answers,
        output=output * answers,
        **{name: number * answers for name, number in each.items()},
        **place,
    )


def found(*uses: Use, model: str = FLASH, others: tuple[str, ...] = (HAIKU,)) -> Measured:
    return measured(model, others=frozenset(others), uses=uses)


def test_tokens_per_answer_of_both_on_one_route_of_a_team() -> None:
    one = found(use(HAIKU, 412, 40, input=100), use(FLASH, 380, 50, input=110))

    assert one.factors == Factors(input=Decimal("1.1"), output=Decimal("1.25"))
    assert (one.level, one.places, one.theirs, one.its) == (
        "route of a team",
        ("warm of search",),
        412,
        380,
    )
    assert one.covered == 1


def test_reasoning_has_a_factor_of_its_own() -> None:
    one = found(use(PRO, 100, 40, reasoning=400), use(FLASH, 100, 40, reasoning=100), others=(PRO,))

    assert one.factors == Factors(reasoning=Decimal("0.25"))


def test_to_what_does_not_reason_it_is_added_for_each_answer() -> None:
    one = found(use(HAIKU, 300, 4), use(FLASH, 200, 4, reasoning=108))

    assert one.factors == Factors(added=Decimal(108))


def test_too_few_answers_say_nothing() -> None:
    assert found(use(HAIKU, LEAST, 40), use(FLASH, LEAST - 1, 50)) == Measured()
    assert found(use(HAIKU, LEAST - 1, 40), use(FLASH, LEAST, 50)).factors == AS_IT_WAS


def test_the_same_route_of_other_callers_is_the_next_best() -> None:
    others = {"in_slice": False, "team": "ads"}

    one = found(use(HAIKU, 200, 40), use(HAIKU, 200, 60, **others), use(FLASH, 300, 75, **others))

    assert (one.level, one.places, one.theirs, one.its) == ("route", ("warm",), 400, 300)
    assert one.factors.output == Decimal("1.5")  # 75 against 50


def test_the_same_team_comes_last_and_says_nothing_of_prompts() -> None:
    one = found(use(HAIKU, 200, 40, input=100), use(FLASH, 200, 60, input=900, route="cold"))

    assert (one.level, one.places) == ("team", ("search",))
    assert one.factors == Factors(output=Decimal("1.5"))
    assert not one.with_input


def test_teams_and_routes_that_the_traffic_does_not_touch_do_not_count() -> None:
    elsewhere = {"in_slice": False, "team": "ads", "route": "cold"}

    one = found(use(HAIKU, 200, 40), use(HAIKU, 200, 40, **elsewhere), use(FLASH, 200, 60, **elsewhere))

    assert one == Measured()


def test_a_mix_of_easy_and_hard_traffic_is_no_difference_of_models() -> None:
    """Both write 10 tokens on easy and 1,000 on hard routes; only their shares of the routes differ."""
    one = found(
        use(HAIKU, 900, 10, route="easy"),
        use(HAIKU, 100, 1000, route="hard"),
        use(FLASH, 100, 10, route="easy"),
        use(FLASH, 900, 1000, route="hard"),
    )

    assert one.factors.output == 1
    assert one.places == ("easy of search", "hard of search")


def test_it_says_how_much_of_the_traffic_was_compared() -> None:
    one = found(use(HAIKU, 300, 40), use(HAIKU, 700, 40, route="cold"), use(FLASH, 200, 40))

    assert one.covered == Decimal("0.3")


def test_embeddings_are_no_short_answers() -> None:
    one = found(use("openai/embedding", 5000, 0), use(HAIKU, 200, 40), use(FLASH, 200, 40),
                others=(HAIKU, "openai/embedding"))  # fmt: skip

    assert (one.theirs, one.factors.output) == (200, 1)


def test_a_model_is_not_compared_with_itself() -> None:
    assert found(use(FLASH, 500, 40), others=(FLASH,)) == Measured()


def test_beyond_a_thousand_it_is_another_kind_of_use() -> None:
    assert found(use(HAIKU, 200, 1), use(FLASH, 200, 1001)) == Measured()
