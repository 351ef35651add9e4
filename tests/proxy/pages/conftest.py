"""A small bad day whose every figure is known."""

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import uuid_utils
from django.contrib.auth.models import User
from django.test import Client

from catalog.models import ApiKey, LanguageModel
from metering.models import CostEntry
from metering.usage import Usage
from tests import factories

AT = factories.AT
DAY = "from=2026-11-20&to=2026-11-20"
FREE: dict[str, Any] = {"cost": Decimal(0), "cost_reason": "not_billed"}


@dataclass
class BadDay:
    """Nine requests of search, that began with openai (us) but one; ads had one more."""

    search: ApiKey
    ads: ApiKey
    gpt: LanguageModel
    flash: LanguageModel
    boss: User
    lead: User


def attempt(key: ApiKey, model: LanguageModel, outcome: str, error: str = "", **fields: Any) -> CostEntry:
    """One attempt that cost 1 USD, unless said otherwise."""
    given: dict[str, Any] = {"cost": Decimal(1), "started_at": AT} | fields
    usage = None if given["cost"] is None else Usage(output=1)
    return factories.make_entry(
        key=key,
        model=model,
        price=model.prices.get(),
        usage=usage,
        outcome=outcome,
        error_class=error,
        **given,
    )


def request_id() -> uuid.UUID:
    return uuid.UUID(str(uuid_utils.uuid7()))


@pytest.fixture
def bad_day(db: None) -> BadDay:
    lead = factories.make_user("lea", role="Team lead")
    boss = factories.make_user("fin", role="Finance")
    search = factories.make_key("ci", team=factories.make_team("search", leads=(lead,)))
    ads = factories.make_key("prod", team=factories.make_team("ads"))
    gpt = factories.make_model("gpt-4o", provider=factories.make_provider("openai", region="us"))
    flash = factories.make_model(
        "flash", provider=factories.make_provider("gemini", kind="gemini", region="eu")
    )
    for model in (gpt, flash):
        factories.make_price(model)
    _book(search, gpt, flash)
    attempt(ads, gpt, "ok", latency_ms=700)
    return BadDay(search, ads, gpt, flash, boss, lead)


def _book(search: ApiKey, gpt: LanguageModel, flash: LanguageModel) -> None:
    attempt(search, gpt, "ok", latency_ms=100, streamed=True, first_byte_ms=40)
    retried = request_id()
    attempt(search, gpt, "error", "overloaded", request_id=retried, latency_ms=5, **FREE)
    attempt(search, gpt, "ok", request_id=retried, attempt=2, latency_ms=200)
    attempt(search, gpt, "cut", "transport", cost=Decimal("0.25"), latency_ms=900, streamed=True)
    elsewhere = request_id()
    attempt(search, gpt, "error", "rate_limited", request_id=elsewhere, latency_ms=6, **FREE)
    attempt(search, flash, "ok", request_id=elsewhere, attempt=2, latency_ms=300)
    attempt(search, gpt, "error", "caller", latency_ms=7, **FREE)
    attempt(search, flash, "client_closed", cost=Decimal("0.5"), latency_ms=None)
    failed = request_id()
    attempt(search, gpt, "error", "provider", request_id=failed, latency_ms=8, cost=Decimal("0.125"))
    lost: dict[str, Any] = {"cost": None, "cost_reason": "lost", "latency_ms": None, "exposure": Decimal(2)}
    attempt(search, flash, "lost", request_id=failed, attempt=2, **lost)
    cached: dict[str, Any] = {"cost": Decimal(0), "cost_reason": "cache_hit"}
    attempt(search, gpt, "ok", kind="cache_hit", latency_ms=None, **cached)
    hedged = request_id()
    attempt(search, gpt, "ok", request_id=hedged, latency_ms=400)
    attempt(search, flash, "client_closed", request_id=hedged, attempt=2, flags=["hedge"], latency_ms=None)


@pytest.fixture
def finance(bad_day: BadDay, client: Client) -> Client:
    client.force_login(bad_day.boss)
    return client


@pytest.fixture
def team_lead(bad_day: BadDay) -> Client:
    client = Client()
    client.force_login(bad_day.lead)
    return client
