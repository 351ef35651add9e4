"""For any price and any usage: exact, at most twelve decimals, and never above what was held for it."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from catalog.rates import PART_OF
from catalog.snapshot import RATES, PriceRow
from metering import costing
from metering.usage import BUCKETS, Usage
from tests.metering.prices import AT, row

rates = st.integers(0, 10**10).map(lambda millionths: Decimal(millionths).scaleb(-6))
counts = st.integers(0, 10**9)
usages = st.builds(Usage, **dict.fromkeys(BUCKETS, counts))
full_rates = st.fixed_dictionaries(dict.fromkeys(RATES, rates))
some_rates = st.fixed_dictionaries({}, optional=dict.fromkeys(RATES, rates))


@given(usage=usages, given_rates=full_rates)
def test_a_cost_equals_the_fraction_and_has_at_most_twelve_decimals(
    usage: Usage, given_rates: dict[str, Decimal]
) -> None:
    found = costing.cost_of(usage, [row(**given_rates)], at=AT, variant="standard").usd

    tokens = sum(
        Fraction(getattr(usage, bucket)) * Fraction(given_rates[bucket]) for bucket in costing.TOKEN_BUCKETS
    )
    assert isinstance(found, Decimal)
    assert Fraction(found) == tokens / 10**6 + usage.requests * Fraction(given_rates["per_request"])
    assert found == found.quantize(Decimal("1E-12"), context=costing.EXACT)


@given(usage=usages, given_rates=some_rates)
def test_a_cost_is_known_exactly_when_every_kind_of_use_has_a_rate(
    usage: Usage, given_rates: dict[str, Decimal]
) -> None:
    found = costing.cost_of(usage, [row(**given_rates)], at=AT, variant="standard")

    used = {bucket for bucket in BUCKETS if getattr(usage, bucket)}
    listed = {"requests" if name == "per_request" else name for name in given_rates}
    inherited = {bucket for bucket, whole in PART_OF.items() if whole in given_rates}
    assert (found.usd is not None) == (used <= listed | inherited)
    assert found.reason == ("" if found.usd is not None else "unpriced_component")


@st.composite
def price_lists(draw: st.DrawFn) -> list[PriceRow]:
    """A standard price, perhaps with thresholds (whole and marginal), peak hours, and other tiers."""
    found = [row(1, **draw(st.one_of(full_rates, some_rates)))]
    for number in range(draw(st.integers(0, 4))):
        extra: dict[str, Any] = {
            "variant": draw(st.sampled_from(["standard", "flex", "priority"])),
            "above": draw(st.sampled_from([0, 50, 100])),
            "hours": draw(st.sampled_from([None, ("00:00", "23:00")])),
        }
        if extra["above"] and draw(st.booleans()):
            extra["tier"] = "marginal"
        found.append(row(number + 2, **extra, **draw(st.one_of(full_rates, some_rates))))
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    prices=price_lists(),
    usage=st.builds(Usage, **dict.fromkeys(costing.TOKEN_BUCKETS, st.integers(0, 60))),
    slack=st.integers(0, 100),
    variant=st.sampled_from(["standard", "flex", "priority"]),
)
def test_a_hold_is_never_less_than_the_cost_of_any_usage_within_its_bound(
    prices: list[PriceRow], usage: Usage, slack: int, variant: str
) -> None:
    cost = costing.cost_of(usage, prices, at=AT, variant=variant).usd
    bound = costing.bound_for(
        prices,
        at=AT,
        input_tokens=usage.total_input + slack,
        any_variant=variant != "standard",
        with_cache_writes=bool(usage.cache_write_5m or usage.cache_write_1h),
        with_audio=bool(usage.audio_input or usage.audio_output),
    )

    if cost is None:
        return  # nothing to compare: the hold is then stated as exposure
    assert bound is not None
    assert bound.base_usd + bound.usd_per_output_token * usage.total_output >= cost


@given(
    first=full_rates,
    second=full_rates,
    third=full_rates,
    edges=st.tuples(st.integers(1, 200), st.integers(201, 400)),
    usage=st.builds(Usage, **dict.fromkeys(BUCKETS, st.integers(0, 200))),
)
def test_a_marginal_cost_is_that_of_each_token_by_its_place(
    first: dict[str, Decimal],
    second: dict[str, Decimal],
    third: dict[str, Decimal],
    edges: tuple[int, int],
    usage: Usage,
) -> None:
    """Token by token, as the rule says it: the prompt in its order, each at the rate of where it lies."""
    prices = [
        row(1, **first),
        row(2, above=edges[0], tier="marginal", **second),
        row(3, above=edges[1], tier="marginal", **third),
    ]
    prompt = [bucket for bucket in costing.INPUT_ORDER for _ in range(getattr(usage, bucket))]
    rates_at = [first] * edges[0] + [second] * (edges[1] - edges[0]) + [third] * len(prompt)
    tokens = sum(Fraction(rates[bucket]) for rates, bucket in zip(rates_at, prompt, strict=False))
    tokens += sum(getattr(usage, b) * Fraction(first[b]) for b in ("output", "reasoning", "audio_output"))

    found = costing.cost_of(usage, prices, at=AT, variant="standard").usd

    assert found is not None
    assert Fraction(found) == tokens / 10**6 + usage.requests * Fraction(first["per_request"])


@given(since=st.datetimes(timezones=st.just(dt.UTC)), days=st.integers(1, 1000), offset=st.integers(-2, 2))
def test_at_every_moment_exactly_one_of_two_adjoining_periods_holds(
    since: dt.datetime, days: int, offset: int
) -> None:
    assume(since.year < 9000)
    change = since + dt.timedelta(days=days)
    periods = [row(1, since=since, until=change, input="1"), row(2, since=change, input="2")]

    at = change + dt.timedelta(microseconds=offset)

    assert [price.id for price in periods if price.holds_at(at)] == [1 if offset < 0 else 2]
