"""Why spend changed: one cause at a time gives its effect alone, and effects add up to the last digit."""

from dataclasses import astuple
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.rates import Rates
from metering.costing import EXACT
from metering.spend.bridge.decomposition import Effects, Side, added_up, decompose, exact_sum, side
from metering.spend.economics.usage import PricedUsage
from tests.metering.spend.economics.rows import rates, usage

LIST = rates(input="2", cache_read="0.20", cache_write_5m="2.5", output="10")
M = 1_000_000


def effects(before: list[PricedUsage], now: list[PricedUsage]) -> dict[str, Effects]:
    return decompose(by_model(before), by_model(now))


def by_model(rows: list[PricedUsage]) -> dict[str, Side]:
    ordered = sorted(rows, key=lambda row: row.model)
    return {name: side(group) for name, group in groupby(ordered, key=lambda row: row.model)}


def only(made: Effects) -> dict[str, Decimal]:
    """The effects that are not nothing."""
    named = zip(Effects.__slots__, astuple(made), strict=True)
    return {name: amount for name, amount in named if amount}


def test_twice_the_tokens_is_volume_alone() -> None:
    [made] = effects(
        [usage(at=LIST, input=M, output=M)], [usage(at=LIST, input=2 * M, output=2 * M)]
    ).values()

    assert only(made) == {"volume": 12}


def test_a_higher_rate_is_price_alone() -> None:
    dear = rates(input="3", output="10")

    [made] = effects([usage(at=LIST, input=M, output=M)], [usage(at=dear, input=M, output=M)]).values()

    assert only(made) == {"price": 1}


