"""From how an attempt ended to the row that is booked."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from metering import bookkeeping
from metering.entries import Admission, Call, Entry, Result
from metering.usage import BUCKETS, Usage
from tests.metering.prices import AT, row

PRICES = [row(5, input="1", output="2")]
CALL = Call(
    request_id=uuid.UUID(int=7),
    attempt=2,
    team_id=1,
    api_key_id=2,
    model_id=3,
    route="warm",
    started_at=AT,
    streamed=True,
    client_request_id="mine",
    tags={"feature": "search"},
)
ADMISSION = Admission(
    call=CALL, output_tokens=50, output_wanted=50, held_usd=Decimal("0.60"), held_tokens=150, limited=True
)
USAGE = Usage(input=1_000, output=100, reasoning=50)


def entry(
    *, admission: Admission = ADMISSION, prices: Any = PRICES, zone: str = "UTC", **result: Any
) -> Entry:
    given = Result(**({"outcome": "ok"} | result))
    return bookkeeping.entry_for(admission=admission, result=given, prices=prices, zone=ZoneInfo(zone))


def test_a_good_answer_is_booked_at_its_cost() -> None:
    booked = entry(
        usage=USAGE, usage_source="reported", raw_usage={"total_tokens": 1150}, status=200, latency_ms=90
    )

    assert (booked.cost, booked.cost_reason, booked.price_id) == (Decimal("0.0013"), "", 5)
    assert (booked.input, booked.output, booked.reasoning, booked.cache_read) == (1_000, 100, 50, 0)
    assert (booked.usage_source, booked.raw_usage) == ("reported", {"total_tokens": 1150})
    assert (booked.exposure, booked.exposure_tokens, booked.held) == (None, None, Decimal("0.60"))
    assert (booked.outcome, booked.status, booked.latency_ms, booked.overrun) == ("ok", 200, 90, False)


def test_the_entry_says_who_called_what() -> None:
    booked = entry(usage=USAGE, usage_source="reported")

    assert (booked.request_id, booked.attempt, booked.kind) == (uuid.UUID(int=7), 2, "attempt")
    assert (booked.team_id, booked.api_key_id, booked.model_id, booked.route) == (1, 2, 3, "warm")
    assert (booked.streamed, booked.client_request_id, booked.tags) == (True, "mine", {"feature": "search"})


@pytest.mark.parametrize(("zone", "day"), [("UTC", 20), ("Asia/Kolkata", 20), ("Pacific/Auckland", 21)])
def test_the_day_is_that_of_the_request_in_the_business_zone(zone: str, day: int) -> None:
    assert entry(usage=USAGE, usage_source="reported", zone=zone).day == dt.date(2026, 11, day)


def test_a_refused_call_costs_nothing_and_that_is_known() -> None:
    booked = entry(outcome="error", not_billed=True, status=429, error_class="rate_limited")

    assert (booked.cost, booked.cost_reason, booked.price_id) == (0, "not_billed", None)
    assert (booked.usage_source, booked.exposure, booked.exposure_tokens) == ("reported", None, None)
    assert {getattr(booked, bucket) for bucket in BUCKETS} == {0}


def test_an_answer_without_usage_is_of_unknown_cost_and_exposes_the_hold() -> None:
    booked = entry(outcome="ok", usage_source="reported")

    assert (booked.cost, booked.cost_reason, booked.usage_source) == (None, "no_usage", "unknown")
    assert (booked.exposure, booked.exposure_tokens) == (Decimal("0.60"), 150)
    assert {getattr(booked, bucket) for bucket in BUCKETS} == {None}


def test_usage_without_a_price_is_counted_in_tokens_and_exposes_the_money() -> None:
    booked = entry(usage=USAGE, usage_source="reported", prices=[])

    assert (booked.cost, booked.cost_reason, booked.input) == (None, "unpriced", 1_000)
    assert (booked.exposure, booked.exposure_tokens) == (Decimal("0.60"), None)


def test_without_a_price_there_was_nothing_to_hold_and_nothing_to_expose() -> None:
    unpriced = Admission(
        call=CALL, output_tokens=50, output_wanted=50, held_usd=None, held_tokens=150, limited=False
    )

    booked = entry(admission=unpriced, prices=[], usage=USAGE, usage_source="reported")

    assert (booked.held, booked.exposure, booked.overrun) == (None, None, False)


@pytest.mark.parametrize("source", ["reported", "drained", "estimated"])
def test_where_the_usage_comes_from_is_kept(source: str) -> None:
    assert entry(outcome="client_closed", usage=USAGE, usage_source=source).usage_source == source


@pytest.mark.parametrize(
    ("held", "overrun"), [("0.001299999999", True), ("0.0013", False), ("0.0014", False)]
)
def test_a_cost_above_the_hold_is_an_overrun(held: str, overrun: bool) -> None:
    admission = Admission(
        call=CALL, output_tokens=50, output_wanted=50, held_usd=Decimal(held), held_tokens=150, limited=True
    )

    booked = entry(admission=admission, usage=USAGE, usage_source="reported")

    assert (booked.cost, booked.overrun) == (Decimal("0.0013"), overrun)


def test_the_variant_that_was_served_is_priced_and_kept() -> None:
    prices = [*PRICES, row(6, variant="flex", input="0.5", output="1")]

    booked = entry(usage=USAGE, usage_source="reported", variant="flex", prices=prices)

    assert (booked.variant, booked.price_id, booked.cost) == ("flex", 6, Decimal("0.00065"))


def test_the_price_is_that_of_when_the_request_came() -> None:
    later = AT + dt.timedelta(seconds=1)
    prices = [row(5, until=later, input="1", output="2"), row(6, since=later, input="9", output="9")]

    assert entry(usage=USAGE, usage_source="reported", prices=prices).price_id == 5


def test_a_lost_call_is_booked_as_unknown_with_the_hold_as_exposure() -> None:
    booked = bookkeeping.lost_entry(
        call=CALL, held_usd=Decimal("0.60"), held_tokens=150, price_id=5, zone=ZoneInfo("UTC")
    )

    assert (booked.outcome, booked.cost, booked.cost_reason, booked.usage_source) == (
        "lost",
        None,
        "lost",
        "unknown",
    )
    assert (booked.exposure, booked.exposure_tokens, booked.held, booked.price_id) == (
        Decimal("0.60"),
        150,
        Decimal("0.60"),
        5,
    )


def test_a_release_names_the_call_and_nothing_else() -> None:
    released = bookkeeping.release_of(call=CALL, zone=ZoneInfo("UTC"))

    assert (released.kind, released.request_id, released.attempt) == ("release", uuid.UUID(int=7), 2)
    assert (released.cost, released.exposure) == (None, None)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a\x00b", "ab"),
        ("\x00", ""),
        ("lone \ud800 surrogate", "lone ? surrogate"),
        ("snowman \u2603", "snowman \u2603"),
        ("x" * 11, "x" * 10),
        ("\U0001f600" * 11, "\U0001f600" * 10),
    ],
)
def test_text_is_made_storable(text: str, kept: str) -> None:
    assert bookkeeping.storable(text, 10 if len(text) == 11 else 500) == kept


def test_a_vendors_texts_are_made_storable_at_the_length_of_their_columns() -> None:
    odd = "\x00\ud800" + "x" * 1_000_000

    booked = entry(
        usage=USAGE,
        usage_source="reported",
        error_message=odd,
        finish_reason=odd,
        served_model=odd,
        upstream_id=odd,
        error_class=odd,
        variant=odd,
    )

    texts = (booked.error_message, booked.finish_reason, booked.served_model, booked.upstream_id)
    assert [len(text) for text in (*texts, booked.error_class, booked.variant)] == [499, 39, 199, 199, 19, 9]
    assert {text[:2] for text in (*texts, booked.error_class, booked.variant)} == {"?x"}


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        ((), ()),
        (("usage_mismatch",), ("usage_mismatch",)),
        (("b", "a", "b"), ("b", "a")),
        (("native_finish:" + "x" * 40,), ("native_finish:" + "x" * 26,)),
        (("left_out:" + "x" * 31 + "1", "left_out:" + "x" * 31 + "2"), ("left_out:" + "x" * 31,)),
        (("native_finish:a\x00b", "native_finish:\ud800"), ("native_finish:ab", "native_finish:?")),
    ],
)
def test_flags_are_made_storable_and_kept_once(flags: tuple[str, ...], kept: tuple[str, ...]) -> None:
    assert entry(usage=USAGE, usage_source="reported", flags=flags).flags == kept


def counted(usage: Usage) -> Entry:
    result = Result(outcome="ok", usage=usage, usage_source="reported")
    [booked] = bookkeeping.entries_for(
        admission=ADMISSION, result=result, prices=PRICES, zone=ZoneInfo("UTC")
    )
    return booked


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_count_that_no_answer_can_have_makes_the_usage_unknown(bucket: str) -> None:
    booked = counted(Usage(**{bucket: 10**9 + 1}))

    assert (booked.cost, booked.cost_reason, booked.usage_source) == (None, "no_usage", "unknown")
    assert (booked.exposure, booked.exposure_tokens) == (Decimal("0.60"), 150)
    assert {getattr(booked, bucket) for bucket in BUCKETS} == {None}
    assert booked.flags == ("usage_out_of_range",)


def test_a_thousand_million_tokens_are_counted() -> None:
    booked = counted(Usage(input=10**9))

    assert (booked.cost, booked.input, booked.flags) == (Decimal(1000), 10**9, ())


def nested(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    "raw",
    [
        *({"note": "a\x00b"}, {"a\x00b": 1}, {"note": "\ud800"}, {"padding": "x" * 4_096}),
        {"deep": nested(1_500)},
    ],
    ids=["nul", "nul in a name", "surrogate", "too large", "nested too deeply"],
)
def test_reported_usage_that_cannot_be_kept_is_dropped_and_flagged(raw: dict[str, Any]) -> None:
    booked = entry(usage=USAGE, usage_source="reported", raw_usage=raw, flags=("usage_mismatch",))

    assert (booked.raw_usage, booked.flags) == (None, ("usage_mismatch", "raw_usage_dropped"))
    assert booked.cost == Decimal("0.0013")
