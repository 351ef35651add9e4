"""Section I, where it concerns closed months: what was reported stays reported."""

import csv
import io
import tracemalloc
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import ProtectedError, Sum
from django.test import Client
from django.urls import reverse

from catalog.models import ApiKey, LanguageModel
from metering.models import CostEntry, DailySpend
from metering.spend.months import entries as closing_entries
from metering.spend.months import urls as closing_urls
from metering.usage import Usage
from tests import factories
from tests.metering.closing.conftest import OCTOBER, Books, books, close  # noqa: F401 - a fixture

# ruff: noqa: F811 - fixtures are found by their names

PAGE = "/spend/months/2026-10/"


@pytest.fixture
def finance(books: Books, client: Client) -> Client:
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


def reports(client: Client, books: Books) -> dict[str, bytes]:
    """Every report of the closed month, as bytes."""
    files = ["chargeback.csv", "pack.zip"]
    files += [
        f"{key.team_id}/{file}"
        for key in (books.search, books.ads)
        for file in ("statement.pdf", "lines.csv")
    ]
    return {file: client.get(f"{PAGE}{file}").getvalue() for file in files}


def test_i5_renamed_moved_and_disabled_the_closed_month_is_the_same_to_the_byte(
    finance: Client, books: Books
) -> None:
    close()
    before = reports(finance, books)
    ApiKey.objects.filter(pk=books.search.pk).update(name="gone", team=books.ads.team)
    team = books.search.team
    team.name, team.title, team.cost_center, team.enabled = "find", "", "CC-9", False
    team.save()
    LanguageModel.objects.update(name="gpt-renamed")
    User.objects.filter(username="ann").delete()

    assert reports(finance, books) == before
    assert CostEntry.objects.filter(team=team).count() == 3  # a move takes effect by date, not backwards


def test_i5_what_the_books_name_cannot_be_deleted(books: Books) -> None:
    for row in (books.search, books.search.team, books.model, books.price):
        with pytest.raises(ProtectedError):
            row.delete()


def test_i6_the_cost_centers_of_a_month_add_up_to_the_page_and_the_ledger(
    finance: Client, books: Books
) -> None:
    evil = factories.make_team("evil", cost_center='=HYPERLINK("http://x.example")')
    books.entry(factories.make_key(team=evil), usage=Usage(output=7))
    close()
    content = finance.get(f"{PAGE}chargeback.csv?bom=1").getvalue()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    shown = finance.get("/spend/export.csv?from=2026-10-01&to=2026-10-31").getvalue().decode()
    page = list(csv.DictReader(io.StringIO(shown)))

    assert content.startswith("\ufeffrow,month,status,cost_center".encode())
    centers = {row["cost_center"]: row["cost_usd"] for row in rows if row["row"] == "cost_center"}
    assert centers == {'\'=HYPERLINK("http://x.example")': "0.00007", "CC-1": "3.500285", "CC-2": "0.015"}
    assert rows[-1]["row"] == page[-1]["row"] == "total"
    assert rows[-1]["cost_usd"] == page[-1]["cost_usd"] == "3.515355"
    assert CostEntry.objects.aggregate(sum=Sum("cost"))["sum"] == Decimal("3.515355")
    assert DailySpend.objects.aggregate(sum=Sum("cost"))["sum"] == Decimal("3.515355")


def test_i6_the_entries_of_a_month_are_streamed_at_flat_memory(books: Books) -> None:
    """8,000 entries: a quarter of them is in memory at once, whatever their number."""
    closing = close()
    with connection.cursor() as cursor:
        columns = ", ".join(
            field.column for field in CostEntry._meta.concrete_fields if not field.primary_key
        )
        copied = columns.replace("attempt", "attempt + n")
        cursor.execute(
            "SET LOCAL session_replication_role = replica"
        )  # or the closed month would refuse them
        cursor.execute(
            f"INSERT INTO metering_costentry ({columns}) SELECT {copied} FROM generate_series(1, 8000) n,"
            " (SELECT * FROM metering_costentry WHERE cost = 0.015) e"
        )
        closing.last_entry = CostEntry.objects.latest("id").pk
        tracemalloc.start()
        assert sum(1 for _ in closing_entries.rows(closing)) == 1 + 8_004
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        cursor.execute("DELETE FROM metering_costentry WHERE attempt > 1")

    assert peak < 12_000_000


def test_i7_a_lead_gets_nothing_of_another_team_on_any_address_of_months(
    books: Books, client: Client
) -> None:
    """Enumerates the addresses: whoever adds one decides here what it answers."""
    client.force_login(factories.make_user("lea"))
    factories.make_team("ads", leads=(User.objects.get(username="lea"),))
    close()
    answers = {}
    for pattern in closing_urls.urlpatterns:
        names = pattern.pattern.converters
        given = {"month": OCTOBER, "team_id": books.search.team_id, "number": 1}
        url = reverse(f"spend:{pattern.name}", kwargs={name: given[name] for name in names})
        response = client.get(url)
        answers[str(pattern.name)] = response.status_code
        if response.streaming:
            response.getvalue()

    assert answers == {
        "months": 200,
        "months_csv": 200,  # days, entries and their own teams' costs: as on the page
        "months_xlsx": 200,
        "month": 200,
        "begin_close": 405,
        "withdraw_close": 405,
        "waive_obstacle": 405,
        "finish_close": 405,
        "ask_reopening": 405,
        "decide_reopening": 405,
        "chargeback_csv": 200,
        "chargeback_xlsx": 200,
        "month_pack": 403,
        "statement": 404,
        "statement_pdf": 404,
        "statement_csv": 404,
        "statement_xlsx": 404,
    }
    for url in ("/spend/months/", "/spend/months/export.csv", PAGE, f"{PAGE}chargeback.csv"):
        told = client.get(url).getvalue() if url.endswith("csv") else client.get(url).content
        assert b"search" not in told
        assert b"3.5" not in told
