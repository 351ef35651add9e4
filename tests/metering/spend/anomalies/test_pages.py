"""/spend/anomalies/: unusual days and hours, who drove them, and nothing of other people's teams."""

import datetime as dt
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.models import ApiKey, LanguageModel, Price
from metering.spend import money
from metering.usage import Usage
from tests import factories
from tests.metering.spend.test_pages import row_of, table, text_of

AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
URL = "/spend/anomalies/?from=2026-11-10&to=2026-11-20"
CENTS = 40_000  # input tokens that cost 10 cents


class Books:
    """A team that spends 10 cents a day at noon on one key, from 20 days before ``AT`` on."""

    def __init__(self, team: str = "search") -> None:
        self.model: LanguageModel = factories.make_model()
        self.price = Price.objects.first() or factories.make_price(self.model)
        lead = factories.make_user(f"lead-{team}", role="Team lead")
        self.team = factories.make_team(team, leads=(lead,))
        self.lead = lead
        self.key = factories.make_key("ci", team=self.team)
        self.batch = factories.make_key("nightly", team=self.team)
        for back in range(1, 21):
            self.spend(self.key, AT - dt.timedelta(days=back))

    def spend(self, key: ApiKey, at: dt.datetime = AT, tokens: int = CENTS) -> None:
        factories.make_entry(
            key=key, model=self.model, price=self.price, usage=Usage(input=tokens), started_at=at
        )


@pytest.fixture
def books(db: None) -> Books:
    return Books()


@pytest.fixture
def finance(books: Books, client: Client) -> Client:
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


def test_a_day_far_above_the_usual_is_named_with_what_drove_it(finance: Client, books: Books) -> None:
    books.spend(books.key)
    books.spend(books.batch, tokens=20 * CENTS)

    html = finance.get(URL).content.decode()

    assert "1 unusual day" in text_of(html)
    assert row_of(html, "Fri 2026-11-20") == [
        "Fri 2026-11-20",
        "search",
        "$2.00",
        "$2.10",
        "$0.10",
        "21.0",
        "openai/gpt-4o, key nightly",
        "$2.00",
    ]
    assert f"team=search&amp;model=openai%2Fgpt-4o&amp;key={books.batch.prefix}" in html


def test_usual_days_are_not_named(finance: Client, books: Books) -> None:
    books.spend(books.key)

    html = finance.get(URL).content.decode()

    assert "Nothing unusual" in html


def test_more_mads_name_fewer(finance: Client, books: Books) -> None:
    books.spend(books.key, tokens=2 * CENTS)  # 0.10 above; the MAD counts as half a cent

    assert "1 unusual day" in finance.get(f"{URL}&k=6").content.decode()
    assert "Nothing unusual" in finance.get(f"{URL}&k=20").content.decode()


def test_by_hour_it_is_held_against_the_same_hour(finance: Client, books: Books) -> None:
    books.spend(books.key)
    books.spend(books.key, AT - dt.timedelta(days=3), tokens=20 * CENTS)
    books.spend(books.key, AT.replace(hour=13), tokens=20 * CENTS)  # no history at this hour

    html = finance.get(f"{URL}&from=2026-11-14&grain=hour").content.decode()

    assert "2 unusual hours" in text_of(html)
    assert row_of(html, "Tue 2026-11-17 12:00 UTC")[2:6] == ["$2.00", "$2.10", "$0.10", "21.0"]
    assert row_of(html, "Fri 2026-11-20 13:00 UTC")[4:6] == ["$0.00", money.NOTHING]


def test_an_hour_of_a_small_part_of_the_day_is_not_worth_a_look(finance: Client, books: Books) -> None:
    """The usual day costs 10 cents: from a cent above the usual on."""
    books.spend(books.key, AT.replace(hour=3), tokens=CENTS // 20)
    assert "Nothing unusual" in finance.get(f"{URL}&from=2026-11-14&grain=hour").content.decode()

    books.spend(books.key, AT.replace(hour=4), tokens=CENTS)
    assert "1 unusual hour" in text_of(finance.get(f"{URL}&from=2026-11-14&grain=hour").content.decode())


def test_the_file_has_what_the_page_shows_to_the_last_digit(finance: Client, books: Books) -> None:
    books.spend(books.batch, tokens=20 * CENTS + 1)

    [row] = table(finance, URL.replace("anomalies/", "anomalies/export.csv"))

    assert (row["cost_usd"], row["usual_usd"], row["above_usual_usd"], row["driver_key"]) == (
        "2.0000025",
        "0.1",
        "1.9000025",
        "nightly",
    )


def test_a_team_without_history_is_said_not_to_be_judged(finance: Client, books: Books) -> None:
    key = factories.make_key("new", team=factories.make_team("fresh"))
    books.spend(key, tokens=100 * CENTS)

    assert "Not judged for want of history (7 days): fresh" in text_of(finance.get(URL).content.decode())


def test_a_lead_sees_the_own_team_alone(client: Client, books: Books) -> None:
    other = Books("ads")
    other.spend(other.batch, tokens=20 * CENTS)
    client.force_login(books.lead)

    html = client.get(URL).content.decode()

    assert "ads" not in html
    assert client.get(f"{URL}&team=ads").status_code == 404


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("k=0", "k must be from 1 to 100"),
        ("k=1e3", "k must be a number"),
        ("grain=week", "grain must be one of day, hour"),
        ("grain=hour&from=2026-09-01", "at most 14 days"),
        ("from=2026-11-21&to=2026-11-20", "before it begins"),
    ],
)
def test_what_cannot_be_asked_is_said(finance: Client, query: str, words: str) -> None:
    answer = finance.get(f"/spend/anomalies/?to=2026-11-20&{query}")

    assert answer.status_code == 400
    assert words in answer.content.decode()


def test_an_empty_ledger_is_said(client: Client, db: None) -> None:
    client.force_login(factories.make_user("fin", role="Finance"))

    assert "No spend" in client.get("/spend/anomalies/").content.decode()


@pytest.mark.parametrize(("grain", "number"), [("day", 8), ("hour", 11)])
def test_it_asks_the_database_a_fixed_number_of_questions(
    finance: Client, books: Books, grain: str, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    books.spend(books.batch, tokens=20 * CENTS)
    url = f"{URL}&from=2026-11-14&grain={grain}"
    finance.get(url)
    for _ in range(2):
        with django_assert_num_queries(number):
            finance.get(url)
        books.spend(books.batch, AT - dt.timedelta(days=2), tokens=30 * CENTS)


def test_parts_and_totals_agree(finance: Client, books: Books) -> None:
    books.spend(books.batch, tokens=20 * CENTS)
    found = finance.get(URL).context["page"]

    [row] = found.rows
    assert row.cost == row.median + row.excess == Decimal("2.1") - Decimal("0.1")
