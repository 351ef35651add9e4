"""Costs, exact to the last digit. Letters in brackets name the incident the case comes from (checks.md)."""

import datetime as dt
from decimal import Decimal

import pytest

from metering import costing
from metering.costing import Cost
from metering.usage import Usage
from tests.metering.prices import AT, row

OPUS = row(input="5", output="25", cache_read="0.5", cache_write_5m="6.25", cache_write_1h="10")


def cost(usage: Usage, *prices: object, at: dt.datetime = AT, variant: str = "standard") -> Cost:
    return costing.cost_of(usage, prices, at=at, variant=variant)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        pytest.param(
            Usage(input=6, cache_write_5m=159_217, output=2_745),
            OPUS,
            "1.06376125",
            id="C1 writes are billed once",
        ),
        pytest.param(
            Usage(input=3_914, cache_read=16_298, output=0),
            row(input="0.50", output="2", cache_read="0.05"),
            "0.0027719",
            id="C2 reads are billed once",
        ),
        pytest.param(Usage(cache_write_5m=1_000), OPUS, "0.00625", id="C3 writes alone cost"),
        pytest.param(
            Usage(cache_write_5m=600_000, cache_write_1h=400_000),
            OPUS,
            "7.75",
            id="C4 one-hour writes cost their own",
        ),
        pytest.param(
            Usage(output=34, reasoning=448),
            row(input="1", output="10"),
            "0.00482",
            id="C5 reasoning is billed as output",
        ),
        pytest.param(
            Usage(input=20, output=151, reasoning=382),
            row(input="0.3", output="2.5"),
            "0.0013385",
            id="C6 thinking",
        ),
        pytest.param(
            Usage(output=100, reasoning=100),
            row(input="1", output="10", reasoning="4"),
            "0.0014",
            id="reasoning's own rate",
        ),
        pytest.param(
            Usage(output=100, reasoning=100),
            row(input="1", output="10", reasoning="0"),
            "0.001",
            id="reasoning is free",
        ),
        pytest.param(
            Usage(audio_input=1_000, audio_output=500),
            row(input="1", output="2", audio_input="40", audio_output="80"),
            "0.08",
            id="audio",
        ),
        pytest.param(
            Usage(input=1_000, requests=2),
            row(input="3", output="15", per_request="0.035"),
            "0.073",
            id="C9 two searches",
        ),
        pytest.param(
            Usage(input=1_000),
            row(input="3", output="15", per_request="0.035"),
            "0.003",
            id="C9 declared and not used",
        ),
        pytest.param(Usage(requests=1), row(per_request="0.04"), "0.04", id="a price by request"),
        pytest.param(
            Usage(input=1), row(input="0.000001"), "0.000000000001", id="C14 one token at the smallest rate"
        ),
        pytest.param(Usage(input=10**12), row(input="1"), "1000000", id="C14 a million million tokens"),
        pytest.param(
            Usage(input=10**18), row(input="0.000001"), "1000000", id="C14 more than eight bytes on the way"
        ),
        pytest.param(Usage(input=1_615), row(input="1"), "0.001615", id="C13 no rounding noise"),
        pytest.param(Usage(), OPUS, "0", id="nothing was used"),
        pytest.param(
            Usage(input=7, output=9), row(input="0", output="0"), "0", id="D6 a free model is priced"
        ),
    ],
)
def test_cost(usage: Usage, price: object, usd: str) -> None:
    assert cost(usage, price) == Cost(usd=Decimal(usd), price_id=1)


def test_the_cheaper_token_was_the_dearer_answer() -> None:
    """docs/the-story.md: the same one-word answer, plain and after thinking."""
    haiku, flash = row(1, input="1.00", output="5.00"), row(2, input="0.30", output="2.50")

    plain = cost(Usage(input=13, output=4), haiku).usd
    thinking = cost(Usage(input=13, output=4, reasoning=108), flash).usd

    assert plain == Decimal("0.000033")
    assert thinking == Decimal("0.0002839")
    assert plain is not None
    assert thinking is not None
    assert round(thinking / plain, 1) == Decimal("8.6")


