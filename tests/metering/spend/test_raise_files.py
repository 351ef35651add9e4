"""Raises as files: of one budget or of all, in both formats, and only those that the person may see."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from catalog import spreadsheets
from metering.models import Limit, LimitRaise
from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.test_pages import page


@pytest.fixture
def asked(month: Month, finance: Client) -> dict[str, LimitRaise]:
    """One of search and one of ads, asked for by ann."""
    ann = factories.make_user("ann")
    return {
        key.team.name: LimitRaise.objects.create(
            limit=Limit.objects.create(team=key.team, amount=Decimal(10), period="month"),
            starts_at=factories.AT,
            ends_at=factories.AT.replace(year=2027),
            amount=Decimal("2.5"),
            reason="=launch",
            asked_by=ann,
        )
        for key in (month.search, month.ads)
    }


def table(client: Client, url: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(url).getvalue().decode())))


def test_all_raises_the_newest_first(finance: Client, asked: dict[str, LimitRaise]) -> None:
    ads, search = table(finance, "/spend/budgets/raises.csv")

    assert (ads["team"], search["team"]) == ("ads", "search")
    assert {name: search[name] for name in ("budget_of", "each", "more_usd", "asked_by", "state")} == {
        "budget_of": "whole team", "each": "month", "more_usd": "2.5", "asked_by": "ann", "state": "open"
    }  # fmt: skip
    assert search["asked_at"][:19] == asked["search"].asked_at.isoformat()[:19]
    assert (search["decided_by"], search["decided_at"], search["self_approved"]) == ("", "", "no")


def test_a_lead_gets_those_of_their_own_teams(team_lead: Client, asked: dict[str, LimitRaise]) -> None:
    assert [row["team"] for row in table(team_lead, "/spend/budgets/raises.csv")] == ["search"]
    assert team_lead.get(f"/spend/budgets/{asked['ads'].limit_id}/raises.csv").status_code == 404


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_pages_lead_to_them(finance: Client, asked: dict[str, LimitRaise], ending: str) -> None:
    budget = asked["ads"].limit_id

    assert f'href="/spend/budgets/raises.{ending}"' in page(finance, "/spend/budgets/")
    assert f'href="/spend/budgets/{budget}/raises.{ending}"' in page(finance, f"/spend/budgets/{budget}/")


def test_the_workbook_of_one_budget_says_which(finance: Client, asked: dict[str, LimitRaise]) -> None:
    file: Any = finance.get(f"/spend/budgets/{asked['ads'].limit_id}/raises.xlsx")
    rows = spreadsheets.rows(name="raises.xlsx", content=file.getvalue())

    assert ["Budget", "ads, whole team, month"] in rows
