"""What is left of a caller's rate limits, in the headers of both APIs."""

import datetime as dt
from decimal import Decimal

import pytest

from metering.entries import RateRoom
from proxy import envelopes, rates
from proxy.job import Served

NOW = dt.datetime(2026, 11, 20, 12, 0, 40, tzinfo=dt.UTC)


def rate(unit: str, amount: int, room: int, *, period: str = "minute", resets_in: float = 20.0) -> RateRoom:
    return RateRoom(
        unit=unit,
        period=period,
        amount=Decimal(amount).quantize(Decimal("0.000000000001")),  # as PostgreSQL gives it
        room=Decimal(room),
        resets_at=NOW + dt.timedelta(seconds=resets_in),
    )


def test_openais_names() -> None:
    assert rates.headers([rate("tokens", 40000, 39_500), rate("requests", 60, 59)], now=NOW) == [
        (b"x-ratelimit-limit-requests", b"60"),
        (b"x-ratelimit-remaining-requests", b"59"),
        (b"x-ratelimit-reset-requests", b"20s"),
        (b"x-ratelimit-limit-tokens", b"40000"),
        (b"x-ratelimit-remaining-tokens", b"39500"),
        (b"x-ratelimit-reset-tokens", b"20s"),
    ]


def test_anthropics_names() -> None:
    assert rates.headers([rate("requests", 60, 59)], now=NOW, anthropic=True) == [
        (b"anthropic-ratelimit-requests-limit", b"60"),
        (b"anthropic-ratelimit-requests-remaining", b"59"),
        (b"anthropic-ratelimit-requests-reset", b"2026-11-20T12:01:00Z"),
    ]


def test_an_overdrawn_limit_has_none_remaining() -> None:
    assert dict(rates.headers([rate("tokens", 100, -20)], now=NOW))[b"x-ratelimit-remaining-tokens"] == b"0"


def test_the_tightest_limit_of_a_minute_is_told() -> None:
    """Of the key and of the team, say; a day's only where there is none of a minute."""
    team, key, day = rate("requests", 60, 9), rate("requests", 20, 12), rate("requests", 5, 1, period="day")

    assert rates.tightest([key, day, team], "requests") is team
    assert rates.tightest([day], "requests") is day
    assert rates.tightest([day], "tokens") is None


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-3.0, "0ms"),
        (0.0, "0ms"),
        (0.0165, "17ms"),
        (1.0, "1s"),
        (58.2, "59s"),
        (59.5, "1m0s"),
        (360.0, "6m0s"),
        (86_388.0, "23h59m48s"),
    ],
)
def test_durations_as_openai_writes_them(seconds: float, written: str) -> None:
    assert rates.duration(seconds) == written


def test_the_vendors_own_pace_does_not_contradict_ours() -> None:
    given = {
        "x-ratelimit-remaining-requests": "9999",
        "anthropic-ratelimit-tokens-remaining": "9999",
        "request-id": "req_1",
    }

    answer = dict(
        envelopes.served_headers(
            Served(model="m", attempts=1, headers=given, rates=(rate("requests", 60, 59),))
        )
    )

    assert answer[b"x-ratelimit-remaining-requests"] == b"59"
    assert answer[b"request-id"] == b"req_1"
    assert b"anthropic-ratelimit-tokens-remaining" not in answer


def test_without_a_limit_of_ours_the_vendors_pace_is_passed_on() -> None:
    given = {"x-ratelimit-remaining-requests": "9999"}

    answer = dict(envelopes.served_headers(Served(model="m", attempts=1, headers=given)))

    assert answer[b"x-ratelimit-remaining-requests"] == b"9999"