@pytest.mark.parametrize(
    ("missing", "stands_in"),
    [("cache_read", "input"), ("cache_write_5m", "input"), ("reasoning", "output")],
)
def test_a_rate_that_is_not_listed_is_that_of_what_the_tokens_are_part_of(
    missing: str, stands_in: str
) -> None:
    usage = Usage(**{missing: 1_000})

    assert (
        cost(usage, row(input="3", output="15")).usd
        == {"input": Decimal("0.003"), "output": Decimal("0.015")}[stands_in]
    )


@pytest.mark.parametrize("bucket", ["cache_write_1h", "audio_input", "audio_output", "requests"])
def test_a_kind_of_use_without_a_rate_makes_the_cost_unknown(bucket: str) -> None:
    usage = Usage(input=10, output=10, **{bucket: 1})

    assert cost(usage, row(7, input="3", output="15")) == Cost(
        usd=None, price_id=7, reason="unpriced_component"
    )


@pytest.mark.parametrize("bucket", ["input", "output", "cache_read", "reasoning"])
def test_a_price_by_request_alone_prices_no_tokens(bucket: str) -> None:
    assert cost(Usage(**{bucket: 1}), row(per_request="0.04")).reason == "unpriced_component"


def test_no_price_is_unknown_and_not_zero() -> None:
    """D1"""
    assert cost(Usage(input=10)) == Cost(usd=None, price_id=None, reason="unpriced")


# C7: above a threshold every token of the request costs the higher rate.

LONG = (
    row(1, input="2", output="10", cache_read="0.2"),
    row(2, above=200_000, input="4", output="15", cache_read="0.4"),
    row(3, above=272_000, input="5", output="20", cache_read="0.5"),
)


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        (Usage(input=200_000, output=1_000), 1, "0.41"),
        (Usage(input=200_001, output=1_000), 2, "0.815004"),
        (Usage(input=271_999 - 7_936, cache_read=7_936, output=1_000), 2, "1.0744264"),
        (Usage(input=272_000 - 7_936, cache_read=7_936, output=1_000), 2, "1.0744304"),
        (Usage(input=270_540, cache_read=7_936, output=1_000), 3, "1.376668"),
    ],
)
def test_the_whole_request_is_billed_at_the_highest_threshold_that_its_input_passes(
    usage: Usage, price: int, usd: str
) -> None:
    assert cost(usage, *LONG) == Cost(usd=Decimal(usd), price_id=price)


@pytest.mark.parametrize("bucket", ["cache_read", "cache_write_5m", "cache_write_1h", "audio_input"])
def test_every_input_token_counts_towards_the_threshold(bucket: str) -> None:
    usage = Usage(input=1, **{bucket: 200_000})

    assert costing.price_for(LONG, at=AT, variant="standard", input_tokens=usage.total_input) == LONG[1]


def test_output_does_not_count_towards_the_threshold() -> None:
    assert cost(Usage(input=1, output=300_000, reasoning=300_000), *LONG).price_id == 1


# A marginal row is the price of the input tokens above its threshold alone (docs/decisions/0032).

