"""Two teams, two vendors, a route: what may be tried, and by whom."""

from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.test import Client

from catalog.models import LanguageModel, Provider, Route, RouteTarget
from tests import factories


@dataclass
class House:
    """lea leads search, which may call openai's models and the route hot; fin sees every team."""

    lea: User
    fin: User
    gpt: LanguageModel
    flash: LanguageModel


@pytest.fixture
def house(db: None) -> House:
    openai = vendor("openai")
    gemini = vendor("gemini", kind="gemini", priority=50)
    gpt = factories.make_model("gpt-4o", provider=openai)
    flash = factories.make_model("flash", provider=gemini)
    factories.make_price(gpt, cache_read="1.25")
    factories.make_price(flash, input="0.075", output="2.50", reasoning="3.5")
    factories.make_price(factories.make_model("embedder", provider=openai), output=None)
    factories.make_model("unpriced", provider=openai)
    sold_by_nobody = factories.make_provider("elsewhere")
    factories.make_model("gpt-4o", provider=sold_by_nobody)
    hot = Route.objects.create(name="hot")
    for position, model in enumerate((flash, gpt)):
        RouteTarget.objects.create(route=hot, model=model, position=position)
    lea, fin = factories.make_user("lea", role="Team lead"), factories.make_user("fin", role="Finance")
    factories.make_team("search", leads=(lea,), models=["openai/*", "hot"])
    factories.make_team("ads")
    return House(lea, fin, gpt, flash)


def vendor(name: str, **fields: object) -> Provider:
    """With a credential."""
    made = factories.make_provider(name, **fields)  # type: ignore[arg-type]
    made.set_credential(f"sk-{name}")
    made.save()
    return made


@pytest.fixture
def lead(house: House, client: Client) -> Client:
    client.force_login(house.lea)
    return client


@pytest.fixture
def finance(house: House) -> Client:
    client = Client()
    client.force_login(house.fin)
    return client