def test_another_service_tier_is_price() -> None:
    batch = rates(input="1", output="5")
    before = [usage(at=LIST, input=M)]

    [made] = effects(before, [usage(at=LIST, input=M // 2), usage(at=batch, input=M // 2)]).values()

    assert only(made) == {"price": Decimal("-0.5")}


def test_longer_answers_for_the_same_tokens_is_mix_alone() -> None:
    [made] = effects(
        [usage(at=LIST, input=3 * M, output=M)], [usage(at=LIST, input=2 * M, output=2 * M)]
    ).values()

    assert only(made) == {"mix": 8}


def test_tokens_that_move_to_a_dearer_model_are_mix_and_no_volume() -> None:
    dear = rates(input="20", output="100")
    made = effects(
        [usage("a/cheap", LIST, input=3 * M), usage("a/dear", dear, input=M)],
        [usage("a/cheap", LIST, input=M), usage("a/dear", dear, input=3 * M)],
    )

    assert only(added_up(made.values())) == {"mix": 36}
    assert {name: made[name].mix for name in made} == {"a/cheap": -4, "a/dear": 40}


def test_more_of_the_prompt_read_from_the_cache_is_cache_alone() -> None:
    [made] = effects(
        [usage(at=LIST, input=3 * M, cache_read=M)], [usage(at=LIST, input=M, cache_read=3 * M)]
    ).values()

    assert only(made) == {"cache": Decimal("-3.6")}  # 2,000,000 tokens at 0.20, no more at 2


def test_caching_that_begins_is_cache_at_the_rates_of_the_price_row() -> None:
    [made] = effects([usage(at=LIST, input=4 * M)], [usage(at=LIST, input=M, cache_read=3 * M)]).values()

    assert only(made) == {"cache": Decimal("-5.4")}


def test_caching_that_ends_is_cache_too() -> None:
    [made] = effects([usage(at=LIST, input=M, cache_read=3 * M)], [usage(at=LIST, input=4 * M)]).values()

    assert only(made) == {"cache": Decimal("5.4")}


def test_causes_together_are_worked_out_in_their_order() -> None:
    """4 M tokens for $8 become 8 M: at $2 that is $16; at $3 it is $24; and a half read at $0.30: $13.20."""
    dear = rates(input="3", cache_read="0.30")

    [made] = effects([usage(at=LIST, input=4 * M)], [usage(at=dear, input=4 * M, cache_read=4 * M)]).values()

    assert only(made) == {"volume": 8, "price": 8, "cache": Decimal("-10.8")}


def test_new_and_gone_models_have_lines_of_their_own_and_no_volume() -> None:
    made = effects(
        [usage("a/old", LIST, input=M), usage("a/stays", LIST, input=M)],
        [usage("a/new", LIST, output=M), usage("a/stays", LIST, input=M)],
    )

    assert {name: only(one) for name, one in made.items()} == {
        "a/old": {"gone": -2},
        "a/new": {"new": 10},
        "a/stays": {},
    }


def test_what_no_rate_explains_is_other() -> None:
    made = effects([usage(at=None, unsplit="5", input=M)], [usage(at=None, unsplit="7.25", input=9 * M)])

    assert only(added_up(made.values())) == {"other": Decimal("2.25")}


def test_other_of_a_new_model_is_no_new_model() -> None:
    made = effects([], [usage("a/x", LIST, input=M), usage("a/x", None, unsplit="3")])

    assert only(made["a/x"]) == {"new": 2, "other": 3}


def test_tokens_of_unknown_cost_change_nothing() -> None:
    [made] = effects(
        [usage(at=LIST, input=M)], [usage(at=LIST, input=M), usage(at=None, input=99 * M)]
    ).values()

    assert only(made) == {}


def test_fees_by_request_follow_the_volume_and_do_not_make_it() -> None:
    searches = rates(input="2", output="10", per_request="0.01")
    [made] = effects(
        [usage(at=searches, input=M, requests=100)], [usage(at=searches, input=2 * M, requests=200)]
    ).values()

    assert only(made) == {"volume": 3}


def test_a_type_that_has_no_rate_before_has_its_rate_now() -> None:
    audio = rates(input="2", audio_input="40")

    [made] = effects([usage(at=LIST, input=2 * M)], [usage(at=audio, input=M, audio_input=M)]).values()

    assert only(made) == {"mix": 38}


def test_a_type_without_a_rate_of_its_own_before_is_a_part_of_another() -> None:
    """Reasoning cost as much as output by the price row, though nobody reasoned."""
    [made] = effects([usage(at=LIST, output=2 * M)], [usage(at=LIST, output=M, reasoning=M)]).values()

    assert only(made) == {}


def test_thirds_are_rounded_once_and_still_add_up() -> None:
    [made] = effects([usage(at=LIST, input=3, output=1)], [usage(at=LIST, input=1, output=1)]).values()

    assert made.volume == Decimal("-0.000008")  # half of 0.000016
    assert made.total == Decimal("-0.000004")

    [made] = effects([usage(at=LIST, input=3)], [usage(at=rates(input="1"), input=1)]).values()
    assert made.total == Decimal("-0.000005")


def test_a_rate_is_what_was_paid_on_average() -> None:
    found = side([usage(at=LIST, input=M), usage(at=rates(input="4"), input=3 * M)])

    assert found.rate("input") == Fraction(14, 4 * M)
    assert found.rate("output") == Fraction(10, M)  # unused: the row that has one
    assert found.rate("audio_input") is None


@pytest.mark.parametrize("rows", [[], [usage(at=None, unsplit="1.5", input=5)], [usage(at=LIST, input=7)]])
def test_nothing_changes_between_a_period_and_itself(rows: list[PricedUsage]) -> None:
    assert only(added_up(effects(rows, rows).values())) == {}


RATE = st.none() | st.decimals(0, 200, places=6)
TOKENS = st.integers(0, 10**10)


@st.composite
def booked(draw: st.DrawFn) -> PricedUsage:
    """What may be booked at a price row: tokens only of types that it has a rate for."""
    at = Rates(*(draw(RATE) for _ in Rates._fields))
    known = {
        bucket: draw(TOKENS)
        for bucket, rated in [
            ("input", at.input), ("output", at.output), ("reasoning", at.reasoning or at.output),
            ("cache_read", at.cache_read or at.input), ("cache_write_5m", at.cache_write_5m or at.input),
            ("cache_write_1h", at.cache_write_1h), ("audio_input", at.audio_input),
            ("audio_output", at.audio_output), ("requests", at.per_request),
        ]
        if rated is not None
    }  # fmt: skip
    model = draw(st.sampled_from(["a/x", "a/y", "b/z"]))
    return usage(model, at, **known)


@st.composite
def unexplained(draw: st.DrawFn) -> PricedUsage:
    """A vendor's own figure, an adjustment (maybe below zero), or tokens of unknown cost."""
    amount = draw(st.decimals(-10_000, 10_000, places=12))
    return usage(draw(st.sampled_from(["a/x", "c/own"])), None, unsplit=str(amount), input=draw(TOKENS))


BOOKS = st.lists(st.one_of(booked(), booked(), unexplained()), max_size=6)


def cost_of(rows: list[PricedUsage], model: str = "") -> Decimal:
    return exact_sum(row.used.cost for row in rows if model in ("", row.model))


@settings(max_examples=100, deadline=None)
@given(BOOKS, BOOKS)
def test_the_effects_add_up_to_the_difference_exactly(
    before: list[PricedUsage], now: list[PricedUsage]
) -> None:
    made = effects(before, now)

    assert EXACT.add(cost_of(before), added_up(made.values()).total) == cost_of(now)
    for model, one in made.items():
        assert EXACT.add(cost_of(before, model), one.total) == cost_of(now, model)


@settings(max_examples=50, deadline=None)
@given(BOOKS)
def test_the_same_books_twice_have_no_effects(rows: list[PricedUsage]) -> None:
    assert only(added_up(effects(rows, rows).values())) == {}


def test_effects_beyond_the_digits_of_any_booked_amount_still_add_up() -> None:
    fees = rates(input="2", per_request="10.249205")
    before = [usage(at=fees, input=1, requests=9_999_999_999)]

    [made] = effects(before, [usage(at=fees, input=137_951_123)]).values()

    assert made.volume > Decimal(10) ** 18
    assert made.total == Decimal("275.902246") - Decimal("102492049989.750795") - Decimal("0.000002")