BASE = row(1, input="2", output="10", cache_read="0.2", cache_write_1h="4", per_request="0.01")
ABOVE = row(2, above=1_000, tier="marginal", input="4", cache_read="0.4", cache_write_1h="8")
FURTHER = row(3, above=5_000, tier="marginal", input="6")
MARGINAL = (BASE, ABOVE, FURTHER)


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        pytest.param(Usage(input=1_000, output=100), 1, "0.003", id="at the threshold nothing is above it"),
        pytest.param(Usage(input=1_001, output=100), 2, "0.003004", id="one token above costs one more"),
        pytest.param(Usage(input=5_000), 2, "0.018", id="1,000 x 2 + 4,000 x 4"),
        pytest.param(Usage(input=6_000), 3, "0.024", id="1,000 x 2 + 4,000 x 4 + 1,000 x 6"),
        pytest.param(Usage(input=1_500, cache_read=1_000), 2, "0.0062", id="what was cached lies below"),
        pytest.param(Usage(input=500, cache_read=1_500), 2, "0.0024", id="500 cached tokens lie above"),
        pytest.param(
            Usage(input=100, cache_write_5m=100, cache_write_1h=500, cache_read=900),
            2,
            "0.00458",
            id="900 read and 100 written below, 400 + 100 + 100 above",
        ),
        pytest.param(Usage(input=2_000, output=500, requests=2), 2, "0.031", id="output and fees as below"),
        pytest.param(Usage(output=9_000, reasoning=9_000), 1, "0.18", id="output is above no threshold"),
    ],
)
def test_a_marginal_price_is_of_the_tokens_above_its_threshold(usage: Usage, price: int, usd: str) -> None:
    assert cost(usage, *MARGINAL) == Cost(usd=Decimal(usd), price_id=price)


def test_below_a_marginal_row_the_tokens_cost_what_a_request_that_ends_there_costs() -> None:
    """Here that is a row for the whole request, at its own threshold."""
    whole = row(4, above=3_000, input="3", output="20")

    assert cost(Usage(input=6_000, output=100), *MARGINAL, whole) == Cost(usd=Decimal("0.023"), price_id=3)


def test_a_whole_row_above_a_marginal_one_is_the_price_of_everything() -> None:
    whole = row(4, above=5_500, input="3", output="20")

    assert cost(Usage(input=6_000, output=100), *MARGINAL, whole) == Cost(usd=Decimal("0.02"), price_id=4)


def test_a_rate_that_a_marginal_row_lacks_is_missed_only_above_it() -> None:
    audio = row(1, input="2", output="10", audio_input="40")

    assert cost(Usage(input=500, audio_input=500), audio, ABOVE).usd == Decimal("0.021")
    assert cost(Usage(input=500, audio_input=501), audio, ABOVE) == Cost(
        usd=None, price_id=2, reason="unpriced_component"
    )


def test_a_marginal_row_without_one_below_prices_nothing() -> None:
    flex = row(9, variant="flex", above=1, tier="marginal", input="1")

    assert cost(Usage(input=2_000), ABOVE).reason == "unpriced"
    assert cost(Usage(input=2_000), BASE, flex, variant="flex").reason == "unpriced_variant"


def test_the_shares_of_a_split_add_up_to_the_usage() -> None:
    cached = {"cache_read": 700, "cache_write_5m": 900, "cache_write_1h": 800}
    usage = Usage(input=2_500, **cached, output=5, audio_input=1_100, requests=1)
    rows = costing.rows_for(MARGINAL, at=AT, variant="standard", input_tokens=usage.total_input)

    shares = costing.split(usage, rows)

    assert [(share.id, part.total_input) for share, part in shares] == [(1, 1_000), (2, 4_000), (3, 1_000)]
    assert shares[0][1].plus(shares[1][1]).plus(shares[2][1]) == usage
    assert [part.total_output + part.requests for _, part in shares] == [6, 0, 0]


# C8: the tier that was served decides, not the one that was asked for.

TIERS = (row(1, input="2", output="10"), row(2, variant="flex", input="1", output="5"))


def test_the_served_tier_is_billed() -> None:
    assert cost(Usage(input=1_000), *TIERS, variant="flex") == Cost(usd=Decimal("0.001"), price_id=2)
    assert cost(Usage(input=1_000), *TIERS, variant="standard") == Cost(usd=Decimal("0.002"), price_id=1)


def test_a_served_tier_without_a_price_is_unknown_and_not_the_standard() -> None:
    assert cost(Usage(input=1_000), *TIERS, variant="priority").reason == "unpriced_variant"


def test_a_tier_of_a_model_without_any_price_is_unpriced() -> None:
    assert cost(Usage(input=1_000), variant="flex").reason == "unpriced"


# D3: the price in force when the request came.

