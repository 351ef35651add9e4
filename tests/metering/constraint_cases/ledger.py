"""The ledger's tables and the limits'."""

import datetime as dt
import itertools
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from metering.models import CostEntry, DailySpend, Hold, Limit, LimitWindow
from metering.usage import BUCKETS
from tests.metering import house as h
from tests.metering.constraint_cases.case import Build
from tests.metering.house import AT, House

USED = dict.fromkeys(BUCKETS, 1)
NOT_KNOWN: dict[str, Any] = {"usage_source": "unknown", **dict.fromkeys(BUCKETS)}
_attempts = itertools.count(1)


def entry(house: House, **values: Any) -> CostEntry:
    columns = {
        "request_id": uuid.UUID(int=1),
        "attempt": next(_attempts),
        "team_id": house.team,
        "api_key_id": house.key,
        "model_id": house.model,
        "route": "gpt-4o",
        "price_id": house.price,
        "cost": Decimal("0.5"),
        "usage_source": "reported",
        "outcome": "ok",
        "started_at": AT,
        "day": AT.date(),
        **USED,
        **values,
    }
    return CostEntry.objects.create(**columns)


def correction(house: House, of: CostEntry, **values: Any) -> CostEntry:
    return entry(house, kind="correction", corrects=of, **values)


def hold(house: House, **values: Any) -> Hold:
    columns = {
        "request_id": uuid.UUID(int=1),
        "attempt": next(_attempts),
        "team_id": house.team,
        "api_key_id": house.key,
        "model_id": house.model,
        "route": "gpt-4o",
        "usd": Decimal("0.6"),
        "tokens": 150,
        "window_ids": [],
        "window_amounts": [],
        "worker": h.WORKER,
        "started_at": AT,
        "expires_at": AT,
        **values,
    }
    return Hold.objects.create(**columns)


def limit(house: House, **values: Any) -> Limit:
    return Limit.objects.create(**{"team_id": house.team, "amount": Decimal(1), **values})


def window(house: House, **values: Any) -> LimitWindow:
    columns = {"starts_at": AT, "ends_at": AT + dt.timedelta(days=1), **values}
    if "limit" not in columns:
        columns["limit"] = limit(house)
    return LimitWindow.objects.create(**columns)


def day(house: House, **values: Any) -> DailySpend:
    columns = {"team_id": house.team, "api_key_id": house.key, "model_id": house.model, "route": "gpt-4o"}
    return DailySpend.objects.create(
        **{"day": AT.date(), "period": AT.date().replace(day=1), **columns, **values}
    )


def twice(build: Callable[..., Any], house: House, first: dict[str, Any], second: dict[str, Any]) -> None:
    build(house, **first)
    build(house, **second)


def two_corrections(house: House, one: str, other: str) -> None:
    wrong = entry(house)
    correction(house, wrong, note=one)
    correction(house, wrong, note=other)


def two_windows(house: House, *starts: dt.datetime) -> None:
    of = limit(house)
    for moment in starts:
        window(house, limit=of, starts_at=moment)


