"""The rows that the ledger's tests share, and its three SQL functions called plainly.

Money is written as strings, tokens as ints; ``House`` keeps ids, so that no test needs the ORM to call SQL.
"""

import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import uuid_utils
from django.db import connection

from metering import windows
from metering.models import CostEntry, Limit, LimitWindow
from tests.factories import make_key, make_model, make_price, make_team

UTC = ZoneInfo("UTC")
AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)  # a Friday
WORKER = uuid.UUID("00000000-0000-4000-8000-000000000001")
NO_TOKENS = dict.fromkeys(
    (
        "input",
        "cache_read",
        "cache_write_5m",
        "cache_write_1h",
        "output",
        "reasoning",
        "audio_input",
        "audio_output",
        "requests",
    ),
    0,
)


class Verdict(NamedTuple):
    verdict: str
    granted: int | None
    held_usd: Decimal | None
    limit_id: int | None
    reason: str | None
    room: Decimal | None
    resets_at: dt.datetime | None
    amount: Decimal | None = None
    rate_limits: list[int] | None = None
    rate_amounts: list[Decimal] | None = None
    rate_rooms: list[Decimal] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class House:
    """One team with two keys, one model that has a price and one that has none."""

    team: int
    key: int
    other_key: int
    model: int
    price: int
    unpriced_model: int


def build() -> House:
    team = make_team("search")
    model = make_model("gpt-4o")
    return House(
        team=team.pk,
        key=make_key("ci", team=team).pk,
        other_key=make_key("app", team=team).pk,
        model=model.pk,
        price=make_price(model, input="1.00", output="2.00").pk,
        unpriced_model=make_model("gpt-next").pk,
    )


def new_request() -> uuid.UUID:
    return uuid.UUID(int=uuid_utils.uuid7().int)


def make_limit(
    house: House, amount: str, *, unit: str = "usd", period: str = "month", mode: str = "hard", **scope: Any
) -> Limit:
    return Limit.objects.create(
        team_id=house.team, amount=Decimal(amount), unit=unit, period=period, mode=mode, **scope
    )


def open_window(limit: Limit, *, at: dt.datetime = AT) -> int:
    starts_at, ends_at = windows.bounds(period=limit.period, at=at, zone=UTC)
    window: int = _one("SELECT metering_open_window(%s, %s, %s)", limit.pk, starts_at, ends_at)
    return window


def opened(house: House, amount: str, *, at: dt.datetime = AT, **fields: Any) -> int:
    """A new limit; the id of its window."""
    return open_window(make_limit(house, amount, **fields), at=at)