CHANGE = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
BEFORE_AND_AFTER = (row(1, until=CHANGE, input="3"), row(2, since=CHANGE, input="2"))


@pytest.mark.parametrize(
    ("seconds", "price", "usd"), [(-1, 1, "0.003"), (-0.000001, 1, "0.003"), (0, 2, "0.002"), (1, 2, "0.002")]
)
def test_a_new_price_holds_from_its_first_moment(seconds: float, price: int, usd: str) -> None:
    at = CHANGE + dt.timedelta(seconds=seconds)

    assert cost(Usage(input=1_000), *BEFORE_AND_AFTER, at=at) == Cost(usd=Decimal(usd), price_id=price)


def test_a_future_price_is_not_yet_one() -> None:
    assert cost(Usage(input=1), row(since=AT + dt.timedelta(days=1), input="3")).reason == "unpriced"


def test_the_moment_is_compared_across_time_zones() -> None:
    kolkata = dt.timezone(dt.timedelta(hours=5, minutes=30))

    assert cost(Usage(input=1), *BEFORE_AND_AFTER, at=CHANGE.astimezone(kolkata)).price_id == 2


# Peak hours

FRIDAY, SATURDAY, SUNDAY, MONDAY = (dt.date(2026, 11, 20) + dt.timedelta(days=days) for days in range(4))


@pytest.mark.parametrize(
    ("day", "clock", "weekdays", "hours", "peak"),
    [
        (FRIDAY, "08:59:59", "", ("09:00", "17:00"), False),
        (FRIDAY, "09:00:00", "", ("09:00", "17:00"), True),
        (FRIDAY, "16:59:59", "", ("09:00", "17:00"), True),
        (FRIDAY, "17:00:00", "", ("09:00", "17:00"), False),
        (FRIDAY, "12:00:00", "mon-fri", ("09:00", "17:00"), True),
        (SATURDAY, "12:00:00", "mon-fri", ("09:00", "17:00"), False),
        (SATURDAY, "12:00:00", "sat-sun", ("09:00", "17:00"), True),
        (FRIDAY, "12:00:00", "sat-sun", ("09:00", "17:00"), False),
        (FRIDAY, "23:00:00", "", ("22:00", "04:00"), True),
        (SATURDAY, "03:59:59", "", ("22:00", "04:00"), True),
        (SATURDAY, "04:00:00", "", ("22:00", "04:00"), False),
        (FRIDAY, "21:59:59", "", ("22:00", "04:00"), False),
        (SATURDAY, "02:00:00", "mon-fri", ("22:00", "04:00"), True),  # Friday's night
        (SATURDAY, "23:00:00", "mon-fri", ("22:00", "04:00"), False),
        (MONDAY, "02:00:00", "mon-fri", ("22:00", "04:00"), False),  # Sunday's night
        (MONDAY, "02:00:00", "sat-sun", ("22:00", "04:00"), True),
        (SUNDAY, "23:00:00", "sat-sun", ("22:00", "04:00"), True),
    ],
)
def test_peak_hours(day: dt.date, clock: str, weekdays: str, hours: tuple[str, str], peak: bool) -> None:
    all_day, at_peak = row(1, input="1"), row(2, input="2", hours=hours, weekdays=weekdays)
    at = dt.datetime.combine(day, dt.time.fromisoformat(clock), tzinfo=dt.UTC)

    assert cost(Usage(input=1), all_day, at_peak, at=at).price_id == (2 if peak else 1)


def test_peak_hours_are_utc() -> None:
    kolkata = dt.timezone(dt.timedelta(hours=5, minutes=30))
    at = dt.datetime(2026, 11, 20, 14, 30, tzinfo=kolkata)  # 09:00 UTC

    assert (
        cost(Usage(input=1), row(1, input="1"), row(2, input="2", hours=("09:00", "10:00")), at=at).price_id
        == 2
    )


# Bounds of holds


