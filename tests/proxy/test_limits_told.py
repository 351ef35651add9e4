"""What a caller is told when a limit refuses."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from metering.errors import LimitReached
from proxy import envelopes, errors, limits_told
from proxy.dialects.chat.dialect import CHAT

NOW = dt.datetime(2026, 11, 20, 12, 0, 40, tzinfo=dt.UTC)


def limit_reached(
    reason: str, *, period: str = "minute", resets_in: float = 20.0, **facts: Any
) -> LimitReached:
    return LimitReached(
        **{
            "limit_id": 7,
            "reason": reason,
            "room": Decimal("0.40"),
            "resets_at": NOW + dt.timedelta(seconds=resets_in),
            "period": period,
        }
        | facts
    )


def told(reason: str, **facts: Any) -> errors.CallError:
    return limits_told.call_error(limit_reached(reason, **facts), now=NOW)


def envelope(error: errors.CallError) -> dict[str, Any]:
    inside: dict[str, Any] = json.loads(CHAT.error_body(error, request_id="r1"))["error"]
    return inside


def test_a_budget_without_room_is_429_not_to_be_retried_and_says_what_is_left() -> None:
    error = told(
        "usd",
        period="month",
        asked=Decimal("0.600"),
        room=Decimal("0.450"),
        resets_at=dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
    )

    assert (error.status, envelopes.headers(error)) == (429, [(b"x-should-retry", b"false")])
    assert envelope(error) == {
        "message": "The budget of this month has no room for this call, which may cost 0.6 USD:"
        " 0.45 USD are left, without what open calls have set aside; it begins anew at 2026-12-01 00:00 UTC.",
        "type": "insufficient_quota",
        "param": None,
        "code": "budget_exceeded",
        "limit_id": 7,
        "period": "month",
        "resets_at": "2026-12-01T00:00:00+00:00",
        "asked": "0.6",
        "left": "0.45",
    }


def test_a_budget_overdrawn_has_nothing_left() -> None:
    assert envelope(told("usd", period="total", asked=Decimal(1), room=Decimal(-3)))["left"] == "0"


def test_a_total_budget_never_begins_anew() -> None:
    assert told("usd", period="total").message == "The total budget has no room for this call."


@pytest.mark.parametrize("reason", ["tokens", "requests"])
def test_a_rate_limit_without_room_says_when_to_come_back(reason: str) -> None:
    error = told(reason, asked=Decimal(1), amount=Decimal(1))

    assert (error.status, error.code, error.type) == (429, "rate_limit_exceeded", "rate_limit_error")
    assert error.message == f"The limit on {reason} for this minute is reached."
    assert envelopes.headers(error) == [(b"retry-after", b"20"), (b"retry-after-ms", b"20000")]


def test_a_window_that_ended_meanwhile_may_be_tried_at_once() -> None:
    assert told("tokens", resets_in=-5).retry_after == 0.0


@pytest.mark.parametrize(
    ("resets_in", "retry_after", "retry"), [(60, 60.0, None), (61, 61.0, False), (86_400, 3600.0, False)]
)
def test_the_sdks_are_not_sent_into_a_wait_that_they_do_not_keep(
    resets_in: float, retry_after: float, retry: bool | None
) -> None:
    """They keep a wait of up to 60 s, and come back within seconds from a longer one."""
    error = told("requests", period="day", resets_in=resets_in)

    assert (error.retry_after, error.retry) == (retry_after, retry)


def test_a_call_larger_than_the_whole_limit_never_fits() -> None:
    error = told("tokens", asked=Decimal(1200), amount=Decimal(1000), room=Decimal(1000))

    assert error.message.startswith("This call alone needs 1200 tokens, and the limit is 1000.")
    assert (error.code, error.retry, error.retry_after) == ("rate_limit_exceeded", False, None)


@pytest.mark.parametrize("reason", ["tokens", "requests"])
def test_a_total_limit_never_begins_anew(reason: str) -> None:
    error = told(reason, period="total")

    assert (error.retry, error.retry_after) == (False, None)


def test_a_limit_on_concurrency_asks_to_come_back_soon() -> None:
    error = told("concurrency", period="total", amount=Decimal(3), asked=Decimal(1), room=Decimal(0))

    assert envelope(error) == {
        "message": "The limit of 3 on calls in flight at once is reached.",
        "type": "rate_limit_error",
        "param": None,
        "code": "concurrency_limit_reached",
        "limit_id": 7,
    }
    assert error.status == 429
    assert envelopes.headers(error) == [
        (b"retry-after", b"1"),
        (b"retry-after-ms", b"1000"),
        (b"x-should-retry", b"true"),
    ]


def test_a_model_that_a_budget_cannot_price_is_403_and_says_who_can_help() -> None:
    error = told("unpriced")

    assert (error.status, error.code, error.param, error.retry) == (403, "model_unpriced", "model", False)
    assert "/admin/catalog/price/" in error.message
