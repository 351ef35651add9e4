"""/try/cost/: what the ledger has of a request, for those who may see its team."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.models import Team
from metering.models import Hold
from metering.usage import Usage
from tests import factories
from tests.proxy.playground.conftest import House


@pytest.fixture
def request_id(house: House) -> uuid.UUID:
    """Search's: an attempt that cost nothing, and one that thought."""
    key = factories.make_key(team=Team.objects.get(name="search"))
    price = house.flash.prices.get()
    usage = Usage(input=13, cache_read=7, output=4, reasoning=108)
    booked = factories.make_entry(key=key, model=house.flash, price=price, usage=usage, attempt=2)
    factories.make_entry(
        key=key,
        model=house.gpt,
        usage=Usage(),
        request_id=booked.request_id,
        outcome="error",
        cost=Decimal(0),
        cost_reason="not_billed",
    )
    return booked.request_id


def test_the_ledgers_figures_come_as_texts(lead: Client, request_id: uuid.UUID) -> None:
    answer = lead.get(f"/try/cost/{request_id}/")
    assert answer.status_code == 200
    assert answer.json() == {
        "request_id": str(request_id),
        "model": "gemini/flash",
        "attempts": "2",
        "cost_usd": "0.0003895",  # (20 x 0.075 + 4 x 2.50 + 108 x 3.5) / 1,000,000
        "unknown": "0",
        "why": "",
        "tokens": {
            "input": "13",
            "cache_read": "7",
            "cache_write_5m": "0",
            "cache_write_1h": "0",
            "output": "4",
            "reasoning": "108",
            "audio_input": "0",
            "audio_output": "0",
            "requests": "0",
        },
    }
    assert "no-store" in answer["Cache-Control"]


def test_an_unknown_cost_is_null_and_says_why(house: House, lead: Client) -> None:
    key = factories.make_key(team=Team.objects.get(name="search"))
    entry = factories.make_entry(key=key, model=house.gpt, cost_reason="no_usage")
    found = lead.get(f"/try/cost/{entry.request_id}/").json()
    assert (found["cost_usd"], found["unknown"], found["tokens"]) == (None, "1", None)
    assert found["why"] == entry.get_cost_reason_display()


def test_a_request_that_goes_on_is_not_settled(house: House, lead: Client) -> None:
    key = factories.make_key(team=Team.objects.get(name="search"))
    hold = Hold.objects.create(
        request_id=uuid.uuid4(),
        attempt=1,
        team=key.team,
        api_key=key,
        model=house.gpt,
        route="hot",
        usd=Decimal("0.5"),
        tokens=1000,
        window_ids=[],
        window_amounts=[],
        worker=uuid.uuid4(),
        started_at=factories.AT,
        expires_at=factories.AT + dt.timedelta(minutes=10),
    )
    answer = lead.get(f"/try/cost/{hold.request_id}/")
    assert (answer.status_code, answer.json()) == (202, {"request_id": str(hold.request_id)})


def test_another_teams_request_does_not_exist(house: House, lead: Client, finance: Client) -> None:
    key = factories.make_key(team=Team.objects.get(name="ads"))
    entry = factories.make_entry(
        key=key, model=house.gpt, price=house.gpt.prices.get(), usage=Usage(output=1)
    )
    assert lead.get(f"/try/cost/{entry.request_id}/").status_code == 404
    assert finance.get(f"/try/cost/{entry.request_id}/").json()["cost_usd"] == "0.00001"
    assert finance.get(f"/try/cost/{uuid.uuid4()}/").status_code == 404


def test_it_is_for_people_who_are_logged_in(db: None, client: Client) -> None:
    address = f"/try/cost/{uuid.uuid4()}/"
    assert client.get(address)["Location"] == f"/login/?next={address}"


def test_it_takes_as_many_queries_for_many_attempts(
    house: House, lead: Client, request_id: uuid.UUID, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(QUERIES):
        lead.get(f"/try/cost/{request_id}/")
    key = factories.make_key("more", team=Team.objects.get(name="search"))
    for attempt in range(3, 9):
        factories.make_entry(key=key, model=house.gpt, request_id=request_id, attempt=attempt)
    with django_assert_num_queries(QUERIES):
        lead.get(f"/try/cost/{request_id}/")


QUERIES = 7
