"""Files of the analysing pages: both formats have the same rows, and the pages lead to both."""

import csv
import io
import re
from decimal import Decimal

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog import spreadsheets
from catalog.models import ApiKey
from metering.models import Limit
from metering.spend import workbook
from metering.summaries import summing
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import Month

NOVEMBER = "from=2026-11-01&to=2026-11-30"

# Each page with the files that it leads to, without their endings.
PAGES = {
    f"/spend/?{NOVEMBER}": {"export", "days"},
    f"/spend/economics/?{NOVEMBER}": {"economics/models", "economics/lengths", "economics/dearest"},
    f"/spend/bridge/?{NOVEMBER}": {"bridge/export"},
    f"/spend/what-if/?{NOVEMBER}": {"what-if/export"},
    f"/spend/anomalies/?{NOVEMBER}": {"anomalies/export"},
    "/spend/forecast/": {"forecast/teams", "forecast/budgets"},
    f"/spend/entries/?{NOVEMBER}": {"entries/export"},
    "/spend/teams/": {"teams/export"},
    f"/spend/teams/search/?{NOVEMBER}": {"teams/search/models", "teams/search/keys"},
    "/spend/budgets/": {"budgets/export"},
    "/spend/claims/?month=2026-11": {"claims/vendors"},
    "/spend/claims/?month=2026-11&provider=gemini": {"claims/vendors", "claims/export"},
    "/spend/months/2026-11/": {"months/2026-11/chargeback"},
    "/spend/reconciliation/?month=2026-11": {"reconciliation/export"},
    f"/spend/reliability/?{NOVEMBER}": {"reliability/export", "reliability/failures"},
}


@pytest.fixture
def books(month: Month) -> Month:
    """The small month, a budget with a call in it, a failed attempt that cost something, and a call today."""
    Limit.objects.create(team=month.search.team, amount="20", period="month")
    price = month.flash.prices.get()
    factories.make_entry(
        key=month.search,
        model=month.flash,
        price=price,
        usage=Usage(),
        cost=Decimal("0.5"),
        outcome="error",
        error_class="server_error",
    )
    factories.make_entry(
        key=month.ads, model=month.flash, price=price, usage=Usage(), started_at=timezone.now()
    )
    for _ in summing.catch_up_wholly():
        pass
    return month


@pytest.fixture
def finance(books: Month, client: Client) -> Client:
    client.force_login(books.boss)
    return client


def listed(client: Client, url: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(opened(client, url).getvalue().decode())))


def sheet(client: Client, url: str) -> tuple[dict[str, list[str]], list[list[str]]]:
    """The lines above the table, and the table."""
    response = opened(client, url)
    assert response["Content-Type"] == workbook.CONTENT_TYPE
    rows = spreadsheets.rows(name="x.xlsx", content=response.getvalue())
    empty = rows.index([])
    return {label: rest for label, *rest in rows[:empty]}, rows[empty + 1 :]


def opened(client: Client, url: str) -> HttpResponse:
    response = client.get(url)
    assert response.status_code == 200, url
    return response


def files_of(client: Client, page: str) -> list[str]:
    html = opened(client, page).content.decode()
    return [found.replace("&amp;", "&") for found in re.findall(r'href="([^"]*)" download', html)]


def name_of(client: Client, url: str) -> str:
    """Without its ending."""
    response = opened(client, url)
    response.getvalue()
    (found,) = re.findall(r'filename="(.*)\.\w+"', response["Content-Disposition"])
    return str(found)


@pytest.mark.parametrize(("page", "files"), PAGES.items(), ids=list(PAGES))
def test_a_page_leads_to_each_of_its_tables_in_both_formats(
    finance: Client, page: str, files: set[str]
) -> None:
    found = {url.partition("?")[0] for url in files_of(finance, page)}
    assert found == {f"/spend/{name}.{ending}" for name in files for ending in ("csv", "xlsx")}


