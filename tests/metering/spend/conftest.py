"""A small month whose every figure is known."""

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client

from catalog.models import ApiKey, LanguageModel
from metering.usage import Usage
from tests import factories

AT = factories.AT
REQUEST = "01a1fd22-2ec4-7025-9baa-82c38324f8b3"


@dataclass
class Month:
    """search: haiku $0.000033, flash $0.0002839, one of unknown cost; ads: haiku $0.0015."""

    search: ApiKey
    ads: ApiKey
    haiku: LanguageModel
    flash: LanguageModel
    boss: User
    lead: User


@pytest.fixture
def month(db: None) -> Month:
    lead = factories.make_user("lea", role="Team lead")
    boss = factories.make_user("fin", role="Finance")
    search = factories.make_key("ci", team=factories.make_team("search", leads=(lead,), cost_center="CC-1"))
    ads = factories.make_key("prod", team=factories.make_team("ads", cost_center="CC-2"))
    haiku = factories.make_model(
        "claude-haiku-4-5", provider=factories.make_provider("anthropic", kind="anthropic")
    )
    flash = factories.make_model(
        "gemini-2.5-flash", provider=factories.make_provider("gemini", kind="gemini")
    )
    haiku_price = factories.make_price(haiku, input="1.00", output="5.00", cache_read="0.10")
    flash_price = factories.make_price(flash, input="0.30", output="2.50")
    factories.make_entry(
        key=search, model=haiku, price=haiku_price, usage=Usage(input=13, output=4), latency_ms=300
    )
    factories.make_entry(
        key=search,
        model=flash,
        price=flash_price,
        usage=Usage(input=13, output=4, reasoning=108),
        latency_ms=900,
        request_id=uuid.UUID(REQUEST),
        route="warm",
    )
    factories.make_entry(
        key=search,
        model=flash,
        usage=None,
        cost_reason="lost",
        outcome="lost",
        exposure=Decimal("0.25"),
        latency_ms=None,
    )
    factories.make_entry(
        key=ads,
        model=haiku,
        price=haiku_price,
        usage=Usage(input=1000, cache_read=0, output=100),
        started_at=AT - dt.timedelta(days=2),
        latency_ms=600,
    )
    return Month(search, ads, haiku, flash, boss, lead)


@pytest.fixture
def finance(month: Month, client: Client) -> Client:
    client.force_login(month.boss)
    return client


@pytest.fixture
def team_lead(month: Month) -> Client:
    client = Client()
    client.force_login(month.lead)
    return client
