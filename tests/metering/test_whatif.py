"""Traffic at other models' prices: exact figures, and what holds for any traffic, prices and factors."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.rates import Rates
from metering.usage import BUCKETS
from metering.whatif import pricing, scenarios
from metering.whatif.factors import AS_IT_WAS, Factors
from metering.whatif.pricing import Traffic
from metering.whatif.scenarios import Scenario

NOTHING = dict.fromkeys(BUCKETS, 0)
FREE = dict.fromkeys(BUCKETS, Decimal(0))
HAIKU = Rates(input=Decimal(1), output=Decimal(5), cache_read=Decimal("0.1"), cache_write_5m=Decimal("1.25"))
FLASH = Rates(input=Decimal("0.3"), output=Decimal("2.5"))


def traffic(*, model: str = "anthropic/haiku", answers: int = 1, stretch: int = 0, **tokens: int) -> Traffic:
    return Traffic(stretch, model, answers, NOTHING | tokens, FREE)


def on_flash(*found: Traffic, rates: Rates = FLASH, factors: Factors = AS_IT_WAS) -> Scenario:
    return pricing.on("gemini/flash", found, rates=[rates], factors=factors)


def test_the_model_with_the_lower_prices_is_dearer_because_it_thinks() -> None:
    was = on_flash(traffic(input=13, output=4), rates=HAIKU)
    would = on_flash(traffic(input=13, output=4), factors=Factors(added=Decimal(108)))

    assert was.cost == Decimal("0.000033")
    assert would.cost == Decimal("0.0002839")
    assert would.parts["reasoning"].tokens == 108


def test_each_factor_is_of_its_own_kind_of_tokens() -> None:
    factors = Factors(input=Decimal(2), output=Decimal(3), reasoning=Decimal(5), added=Decimal("0.5"))
    every = dict.fromkeys(BUCKETS, 10)

    tokens = factors.applied(every, answers=4)

    assert tokens == {
        "input": 20,
        "cache_read": 20,
        "cache_write_5m": 20,
        "cache_write_1h": 20,
        "audio_input": 20,
        "output": 30,
        "audio_output": 30,
        "reasoning": 52,
        "requests": 10,
    }


def test_what_the_model_answered_itself_keeps_its_tokens() -> None:
    own = traffic(model="gemini/flash", output=100, reasoning=50)
    other = traffic(output=100)

    found = on_flash(own, other, factors=Factors(output=Decimal(2), added=Decimal(7)))

    assert found.parts["output"].tokens == 300
    assert found.parts["reasoning"].tokens == 57


@pytest.mark.parametrize(
    ("bucket", "rates", "rate"),
    [
        ("cache_read", HAIKU, "0.1"),
        ("cache_read", FLASH, "0.3"),
        ("cache_write_5m", HAIKU, "1.25"),
        ("cache_write_5m", FLASH, "0.3"),
        ("cache_write_1h", HAIKU._replace(cache_write_1h=Decimal(2)), "2"),
        ("cache_write_1h", FLASH, "0.3"),
        ("cache_write_1h", HAIKU, None),  # it bills cache writes: for an hour it is not known at what rate
        ("reasoning", FLASH, "2.5"),
        ("audio_input", HAIKU, None),
        ("requests", HAIKU, None),
        ("requests", HAIKU._replace(per_request=Decimal("0.01")), "0.01"),
    ],
)
def test_cached_input_has_its_own_rate_or_that_of_input(bucket: str, rates: Rates, rate: str | None) -> None:
    assert pricing.rate_of(rates, bucket) == (None if rate is None else Decimal(rate))


def test_without_a_rate_the_cost_is_unknown_and_what_is_known_a_lower_bound() -> None:
    found = on_flash(traffic(input=1_000_000, requests=3))

    assert found.cost is None
    assert found.at_least == Decimal("0.3")
    assert found.unrated == ("requests",)
    assert found.parts["requests"].cost is None


def test_without_a_price_everything_is_unknown() -> None:
    found = pricing.on("x/y", [traffic(input=5, output=1)], rates=[None], factors=AS_IT_WAS)

    assert (found.cost, found.at_least, found.unrated) == (None, 0, ("input", "output"))


def test_nothing_used_costs_nothing_even_without_a_price() -> None:
    assert pricing.on("x/y", [traffic()], rates=[None], factors=AS_IT_WAS).cost == 0


def test_each_stretch_of_days_has_its_own_prices() -> None:
    days = [traffic(stretch=0, input=1_000_000), traffic(stretch=1, input=1_000_000)]

    found = pricing.on("x/y", days, rates=[HAIKU, FLASH], factors=AS_IT_WAS)

    assert found.cost == Decimal("1.3")
    assert found.parts["input"].rate is None  # two


def test_seventy_and_thirty() -> None:
    stays = Scenario(unsplit=Decimal(10))
    there = Scenario(unsplit=Decimal(3))

    assert scenarios.split([(Decimal(70), there)], stays=stays).cost == Decimal("5.1")


def test_what_has_no_rate_where_nothing_moves_to_is_no_matter() -> None:
    unknown = on_flash(traffic(requests=1))
    was = Scenario(unsplit=Decimal(1))

    assert scenarios.split([(Decimal(0), unknown)], stays=was).cost == 1
    assert scenarios.split([(Decimal("0.01"), unknown)], stays=was).cost is None


def test_a_difference_of_something_unknown_is_unknown() -> None:
    assert scenarios.difference(None, Decimal(1)) is None
    assert scenarios.difference(Decimal(1), None) is None
    assert scenarios.difference(Decimal(1), Decimal(3)) == -2


counts = st.integers(0, 10**11)
rates = st.integers(0, 10**9).map(lambda millionths: Decimal(millionths).scaleb(-6))
full_rates = st.builds(Rates, *[rates] * len(Rates._fields))
factor = st.integers(0, 10**7).map(lambda parts: Decimal(parts).scaleb(-4))
factors = st.builds(Factors, factor, factor, factor, factor)
percents = st.integers(0, 10_000).map(lambda parts: Decimal(parts).scaleb(-2))
some_traffic = st.builds(
    Traffic,
    stretch=st.just(0),
    model=st.sampled_from(["a/one", "b/two", "c/three"]),
    answers=st.integers(0, 10**8),
    tokens=st.fixed_dictionaries(dict.fromkeys(BUCKETS, counts)),
    usd=st.just(FREE),
)
slices = st.lists(some_traffic, max_size=4)


def by_rate(found: list[Traffic], at: Rates) -> Fraction:
    """Worked out apart, in fractions."""
    return sum(
        (
            Fraction(one.tokens[name])
            * Fraction(at.per_request if name == "requests" else getattr(at, name))
            / (1 if name == "requests" else 10**6)
            for one in found
            for name in BUCKETS
        ),
        start=Fraction(0),
    )


def exactly(amount: Decimal | None) -> Fraction:
    assert amount is not None
    return Fraction(amount)


@given(found=slices, at=full_rates)
def test_the_same_model_at_the_same_prices_costs_what_it_cost(found: list[Traffic], at: Rates) -> None:
    would = pricing.on("a/one", found, rates=[at], factors=AS_IT_WAS)

    assert exactly(would.cost) == by_rate(found, at)


@given(found=slices, at=full_rates, one=factors)
def test_parts_add_up_to_the_cost(found: list[Traffic], at: Rates, one: Factors) -> None:
    would = pricing.on("a/one", found, rates=[at], factors=one)

    assert sum(exactly(part.cost) for part in would.parts.values()) == exactly(would.cost)


@given(found=slices, first=full_rates, second=full_rates, one=factors)
def test_all_of_it_moved_is_the_single_target(
    found: list[Traffic], first: Rates, second: Rates, one: Factors
) -> None:
    here = pricing.on("a/one", found, rates=[first], factors=one)
    there = pricing.on("b/two", found, rates=[second], factors=AS_IT_WAS)
    stays = pricing.as_it_was(found)

    moved = scenarios.split([(Decimal(100), here), (Decimal(0), there)], stays=stays)

    assert moved == here


@given(found=slices, first=full_rates, second=full_rates, percent=percents)
def test_a_split_adds_up_to_the_last_digit(
    found: list[Traffic], first: Rates, second: Rates, percent: Decimal
) -> None:
    here = pricing.on("a/one", found, rates=[first], factors=AS_IT_WAS)
    there = pricing.on("b/two", found, rates=[second], factors=AS_IT_WAS)

    moved = scenarios.split([(percent, here), (100 - percent, there)], stays=Scenario())

    share = Fraction(percent) / 100
    assert exactly(moved.cost) == share * exactly(here.cost) + (1 - share) * exactly(there.cost)


@given(found=slices, at=full_rates, one=factors, more=factor)
def test_the_cost_is_linear_in_each_factor(
    found: list[Traffic], at: Rates, one: Factors, more: Decimal
) -> None:
    """f(x + 2d) - f(x + d) = f(x + d) - f(x), for the factor of output and what is added."""

    def cost(step: int) -> Fraction:
        output, added = (Decimal(step) * more + start for start in (one.output, one.added))
        moved = Factors(one.input, output, one.reasoning, added)
        return exactly(pricing.on("a/one", found, rates=[at], factors=moved).cost)

    assert cost(2) - cost(1) == cost(1) - cost(0)
