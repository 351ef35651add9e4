"""Rate-limit headers as vendors send them. It is 2026-11-20 12:00:00 UTC."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.reliability.credentials import vendor_limits
from tests.proxy.values import AT

OPENAI = {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "1999983",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "0s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-20T12:00:01Z",
    "anthropic-ratelimit-input-tokens-limit": "30000",
    "anthropic-ratelimit-input-tokens-remaining": "30000",
    "anthropic-ratelimit-input-tokens-reset": "2026-11-20T12:00:00Z",
}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"content-type": "application/json", "retry-after": "9"}, None),
        (OPENAI, 0.0),
        (OPENAI | {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        (OPENAI | {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        (ANTHROPIC, 0.0),
        (
            ANTHROPIC
            | {
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2026-11-20T12:00:47Z",
            },
            47.0,
        ),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "10"}, 10.0),  # Azure
        ({"x-ratelimit-remaining-tokens-minute": "0"}, 1.0),  # Mistral names no reset
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2"}, 2.0),  # Together
    ],
)
def test_until_when_nothing_is_left(headers: dict[str, str], seconds: float | None) -> None:
    assert vendor_limits.seconds_until_room(headers, at=AT) == seconds


def test_of_several_limits_that_are_used_up_the_last_to_be_full_again_counts() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "30s",
    }
    assert vendor_limits.seconds_until_room(headers, at=AT) == 30.0


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("2026-11-20T13:30:00Z", 900.0),
        ("2026-11-20T11:59:00Z", 0.0),
        ("2026-11-20T12:00:05+00:00", 5.0),
        ("2026-11-20T12:00:05", 1.0),  # without a zone it says nothing
        ("12345678901234567890", 1.0),
        ("1763640000000", 1.0),  # OpenRouter: milliseconds since 1970
        ("-5", 1.0),
        ("soon", 1.0),
        ("T", 1.0),
        ("0" * 39 + "5", 1.0),
        ("2026-11-20T12:00:05.000000000+00:00", 5.0),
        (" " * 40 + "2026-11-20T12:00:05+00:00", 1.0),
        ("1" * 60_000, 1.0),
        ("1s" * 21, 1.0),
        ("", 1.0),
    ],
)
def test_a_reset_is_bounded_and_garbage_is_a_second(reset: str, seconds: float) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset}
    assert vendor_limits.seconds_until_room(headers, at=AT) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("10.59s", 10.59),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("1d", 86_400.0),
        ("7", 7.0),
        ("", None),
        ("6m and more", None),
        ("m", None),
        ("1s" * 20, 20.0),
        ("1s" * 20 + "5", None),  # 41 characters: nobody needs so many
        ("5" * 41, None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert vendor_limits.duration(text) == seconds


@given(remaining=st.text(max_size=12), reset=st.text(max_size=30))
def test_no_header_is_too_strange_and_no_wait_longer_than_15_minutes(remaining: str, reset: str) -> None:
    headers = {
        "anthropic-ratelimit-tokens-remaining": remaining,
        "anthropic-ratelimit-tokens-reset": reset,
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": reset,
    }
    seconds = vendor_limits.seconds_until_room(headers, at=AT)
    assert seconds is not None
    assert 0 <= seconds <= 900
