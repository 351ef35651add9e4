"""What a caller is told when a limit refuses."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from metering.errors import LimitReached
from proxy import envelopes, errors, limits_told
from proxy.dialects.chat.dialect import CHAT
from tests.proxy import values

NOW = dt.datetime(2026, 11, 20, 12, 0, 40, tzinfo=dt.UTC)


def limit_reached(
    reason: str,
    *,
    period: str = "minute",
    resets_in: float = 20.0,
    limit: dict[str, Any] | None = None,
    **facts: Any,
) -> LimitReached:
    return LimitReached(
        **{
            "limit": values.limit(reason, period=period, **(limit or {})),
            "reason": reason,
            "room": Decimal("0.40"),
            "resets_at": NOW + dt.timedelta(seconds=resets_in),
        }
        | facts
    )


def told(reason: str, **facts: Any) -> errors.CallError:
    return limits_told.call_error(limit_reached(reason, **facts), now=NOW)


def envelope(error: errors.CallError) -> dict[str, Any]:
    inside: dict[str, Any] = json.loads(CHAT.error_body(error, request_id="r1"))["error"]
    return inside


NOVEMBER: dict[str, Any] = {
    "period": "month",
    "asked": Decimal("0.600"),
    "amount": Decimal("50"),
    "spent": Decimal("49.100"),
    "held": Decimal("0.450"),
    "exposed": Decimal("0"),
    "room": Decimal("0.450"),
    "resets_at": dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
}


def test_a_budget_without_room_is_429_not_to_be_retried_and_says_everything_about_itself() -> None:
    error = told("usd", **NOVEMBER)

    assert (error.status, envelopes.headers(error)) == (429, [(b"x-should-retry", b"false")])
    assert envelope(error) == {
        "message": "The monthly budget of team search has no room for this call: it may cost 0.60 USD, and of"
        " 50.00 USD 49.10 are spent and 0.45 held by open calls, so 0.45 are left. It begins anew at"
        " 2026-12-01 00:00 UTC. More can be asked for: /spend/budgets/7/",
        "type": "insufficient_quota",
        "param": None,
        "code": "budget_exceeded",
        "limit_id": 7,
        "team": "search",
        "scope": "team",
        "scope_name": "search",
        "unit": "usd",
        "period": "month",
        "resets_at": "2026-12-01T00:00:00+00:00",
        "amount": "50",
        "spent": "49.1",
        "held": "0.45",
        "exposed": "0",
        "asked": "0.6",
        "left": "0.45",
        "ask": "/spend/budgets/7/",
    }


def test_what_may_have_been_spent_is_said() -> None:
    message = told("usd", **(NOVEMBER | {"exposed": Decimal("0.25")})).message

    assert "49.10 are spent, up to 0.25 possibly spent and 0.45 held by open calls" in message


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ({"api_key_id": 3, "named": "ci"}, "The monthly budget of key ci of team search has"),
        ({"model_id": 3, "named": "openai/gpt-4o"}, "budget of model openai/gpt-4o of team search has"),
        ({"tag_name": "env", "named": "env=ci"}, "The monthly budget of tag env=ci of team search has"),
    ],
)
def test_the_budgets_scope_is_named(scope: dict[str, Any], said: str) -> None:
    error = told("usd", limit=scope, **NOVEMBER)

    assert said in error.message
    assert error.details["scope_name"] == scope["named"]


def test_a_team_may_name_whom_to_ask(settings: Any) -> None:
    settings.PUBLIC_URL = "https://llm.example"
    error = told("usd", limit={"contact": "#finops"}, **NOVEMBER)

    assert error.message.endswith(" Ask #finops for more: https://llm.example/spend/budgets/7/")


def test_a_team_may_hide_the_amounts_of_its_budgets() -> None:
    error = told("usd", limit={"hides_amounts": True}, **NOVEMBER)

    assert envelope(error) == {
        "message": "The monthly budget of team search has no room for this call. It begins anew at 2026-12-01"
        " 00:00 UTC. More can be asked for: /spend/budgets/7/",
        "type": "insufficient_quota",
        "param": None,
        "code": "budget_exceeded",
        "limit_id": 7,
        "team": "search",
        "scope": "team",
        "scope_name": "search",
        "unit": "usd",
        "period": "month",
        "resets_at": "2026-12-01T00:00:00+00:00",
        "ask": "/spend/budgets/7/",
    }


def test_rate_limits_are_no_finance_figures() -> None:
    assert told("requests", limit={"hides_amounts": True}, amount=Decimal(5)).details["amount"] == "5"


def test_a_budget_overdrawn_has_nothing_left() -> None:
    assert envelope(told("usd", period="total", asked=Decimal(1), room=Decimal(-3)))["left"] == "0"


def test_a_total_budget_never_begins_anew() -> None:
    error = told("usd", period="total")

    assert error.message == (
        "The total budget of team search has no room for this call. More can be asked for: /spend/budgets/7/"
    )
    assert error.details["resets_at"] is None


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
        "team": "search",
        "scope": "team",
        "scope_name": "search",
        "unit": "concurrency",
    }
    assert error.status == 429
    assert envelopes.headers(error) == [
        (b"retry-after", b"1"),
        (b"retry-after-ms", b"1000"),
        (b"x-should-retry", b"true"),
    ]


def test_a_model_that_a_budget_cannot_price_is_403_and_says_who_can_help() -> None:
    error = told("unpriced", model="openai/gpt-next")

    assert (error.status, error.code, error.param, error.retry) == (403, "model_unpriced", "model", False)
    assert error.message.startswith("The model openai/gpt-next has no price in force")
    assert "/admin/catalog/price/" in error.message