def bound(*prices: object, input_tokens: int = 1_000, **asked: bool) -> costing.Bound | None:
    options = {"any_variant": False, "with_cache_writes": False, "with_audio": False} | asked
    return costing.bound_for(prices, at=AT, input_tokens=input_tokens, **options)  # type: ignore[arg-type]


def test_a_hold_is_made_of_all_input_and_each_output_token() -> None:
    assert bound(row(3, input="2", output="10")) == costing.Bound(
        price_id=3, base_usd=Decimal("0.002"), usd_per_output_token=Decimal("0.00001")
    )


@pytest.mark.parametrize(
    ("price", "asked", "base", "rate"),
    [
        (row(input="2", output="10", cache_write_5m="2.5"), {}, "0.002", "0.00001"),
        (row(input="2", output="10", cache_write_5m="2.5"), {"with_cache_writes": True}, "0.0025", "0.00001"),
        (row(input="2", output="10", cache_write_1h="4"), {"with_cache_writes": True}, "0.004", "0.00001"),
        (row(input="2", output="10", cache_read="3"), {}, "0.003", "0.00001"),
        (row(input="2", output="10", reasoning="12"), {}, "0.002", "0.000012"),
        (row(input="2", output="10", audio_input="40", audio_output="80"), {}, "0.002", "0.00001"),
        (
            row(input="2", output="10", audio_input="40", audio_output="80"),
            {"with_audio": True},
            "0.04",
            "0.00008",
        ),
        (row(input="2", output="10", per_request="0.035"), {}, "0.002", "0.00001"),
        (row(per_request="0.035"), {}, "0.035", "0"),
        (row(input="0", output="0"), {}, "0", "0"),
    ],
)
def test_a_hold_is_at_the_dearest_rates_that_could_apply(
    price: object, asked: dict[str, bool], base: str, rate: str
) -> None:
    found = bound(price, **asked)

    assert found is not None
    assert (found.base_usd, found.usd_per_output_token) == (Decimal(base), Decimal(rate))


@pytest.mark.parametrize(
    ("input_tokens", "rate"), [(200_000, "0.00001"), (200_001, "0.000015"), (300_000, "0.00002")]
)
def test_a_hold_reckons_with_a_threshold_that_its_bound_passes(input_tokens: int, rate: str) -> None:
    found = bound(*LONG, input_tokens=input_tokens)

    assert found is not None
    assert found.usd_per_output_token == Decimal(rate)


@pytest.mark.parametrize(
    ("input_tokens", "base"), [(1_000, "0.002"), (1_001, "0.002004"), (5_000, "0.018"), (6_000, "0.024")]
)
def test_a_hold_reckons_with_a_marginal_price_above_its_threshold_alone(input_tokens: int, base: str) -> None:
    found = bound(*MARGINAL, input_tokens=input_tokens)

    assert found is not None
    assert (found.base_usd, found.usd_per_output_token) == (Decimal(base), Decimal("0.00001"))


def test_a_hold_reckons_with_the_dearest_that_may_lie_below_a_marginal_row() -> None:
    peak = row(9, hours=("00:00", "23:00"), input="5", output="10")

    found = bound(BASE, peak, ABOVE, input_tokens=2_000)

    assert found is not None
    assert found.base_usd == Decimal("0.01")  # at the peak row throughout: 5 is more than 4


def test_a_hold_reckons_with_every_tier_when_the_caller_asks_for_one() -> None:
    prices = (row(1, input="2", output="10"), row(2, variant="priority", input="4", output="20"))

    assert bound(*prices).base_usd == Decimal("0.002")  # type: ignore[union-attr]
    assert bound(*prices, any_variant=True).base_usd == Decimal("0.004")  # type: ignore[union-attr]


def test_no_hold_can_be_made_without_a_price_in_force() -> None:
    assert bound() is None
    assert bound(row(since=AT + dt.timedelta(days=1), input="3")) is None


def test_a_bucket_that_is_negative_is_no_usage() -> None:
    with pytest.raises(ValueError, match="cache_read is negative: -1"):
        Usage(cache_read=-1)