def hold(
    house: House,
    *windows: int,
    request: uuid.UUID | None = None,
    attempt: int = 1,
    at: dt.datetime = AT,
    base: str | None = "0.10",
    rate: str | None = "0.01",
    input_tokens: int = 100,
    wanted: int = 50,
    least: int | None = None,
    price: int | None = None,
    expires_at: dt.datetime | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """An element of metering_admit's batch. ``least`` unnamed: the caller named ``wanted`` itself."""
    return {
        "hold": {
            "request_id": str(request or new_request()),
            "attempt": attempt,
            "team_id": house.team,
            "api_key_id": house.key,
            "model_id": house.model,
            "route": "gpt-4o",
            "price_id": price,
            "streamed": False,
            "client_request_id": "",
            "tags": {},
            "worker": str(WORKER),
            "started_at": at.isoformat(),
            "expires_at": (expires_at or at + dt.timedelta(minutes=11)).isoformat(),
            "window_ids": sorted(windows),
            **columns,
        },
        "base_usd": base,
        "usd_per_output_token": rate,
        "input_tokens": input_tokens,
        "output_wanted": wanted,
        "output_least": wanted if least is None else least,
        "calls": 1 if attempt == 1 else 0,
    }


def entry(
    house: House,
    *,
    request: uuid.UUID | None = None,
    attempt: int = 1,
    at: dt.datetime = AT,
    tokens: dict[str, int] | None = None,
    cost: str | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """An element of metering_settle's batch. ``tokens`` None: usage unknown; then the cost is too."""
    unknown = {} if cost is not None else {"cost_reason": "unpriced" if tokens is not None else "no_usage"}
    return {
        "request_id": str(request or new_request()),
        "attempt": attempt,
        "kind": "attempt",
        "team_id": house.team,
        "api_key_id": house.key,
        "model_id": house.model,
        "route": "gpt-4o",
        "price_id": house.price if cost is not None else None,
        "variant": "standard",
        "usage_source": "unknown" if tokens is None else "reported",
        "cost": cost,
        "cost_reason": "",
        "outcome": "ok",
        "status": 200,
        "started_at": at.isoformat(),
        "day": at.astimezone(UTC).date().isoformat(),
        "latency_ms": 100,
        **({} if tokens is None else NO_TOKENS | tokens),
        **unknown,
        **columns,
    }


def settled_hold(item: dict[str, Any], house: House, **fields: Any) -> dict[str, Any]:
    """The entry that ends the call of a hold."""
    held = item["hold"]
    same = {name: held[name] for name in ("team_id", "api_key_id", "model_id", "route")}
    return entry(
        house,
        request=uuid.UUID(held["request_id"]),
        attempt=held["attempt"],
        at=dt.datetime.fromisoformat(held["started_at"]),
        **(same | fields),
    )


def lost(item: dict[str, Any], house: House, *, exposure: str | None, tokens: int) -> dict[str, Any]:
    """What the sweeper books for a hold that was left behind."""
    unknown = {"cost_reason": "lost", "outcome": "lost", "status": None, "latency_ms": None}
    return settled_hold(item, house, **unknown, exposure=exposure, exposure_tokens=tokens, held=exposure)


def correction(
    house: House,
    of: CostEntry,
    *,
    cost: str | None,
    note: str,
    tokens: dict[str, int] | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """A row that changes what ``of`` says by the differences given."""
    return entry(
        house,
        request=of.request_id,
        attempt=of.attempt,
        at=of.started_at,
        tokens=tokens or {},
        cost=cost,
        **({"kind": "correction", "corrects_id": of.pk, "note": note, "latency_ms": None} | columns),
    )


def windows_of(items: Iterable[dict[str, Any]]) -> list[int]:
    """Each window of a batch once, as metering_admit locks them."""
    return sorted({window for item in items for window in item["hold"]["window_ids"]})


def admit(*items: dict[str, Any]) -> list[Verdict]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT verdict, granted, held_usd, limit_id, reason, room, resets_at, amount, rate_limits,"
            " rate_amounts, rate_rooms FROM metering_admit(%s, %s::bigint[]) ORDER BY ordinal",
            [json.dumps(items), windows_of(items)],
        )
        return [Verdict(*row) for row in cursor.fetchall()]


def rates(verdict: Verdict) -> tuple[tuple[int, Decimal, Decimal], ...]:
    """(limit, amount, room) of each rate limit that a verdict tells of."""
    columns = (verdict.rate_limits or [], verdict.rate_amounts or [], verdict.rate_rooms or [])
    return tuple(zip(*columns, strict=True))


def batch(*entries: dict[str, Any]) -> str:
    """metering_settle's argument, for whoever has a connection of its own."""
    return json.dumps(entries)


def settle(*entries: dict[str, Any]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM metering_settle(%s) ORDER BY ordinal", [batch(*entries)])
        return [state for (state,) in cursor.fetchall()]


def release(item: dict[str, Any], house: House) -> dict[str, Any]:
    return settled_hold(item, house) | {"kind": "release"}


def window(number: int) -> tuple[Decimal, Decimal, Decimal]:
    """(held, spent, exposed) of a window."""
    found = LimitWindow.objects.get(pk=number)
    return found.held, found.spent, found.exposed


def _one(query: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        row = cursor.fetchone()
    assert row is not None
    return row[0]
