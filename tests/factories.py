"""Rows for tests: small, explicit, with exact money. Entries are booked as the gateway books them (SQL)."""

import datetime as dt
import hashlib
import itertools
import json
import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import uuid_utils
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection

from catalog.models import ApiKey, LanguageModel, Price, Provider, Team
from metering.models import BillingPeriod, Closing, CostEntry, Reopening
from metering.usage import BUCKETS, Usage

AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
PRICED_SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MILLION = Decimal(1_000_000)
BY_PRICE = object()  # the cost is worked out from the price

_numbers = itertools.count(1)


def make_user(name: str = "ada", *, role: str | None = None, **fields: Any) -> User:
    """A person without a password (hashing one takes long); staff, unless said otherwise.

    ``role`` is the name of a group that the migrations made.
    """
    user = User.objects.create_user(username=name, **({"is_staff": True} | fields))
    if role is not None:
        user.groups.add(Group.objects.get(name=role))
    return user


def make_team(name: str = "search", *, leads: tuple[User, ...] = (), **fields: Any) -> Team:
    team, _ = Team.objects.get_or_create(name=name, defaults=fields)
    team.leads.add(*leads)
    return team


def make_key(name: str = "ci", *, team: Team | None = None, **fields: Any) -> ApiKey:
    number = next(_numbers)
    return ApiKey.objects.create(
        team=team or make_team(),
        name=name,
        prefix=f"tg_t{number:07d}",
        digest=hashlib.sha256(f"{name} {number}".encode()).hexdigest(),
        **fields,
    )


def make_provider(name: str = "openai", *, kind: str = "openai", **fields: Any) -> Provider:
    provider, _ = Provider.objects.get_or_create(
        name=name, defaults={"kind": kind, "base_url": f"https://{name}.example/v1"} | fields
    )
    return provider


def make_model(name: str = "gpt-4o", *, provider: Provider | None = None, **fields: Any) -> LanguageModel:
    model, _ = LanguageModel.objects.get_or_create(
        provider=provider or make_provider(), name=name, defaults=fields
    )
    return model


def make_price(
    model: LanguageModel | None = None,
    *,
    input: str | None = "2.50",
    output: str | None = "10.00",
    effective_from: dt.datetime = PRICED_SINCE,
    **fields: Any,
) -> Price:
    """Rates as decimal strings, as people write them."""
    rates = {
        name: Decimal(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if name in RATES
    }
    rest = {name: value for name, value in fields.items() if name not in RATES}
    return Price.objects.create(
        model=model or make_model(),
        input=None if input is None else Decimal(input),
        output=None if output is None else Decimal(output),
        effective_from=effective_from,
        **rates,
        **rest,
    )


def cost_of(price: Price, tokens: dict[str, int]) -> Decimal:
    """Worked out apart from the product's own arithmetic: tests must not repeat its mistakes."""
    cost = Decimal(0)
    for bucket, count in tokens.items():
        if bucket == "requests":
            cost += count * (price.per_request or 0)
            continue
        rate = getattr(price, bucket)
        if rate is None and bucket.startswith("cache"):
            rate = price.input
        if rate is None and bucket == "reasoning":
            rate = price.output
        cost += count * (rate or 0) / MILLION
    return cost


def make_entry(
    *,
    key: ApiKey,
    model: LanguageModel,
    price: Price | None = None,
    usage: Usage | None = None,
    cost: Any = BY_PRICE,
    started_at: dt.datetime = AT,
    request_id: uuid.UUID | None = None,
    attempt: int = 1,
    **fields: Any,
) -> CostEntry:
    """Books one entry through metering_settle: ledger, windows and rollup agree. ``usage=None``: unknown."""
    request_id = request_id or uuid.UUID(str(uuid_utils.uuid7()))
    tokens: dict[str, int] = {} if usage is None else {bucket: getattr(usage, bucket) for bucket in BUCKETS}
    if cost is BY_PRICE:
        cost = cost_of(price, tokens) if price is not None and usage is not None else None
    entry = {
        "request_id": str(request_id),
        "attempt": attempt,
        "kind": "attempt",
        "team_id": key.team_id,
        "api_key_id": key.pk,
        "model_id": model.pk,
        "route": model.full_name,
        "price_id": price.pk if price else None,
        "variant": "standard",
        "usage_source": "unknown" if usage is None else "reported",
        "cost": None if cost is None else str(cost),
        "cost_reason": "" if cost is not None else "unpriced" if usage is not None else "no_usage",
        "outcome": "ok",
        "status": 200,
        "started_at": started_at.isoformat(),
        "day": started_at.astimezone(ZoneInfo(settings.TIME_ZONE)).date().isoformat(),
        "latency_ms": 100,
        **tokens,
        **{name: str(value) if isinstance(value, Decimal) else value for name, value in fields.items()},
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM metering_settle(%s)", [json.dumps([entry])])
        assert cursor.fetchall() == [("booked",)]
    booked = CostEntry.objects.filter(request_id=request_id, attempt=attempt).order_by("-id").first()
    assert booked is not None
    return booked


RATES = {
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
    "per_request",
}


def make_closed_month(month: dt.date) -> BillingPeriod:
    """Closed with an empty closing: for tests of what a closed month refuses, not of closing it."""
    period, _ = BillingPeriod.objects.update_or_create(month=month, defaults={"status": "closing"})
    Closing.objects.create(
        period=period,
        version=1 + period.closings.count(),
        closed_at=AT,
        closed_by="ann",
        time_zone="UTC",
        entries=0,
        unpriced=0,
        amount=Decimal(0),
        price_list="0" * 64,
        names={},
        layout=1,
        head="0" * 64,
    )
    period.status = "closed"
    period.save()
    return period


def make_reopening(period: BillingPeriod, *, state: str = "approved") -> Reopening:
    """Of its last closing; ann asks, bob decides. The month itself stays as it is."""
    decided = {} if state == "open" else {"decided_by": _person("bob"), "decided_at": AT}
    closing = period.closings.order_by("version").last()
    return Reopening.objects.create(
        closing=closing, reason="late invoice", asked_by=_person("ann"), asked_at=AT, state=state, **decided
    )


def _person(name: str) -> User:
    return User.objects.filter(username=name).first() or make_user(name)