CASES: dict[str, tuple[Build, Build]] = {
    "cost_entry_once_per_attempt": (
        lambda x: twice(entry, x, {"attempt": 1}, {"attempt": 1, "part": 1}),
        lambda x: twice(entry, x, {"attempt": 1}, {"attempt": 1}),
    ),
    "cost_entry_correction_once": (
        lambda x: two_corrections(x, "ada: price", "bob: price"),
        lambda x: two_corrections(x, "ada: price", "ada: price"),
    ),
    "cost_entry_kind_known": (
        lambda x: entry(x, kind="cache_hit"),
        lambda x: entry(x, kind="guess"),
    ),
    "cost_entry_correction_names_entry": (
        lambda x: correction(x, entry(x)),
        lambda x: entry(x, kind="correction"),
    ),
    "cost_entry_unknown_has_reason": (
        lambda x: entry(x, cost=None, cost_reason="unpriced"),
        lambda x: entry(x, cost=None, cost_reason="not_billed"),
    ),
    "cost_entry_cost_names_price": (
        lambda x: entry(x, cost=0, price_id=None, cost_reason="not_billed"),
        lambda x: entry(x, cost=0, price_id=None),
    ),
    "cost_entry_reported_is_the_cost": (
        lambda x: entry(x, price_id=None, cost_reason="reported", reported_cost=Decimal("0.5")),
        lambda x: entry(x, cost_reason="reported", reported_cost=Decimal("0.4")),
    ),
    "cost_entry_cost_not_negative": (
        lambda x: correction(x, entry(x), cost=Decimal("-0.5")),
        lambda x: entry(x, cost=Decimal("-0.000000000001")),
    ),
    "cost_entry_usage_known_or_unknown": (
        lambda x: entry(x, cost=None, cost_reason="no_usage", **NOT_KNOWN),
        lambda x: entry(x, reasoning=None),
    ),
    "cost_entry_tokens_not_negative": (
        lambda x: correction(x, entry(x), output=-1),
        lambda x: entry(x, output=-1),
    ),
    "cost_entry_usage_source_known": (
        lambda x: entry(x, usage_source="drained"),
        lambda x: entry(x, usage_source="guessed"),
    ),
    "cost_entry_outcome_known": (
        lambda x: entry(x, outcome="client_closed"),
        lambda x: entry(x, outcome="dropped"),
    ),
    "hold_once_per_attempt": (
        lambda x: twice(hold, x, {"attempt": 1}, {"attempt": 2}),
        lambda x: twice(hold, x, {"attempt": 1}, {"attempt": 1}),
    ),
    "hold_usd_not_negative": (
        lambda x: hold(x, usd=None),
        lambda x: hold(x, usd=Decimal("-0.000000000001")),
    ),
    "hold_amounts_match_windows": (
        lambda x: hold(x, window_ids=[1, 2], window_amounts=[Decimal(1), Decimal(2)]),
        lambda x: hold(x, window_ids=[1, 2], window_amounts=[Decimal(1)]),
    ),
    "daily_spend_once_per_group": (
        lambda x: twice(day, x, {"route": "hot"}, {"route": "cold"}),
        lambda x: twice(day, x, {"route": "hot"}, {"route": "hot"}),
    ),
    "limit_amount_not_negative": (
        lambda x: limit(x, amount=0),
        lambda x: limit(x, amount=Decimal("-0.01")),
    ),
    "limit_concurrency_is_hard_and_total": (
        lambda x: limit(x, unit="concurrency", period="total", mode="hard"),
        lambda x: limit(x, unit="concurrency", period="minute", mode="hard"),
    ),
    "limit_queue_is_short": (
        lambda x: limit(x, unit="requests", queue_seconds=30.0),
        lambda x: limit(x, unit="usd", queue_seconds=1.0),
    ),
    "limit_unit_known": (lambda x: limit(x, unit="requests"), lambda x: limit(x, unit="words")),
    "limit_period_known": (lambda x: limit(x, period="total"), lambda x: limit(x, period="year")),
    "limit_mode_known": (lambda x: limit(x, mode="soft"), lambda x: limit(x, mode="firm")),
    "limit_scope_is_one": (
        lambda x: twice(limit, x, {"api_key_id": x.key}, {"model_id": x.model}),
        lambda x: limit(x, api_key_id=x.key, model_id=x.model),
    ),
    "limit_once_per_scope": (
        lambda x: twice(limit, x, {"mode": "hard"}, {"mode": "soft"}),
        lambda x: twice(limit, x, {"mode": "hard"}, {"mode": "hard"}),
    ),
    "limit_window_once": (
        lambda x: two_windows(x, AT, AT + dt.timedelta(hours=1)),
        lambda x: two_windows(x, AT, AT),
    ),
    "limit_window_not_empty": (
        lambda x: window(x, ends_at=AT + dt.timedelta(microseconds=1)),
        lambda x: window(x, ends_at=AT),
    ),
    "limit_window_held_not_negative": (
        lambda x: window(x, held=0, spent=Decimal(-1)),
        lambda x: window(x, held=Decimal("-0.000000000001")),
    ),
}
