"""/spend/forecast/: the month's end by team, and the day on which each budget is spent."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog.models import ApiKey, LanguageModel, Price
from catalog.visibility import Visibility
from metering.exhaustion import Exhaustion
from metering.models import Limit
from metering.spend.forecast import queries, rows
from metering.summaries import summing
from metering.usage import Usage
from tests import factories
from tests.metering.spend.test_pages import row_of, text_of

URL = "/spend/forecast/"
DOLLAR = Usage(input=400_000)
DAY = dt.timedelta(days=1)


class Books:
    """``search`` spends a dollar a day on one key; the last 35 days before today."""

    def __init__(self) -> None:
        self.model: LanguageModel = factories.make_model()
        self.price: Price = factories.make_price(self.model, effective_from=timezone.now() - 400 * DAY)
        self.lead = factories.make_user("lea", role="Team lead")
        self.search = factories.make_key("ci", team=factories.make_team("search", leads=(self.lead,)))
        self.ads = factories.make_key("prod", team=factories.make_team("ads"))
        for back in range(1, 36):
            self.spend(self.search, back)

    def spend(self, key: ApiKey, back: int = 0, **fields: object) -> None:
        noon = dt.datetime.combine(timezone.localdate(), dt.time(12), tzinfo=dt.UTC) - back * DAY
        factories.make_entry(
            key=key, model=self.model, price=self.price, usage=DOLLAR, started_at=noon, **fields
        )

    def budget(self, amount: str, **fields: object) -> Limit:
        return Limit.objects.create(team=self.search.team, amount=amount, **fields)


@pytest.fixture
def books(db: None) -> Books:
    return Books()


@pytest.fixture
def finance(books: Books, client: Client) -> Client:
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


def page(team: str = "") -> rows.Page:
    zone = timezone.get_current_timezone()
    now = dt.datetime.combine(timezone.localdate(), dt.time(13), tzinfo=dt.UTC)
    return rows.page(team=team, visibility=Visibility(None), now=now, zone=zone)


def test_steady_days_make_a_month_of_as_many_dollars(books: Books) -> None:
    days = _days_of_month(page().today)

    [row] = page().teams

    assert row.end is not None
    assert (row.end.band.low, row.end.band.mid, row.end.band.high) == (days, days, days)
    assert row.so_far == page().today.day - 1


def test_a_team_with_few_days_has_no_forecast(finance: Client, books: Books) -> None:
    books.spend(books.ads, 2)

    html = finance.get(URL).content.decode()

    assert row_of(html, "ads")[2] == "too little history"


def test_a_budget_says_on_which_day_it_is_spent(finance: Client, books: Books) -> None:
    books.budget("3", period="total")
    in_three_days = timezone.localdate() + 3 * DAY

    [row] = page().budgets

    assert row.exhaustion == Exhaustion(in_three_days, in_three_days)
    cells = row_of(finance.get(URL).content.decode().partition("When budgets")[2], "search")
    assert cells == [
        *("search", "whole team", "in all", "$3.00", "not used yet"),
        *(f"{in_three_days:%a %Y-%m-%d}", "never"),
    ]


def test_a_budget_that_lasts_says_until_when(finance: Client, books: Books) -> None:
    books.budget("1000", period="day")

    [row] = page().budgets

    assert (row.exhaustion, row.until) == (Exhaustion(None, None), timezone.localdate())


def test_the_narrower_budgets_have_days_of_their_own(books: Books) -> None:
    nightly = factories.make_key("nightly", team=books.search.team)
    for back in range(1, 36):
        books.spend(nightly, back, tags={"feature": "search"})
    of_key = books.budget("1000", api_key=nightly)
    of_tag = books.budget("1000", tag_name="feature", tag_value="search")

    summing.catch_up()
    today = timezone.localdate()
    found = queries.narrower(limits=[of_key, of_tag], first=today - 28 * DAY, last=today)

    assert {number: sum(costs.values()) for number, costs in found.items()} == {of_key.pk: 28, of_tag.pk: 28}


def test_one_team_is_shown_alone(finance: Client, books: Books) -> None:
    html = finance.get(f"{URL}?team=search").content.decode()

    assert "search: " in text_of(html)
    assert re.search(r'aria-label="\$[0-9.]+ spent so far, \$[0-9.]+ expected at the end of the month', html)


def test_a_lead_sees_the_own_team_alone(client: Client, books: Books) -> None:
    books.spend(books.ads, 2)
    client.force_login(books.lead)

    html = client.get(URL).content.decode()

    assert "ads" not in html
    assert client.get(f"{URL}?team=ads").status_code == 404


def test_nobody_spent_anything_yet(client: Client, db: None) -> None:
    client.force_login(factories.make_user("fin", role="Finance"))

    assert "A forecast needs 28 days of calls" in client.get(URL).content.decode()


def test_it_asks_the_database_a_fixed_number_of_questions(
    finance: Client, books: Books, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for period in ("month", "week"):
        books.budget("10", period=period)
        books.budget("10", period=period, api_key=books.search)
        finance.get(URL)
        with django_assert_num_queries(13):
            finance.get(URL)
        books.spend(books.ads, 3)


def _days_of_month(day: dt.date) -> int:
    return ((day.replace(day=28) + 4 * DAY).replace(day=1) - day.replace(day=1)).days