@pytest.mark.parametrize("page", PAGES)
def test_both_formats_have_the_same_rows_and_names(finance: Client, page: str) -> None:
    for url in files_of(finance, page):
        if ".csv" not in url:
            continue
        other_url = url.replace(".csv", ".xlsx")
        assert name_of(finance, url) == name_of(finance, other_url)
        titles, *rows = listed(finance, url)
        above, (names, *found) = sheet(finance, other_url)
        assert above["Tallygate"]
        assert names == titles
        assert len(found) == len(rows)
        for row, other in zip(found, rows, strict=True):
            row += [""] * (len(other) - len(row))
            for title, cell, value in zip(titles, row, other, strict=True):
                if _is_number(value):
                    assert (title, Decimal(cell)) == (title, Decimal(value))
                elif not re.match(r"\d{4}-\d\d-\d\d", value):  # days and moments are numbers in a sheet
                    assert (title, cell) == (title, spreadsheets.unescaped(value))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def test_a_budget_is_a_row_with_what_is_left_of_it(finance: Client, books: Month) -> None:
    (row,) = csv.DictReader(io.StringIO(finance.get("/spend/budgets/export.csv").getvalue().decode()))
    assert row == {
        "team": "search",
        "budget_of": "whole team",
        "each": "month",
        "mode": "hard",
        "amount_usd": "20",
        "raised_usd": "0",
        "spent_usd": "",
        "set_aside_usd": "",
        "possibly_spent_usd": "",
        "left_usd": "",
        "used_share": "",
        "over": "no",
        "until": "",
    }


def test_a_forecast_without_history_says_so(finance: Client) -> None:
    names, *rows = listed(finance, "/spend/forecast/teams.csv")
    assert {(row[0], row[1]) for row in rows} == {("team", "ads"), ("team", "search"), ("together", "")}
    assert {row[names.index("month_end_usd")] for row in rows} == {""}
    names, row = listed(finance, "/spend/forecast/budgets.csv")
    assert row[names.index("forecast")] == "too little history"
    assert row[names.index("budget_usd")] == "20"


def test_a_teams_models_and_keys_are_those_of_its_page(finance: Client) -> None:
    names, *rows = listed(finance, f"/spend/teams/search/models.csv?{NOVEMBER}")
    assert [(row[0], row[1], row[names.index("cost_usd")]) for row in rows] == [
        ("model", "gemini/gemini-2.5-flash", "0.5002839"),
        ("model", "anthropic/claude-haiku-4-5", "0.000033"),
        ("total", "", "0.5003169"),
    ]
    names, row = listed(finance, f"/spend/teams/search/keys.csv?{NOVEMBER}")
    assert [row[names.index(name)] for name in ("key", "state", "cost_usd")] == ["ci", "live", "0.5003169"]


def test_a_key_leads_to_its_models_in_both_formats(finance: Client, books: Month) -> None:
    page = reverse("spend:key", args=[books.search.prefix])
    found = files_of(finance, f"{page}?{NOVEMBER}")
    assert [url.partition("?")[0] for url in found] == [f"{page}models.csv", f"{page}models.xlsx"]
    assert listed(finance, found[0])[-1][1:4] == ["", "2026-11-01", "2026-11-30"]


def test_the_lines_above_name_the_vendor_but_no_team_in_a_claim(finance: Client) -> None:
    above, table = sheet(finance, "/spend/claims/export.xlsx?month=2026-11&provider=gemini")
    assert above["Tallygate"] == ["Failed and repeated attempts at gemini"]
    assert "search" not in str(above) + str(table)


@pytest.mark.parametrize("url", ["/spend/forecast/secrets.csv", "/spend/forecast/secrets.xlsx"])
def test_there_are_no_other_tables(finance: Client, url: str) -> None:
    assert finance.get(url).status_code == 404


def test_a_table_that_is_too_long_for_a_sheet_is_refused_in_words(
    finance: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 8)
    response = finance.get(f"/spend/export.xlsx?{NOVEMBER}")
    assert response.status_code == 400
    assert "an XLSX file has 8 rows at most here" in response.content.decode()
    assert opened(finance, f"/spend/export.csv?{NOVEMBER}")


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_lead_gets_no_file_of_another_team(books: Month, client: Client, ending: str) -> None:
    client.force_login(books.lead)
    key: ApiKey = books.ads
    for url in ("teams/ads/models", "teams/ads/keys", f"keys/{key.prefix}/models"):
        assert client.get(f"/spend/{url}.{ending}?{NOVEMBER}").status_code == 404
    assert client.get(f"/spend/forecast/teams.{ending}?team=ads").status_code == 404
    assert client.get(f"/spend/reconciliation/export.{ending}").status_code == 403


def test_a_lead_sees_the_own_team_alone_in_every_file(books: Month, client: Client) -> None:
    client.force_login(books.lead)
    for page in PAGES:
        if "reconciliation" in page:
            continue
        for url in files_of(client, page):
            if ".csv" in url:
                assert "ads" not in {cell for row in listed(client, url) for cell in row}, url
