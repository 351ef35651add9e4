"""Checks I6 and I8 where they are about FOCUS files (those of months are in test_i_months)."""

import csv
import io
import json
from collections import defaultdict
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.test import Client

from metering.models import CostEntry
from metering.spend import money
from metering.usage import Usage
from tests import factories
from tests.metering.closing.conftest import close
from tests.metering.focus.conftest import NOVEMBER, OCTOBER, Market, market, rows

__all__ = ["market"]  # a fixture
FORMULA = '=HYPERLINK("http://evil.example")'


@pytest.fixture
def finance(market: Market, client: Client) -> Client:
    """October: search 3.50 and 0.000000525, evil (whose title is a formula) 3.50."""
    nano = factories.make_price(factories.make_model("nano"), input="0.075", output="0.30")
    evil = factories.make_key(team=factories.make_team("evil", title=FORMULA, cost_center="CC-666"))
    market.book()
    market.book(model=nano.model, price=nano, usage=Usage(input=7))
    market.book(evil)
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


def downloaded(client: Client, query: str = "month=2026-10&billed_cost=internal") -> bytes:
    response = client.get(f"/spend/exports/focus/?{query}")
    assert response.status_code == 200
    return bytes(response.getvalue())


def test_i6_the_focus_file_charges_cost_centers_what_the_page_and_the_ledger_say(finance: Client) -> None:
    charged: dict[str, Decimal] = defaultdict(Decimal)
    for row in csv.DictReader(io.StringIO(downloaded(finance).decode())):
        charged[json.loads(row["Tags"])["cost_center"]] += Decimal(row["BilledCost"])

    assert charged == {"CC-1": Decimal("3.500000525"), "CC-666": Decimal("3.5")}
    booked = CostEntry.objects.values_list("team__cost_center").annotate(cost=Sum("cost"))
    assert charged == dict(booked)
    page = finance.get("/spend/?from=2026-10-01&to=2026-10-31&by=cost_center").content.decode()
    assert all(money.exact_usd(cost) in page for cost in [*charged.values(), sum(charged.values())])


def test_i6_a_focus_file_runs_no_formula_and_has_plain_decimals(finance: Client) -> None:
    content = downloaded(finance)

    found = list(csv.DictReader(io.StringIO(content.decode())))
    assert {row["SubAccountName"] for row in found} == {"Search & Co", f"'{FORMULA}"}
    assert "0.000000525" in {row["BilledCost"] for row in found}
    assert not any("E-" in row[column] for row in found for column in ("BilledCost", "PricingQuantity"))


def test_i6_a_closed_month_is_downloaded_again_byte_for_byte(finance: Client, market: Market) -> None:
    close()
    before = downloaded(finance), downloaded(finance, "month=2026-10&format=parquet")
    market.rerate()
    market.book()
    market.search.team.cost_center = "CC-2"
    market.search.team.save()

    assert (downloaded(finance), downloaded(finance, "month=2026-10&format=parquet")) == before


def test_i8_one_currency_is_booked_and_said_on_every_row_so_no_rate_changes_a_past_month(
    finance: Client,
) -> None:
    """Prices, entries and files are in USD: there is no rate of exchange whose change could move a month."""
    found = rows(OCTOBER) + rows(NOVEMBER)

    assert {(row["BillingCurrency"], row["PricingCurrency"]) for row in found} == {("USD", "USD")}
    for row in found:
        assert row["PricingCurrencyEffectiveCost"] == row["EffectiveCost"]
        assert row["PricingCurrencyListUnitPrice"] == row["ListUnitPrice"]
