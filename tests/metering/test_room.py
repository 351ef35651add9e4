"""What a verdict says of the room in limits."""

import datetime as dt
from decimal import Decimal

import pytest

from metering import room
from metering.entries import Bounds, RateRoom
from metering.limit_book import LimitRow
from tests.metering.house import AT, UTC

LIMITS = [
    LimitRow(id=1, team_id=1, api_key_id=None, model_id=None, unit="requests", period="minute", mode="hard"),
    LimitRow(id=2, team_id=1, api_key_id=None, model_id=None, unit="tokens", period="day", mode="hard"),
]


def bounds(*, base: str | None = "0.10", rate: str | None = "0.01") -> Bounds:
    return Bounds(
        input_tokens=100,
        output_wanted=50,
        output_least=20,
        price_id=1,
        base_usd=None if base is None else Decimal(base),
        usd_per_output_token=None if rate is None else Decimal(rate),
    )


def test_each_rate_limit_in_scope_says_what_it_has_left_and_until_when() -> None:
    columns = ([1, 2], [Decimal(5), Decimal(1000)], [Decimal(4), Decimal(-50)])

    assert room.rates(columns, limits=LIMITS, at=AT + dt.timedelta(seconds=7), zone=UTC) == (
        RateRoom(
            unit="requests",
            period="minute",
            amount=Decimal(5),
            room=Decimal(4),
            resets_at=AT + dt.timedelta(minutes=1),
        ),
        RateRoom(
            unit="tokens",
            period="day",
            amount=Decimal(1000),
            room=Decimal(-50),
            resets_at=dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
        ),
    )


def test_no_rate_limit_in_scope_is_nothing_to_tell() -> None:
    assert room.rates((None, None, None), limits=LIMITS, at=AT, zone=UTC) == ()


@pytest.mark.parametrize(
    ("reason", "first", "asked"),
    [
        ("usd", True, Decimal("0.30")),  # with the fewest output tokens that the caller accepts
        ("tokens", True, Decimal(120)),
        ("requests", True, Decimal(1)),
        ("requests", False, Decimal(0)),
        ("concurrency", False, Decimal(1)),
        ("unpriced", True, None),
    ],
)
def test_the_least_that_a_call_needs(reason: str, first: bool, asked: Decimal | None) -> None:
    assert room.asked(bounds(), reason=reason, first=first) == asked


def test_what_a_model_without_a_price_needs_is_unknown() -> None:
    assert room.asked(bounds(base=None, rate=None), reason="usd", first=True) is None
