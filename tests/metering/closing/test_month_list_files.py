"""The list of months as a file, in both formats."""

import csv
import io

import pytest
from django.test import Client

from catalog import spreadsheets
from tests import factories
from tests.metering.closing.conftest import Books, close


@pytest.fixture
def finance(books: Books) -> Client:
    client = Client()
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


def rows(client: Client) -> list[dict[str, str]]:
    file = client.get("/spend/months/export.csv").getvalue().decode()
    return list(csv.DictReader(io.StringIO(file)))


def test_an_open_month(finance: Client) -> None:
    [october] = rows(finance)

    assert october == {
        "month": "2026-10", "status": "open", "cost_usd": "3.515285", "unpriced_entries": "1", "teams": "2",
        "closed_at": "", "closed_by": "", "version": "", "time_zone": "UTC",
    }  # fmt: skip


def test_a_closed_month_says_when_and_by_whom(finance: Client) -> None:
    closing = close(by="ann")

    [october] = rows(finance)

    assert (october["status"], october["closed_by"], october["version"]) == ("closed", "ann", "1")
    assert october["closed_at"][:19] == closing.closed_at.isoformat()[:19]


def test_the_workbook_has_the_same_table(finance: Client) -> None:
    file = finance.get("/spend/months/export.xlsx").getvalue()
    sheet = spreadsheets.rows(name="months.xlsx", content=file)

    table = sheet[sheet.index([]) + 1 :]
    assert table[0][:3] == ["month", "status", "cost_usd"]
    assert table[1][:2] == ["2026-10", "open"]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_page_leads_to_it(finance: Client, ending: str) -> None:
    assert f'href="/spend/months/export.{ending}"' in finance.get("/spend/months/").content.decode()
