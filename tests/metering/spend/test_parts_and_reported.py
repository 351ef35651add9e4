"""Rows of several models in one answer, and rows booked at the vendor's own figure, as people see them."""

import csv
import io
import uuid
from decimal import Decimal

import pytest
from django.test import Client

from metering.models import CostEntry
from metering.usage import Usage
from tests import factories

REQUEST = uuid.UUID(int=7 << 76)
DAY = "from=2026-11-20&to=2026-11-20"


@pytest.fixture
def finance(db: None, client: Client) -> Client:
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


@pytest.fixture
def reported(db: None) -> CostEntry:
    price = factories.make_price(input="1.00")
    return factories.make_entry(
        key=factories.make_key(),
        model=price.model,
        price=price,
        usage=Usage(input=1_000),
        cost=Decimal("0.313"),
        cost_reason="reported",
        reported_cost=Decimal("0.313"),
        request_id=REQUEST,
    )


@pytest.fixture
def parts(db: None) -> None:
    key, called, other = factories.make_key(), factories.make_model("gpt-4o"), factories.make_model("o3")
    cheap, dear = factories.make_price(called, input="1.00"), factories.make_price(other, input="5.00")
    usage = Usage(input=1_000)
    factories.make_entry(key=key, model=called, price=cheap, usage=usage, request_id=REQUEST)
    factories.make_entry(
        key=key, model=other, price=dear, usage=usage, request_id=REQUEST, part=1, latency_ms=None
    )


def exported(client: Client, path: str) -> list[dict[str, str]]:
    text = client.get(f"/spend/{path}?{DAY}").getvalue().decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_a_vendors_figure_is_said_to_be_one(reported: CostEntry, finance: Client) -> None:
    html = finance.get(f"/spend/entries/{REQUEST}/").content.decode()

    assert "The vendor&#x27;s own figure" in html
    assert "which is not what was booked" not in html
    [row] = exported(finance, "entries/export.csv")
    assert (row["cost_usd"], row["reported_cost_usd"]) == ("0.313", "0.313")
    admin = finance.get(f"/admin/metering/costentry/{reported.pk}/change/").content.decode()
    assert "As the vendor reported it" in admin
    assert "$0.313 (the vendor&#x27;s own figure)" in admin


@pytest.mark.usefixtures("parts")
def test_each_part_is_shown_and_they_are_one_call(finance: Client) -> None:
    html = finance.get(f"/spend/entries/{REQUEST}/").content.decode()

    assert "openai/gpt-4o" in html
    assert "openai/o3" in html
    assert sorted(row["part"] for row in exported(finance, "entries/export.csv")) == ["0", "1"]
    total = exported(finance, "export.csv")[-1]
    assert (total["calls"], total["attempts"], total["cost_usd"]) == ("1", "2", "0.006")
