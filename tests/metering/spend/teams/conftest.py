"""A key with a real secret in the small month, and people who may and may not touch it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from catalog import keys
from catalog.models import ApiKey, Route
from tests import factories
from tests.metering.spend.conftest import Month


@pytest.fixture
def key(month: Month) -> ApiKey:
    """Of the team that lea leads; made by her."""
    made, _ = keys.issue(team=month.search.team, name="nightly", by=month.lead, reason="builds at night")
    return made


@pytest.fixture
def of_others(month: Month) -> ApiKey:
    """Of a team that lea does not lead."""
    made, _ = keys.issue(team=month.ads.team, name="secret-project")
    return made


@pytest.fixture
def admin(month: Month) -> Client:
    """Keeps the keys of all teams."""
    return logged_in(factories.make_user("pat", role="Platform admin"))


@pytest.fixture
def routes(month: Month) -> None:
    """warm and economy; the team may call anthropic's models, gemini's flash by its bare name, and warm."""
    Route.objects.create(name="warm")
    Route.objects.create(name="economy")
    for provider in (month.haiku.provider, month.flash.provider):
        provider.set_credential("sk-of-the-vendor")
        provider.save()
    month.search.team.models = ["anthropic/*", "gemini-2.5-flash", "warm"]
    month.search.team.save()


def logged_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client
