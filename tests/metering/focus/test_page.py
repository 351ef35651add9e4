"""/spend/exports/ through the front door."""

import csv
import io
import json
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from metering.usage import Usage
from tests import factories
from tests.metering.closing.conftest import close
from tests.metering.focus.conftest import Market, rows, written

URL = "/spend/exports/focus/?month=2026-10"


@pytest.fixture
def finance(market: Market, client: Client) -> Client:
    market.book()
    market.book(market.ads, usage=Usage(output=1_500))
    market.book(model=market.unpriced, price=None, exposure=Decimal("0.60"))
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


def fetched(client: Client, url: str) -> bytes:
    response = client.get(url)
    assert response.status_code == 200, response.content[:300]
    return bytes(response.getvalue())


def test_the_page_says_what_a_file_holds_and_leaves_out(finance: Client) -> None:
    html = finance.get("/spend/exports/").content.decode()

    assert '<option value="2026-10">October 2026 (open)</option>' in html
    assert '<span title="$3.515">$3.52</span>' in html
    assert '<td class="n warn">1</td>' in html


def test_the_page_takes_the_same_queries_whatever_the_number_of_months(
    finance: Client, market: Market, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for month in (8, 9, 11):
        market.book(at=factories.AT.replace(month=month))

    with django_assert_num_queries(7):
        finance.get("/spend/exports/")


def test_the_file_is_the_one_that_the_command_writes(finance: Client) -> None:
    response = finance.get(f"{URL}&version=1.4&billed_cost=zero")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="focus-1.4-2026-10-zero.csv"'
    assert response.getvalue().decode() == written(version="1.4", billed_cost="zero")


def test_the_same_as_parquet(finance: Client) -> None:
    found = pq.read_table(io.BytesIO(fetched(finance, f"{URL}&format=parquet")))

    assert found.column("EffectiveCost").to_pylist() == [Decimal("2.5"), Decimal(1), Decimal("0.015")]


def test_the_summary_of_a_file(finance: Client) -> None:
    assert json.loads(fetched(finance, f"{URL}&format=json&billed_cost=zero")) == {
        "dataset": "CostAndUsage",
        "focus_version": "1.2",
        "month": "2026-10",
        "billing_period_status": "open",
        "time_zone": "UTC",
        "billed_cost_mode": "zero",
        "told_apart_by_tags": False,
        "rows": 3,
        "billed_cost_usd": "0.0",
        "effective_cost_usd": "3.515",
        "ledger_cost_usd": "3.515",
        "left_out": {
            "entries_of_unknown_cost": 1,
            "at_most_usd": "0.6",
            "entries_without_any_bound": 0,
        },
    }


def test_the_billing_period_of_a_closed_month(finance: Client) -> None:
    close()

    (period,) = csv.DictReader(io.StringIO(fetched(finance, f"{URL}&format=billing-period").decode()))

    assert (period["BillingPeriodStatus"], period["InvoiceIssuerName"]) == ("Closed", "openai")


def test_a_team_lead_gets_the_rows_of_their_own_teams(finance: Client, market: Market) -> None:
    lead = factories.make_user("lea", role="Team lead")
    market.ads.team.leads.add(lead)
    finance.force_login(lead)

    found = list(csv.DictReader(io.StringIO(fetched(finance, URL).decode())))

    assert [(row["SubAccountId"], row["EffectiveCost"]) for row in found] == [("ads", "0.015")]
    assert json.loads(fetched(finance, f"{URL}&format=json"))["ledger_cost_usd"] == "0.015"


def test_people_without_a_role_get_nothing(finance: Client) -> None:
    finance.force_login(factories.make_user("nobody", is_staff=False))

    assert finance.get("/spend/exports/").status_code == 403
    assert finance.get(URL).status_code == 403


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("month=2026-13", "is no month: write it as 2026-10"),
        ("month=2026-10&version=1.3", "there is no FOCUS 1.3 here: choose one of 1.2, 1.4"),
        ("month=2026-10&billed_cost=some", "choose one of vendor, zero, internal"),
        ("month=2026-10&format=xls", "There is no format"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(finance: Client, query: str, words: str) -> None:
    response = finance.get(f"/spend/exports/focus/?{query}")

    assert response.status_code == 400
    assert words in response.content.decode()


def test_rows_are_told_apart_by_tags_when_the_box_is_ticked(finance: Client, market: Market) -> None:
    market.book(tags={"feature": "chat"})

    found = list(csv.DictReader(io.StringIO(fetched(finance, f"{URL}&by_tags=yes").decode())))

    assert [row["Tags"] for row in found] == [row["Tags"] for row in rows(by_tags=True)]
    assert len(found) == len(rows()) + 2
