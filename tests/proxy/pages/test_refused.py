"""Requests that were refused before any vendor was asked, on the page: failed, and nobody's attempt."""

import datetime as dt
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.models import Team
from proxy.models import Refusal
from proxy.pages.objectives import objectives_in
from tests.metering.spend.test_pages import first_row_of, page, text_of
from tests.proxy.pages.conftest import AT, DAY, FREE, BadDay, attempt, request_id
from tests.proxy.pages.test_report import (
    ATTEMPTS,
    REQUESTS,
    URL,
    figures,
    requests_over_time,
    table,
)

MINUTE = dt.timedelta(minutes=1)
HEADING = "<h2>Refused before any vendor was asked</h2>"


def refuse(
    team: Team | None, calls: int, *, code: str = "circuit_open", route: str = "gpt-4o", at: dt.datetime = AT
) -> None:
    Refusal.objects.create(minute=at, team=team, route=route, code=code, calls=calls)


@pytest.fixture
def outage(bad_day: BadDay) -> BadDay:
    """To the bad day's 8 judged requests, 6 of them answered, come 12 that were refused: 9 of search, 2 of
    ads and one of a team that is not known."""
    refuse(bad_day.search.team, 7)
    refuse(bad_day.search.team, 2, code="ledger_unavailable", at=AT + MINUTE)
    refuse(bad_day.ads.team, 2, route="warm")
    refuse(None, 1, code="stopping", route="")
    return bad_day


def test_they_are_failed_requests(finance: Client, outage: BadDay) -> None:
    assert figures(table(finance, DAY)[""], *REQUESTS) == ["6", "14", "1", "1", "0.3"]


def test_they_are_nobodys_attempts(finance: Client, outage: BadDay) -> None:
    found = table(finance, DAY)
    assert figures(found["openai"], *REQUESTS) == ["6", "2", "0", "1", "0.75"]
    assert figures(found[""], *ATTEMPTS) == ["5", "4", "4", "0.555556"]


@pytest.mark.parametrize("by", ["provider", "region", "model"])
def test_with_a_row_of_their_own_every_grouping_adds_up(finance: Client, outage: BadDay, by: str) -> None:
    found = table(finance, f"{DAY}&by={by}")
    row = found["before any vendor was asked"]
    assert figures(row, "row", *REQUESTS, *ATTEMPTS) == ["refused", "0", "12", *[""] * 7]
    for name in REQUESTS[:2]:
        assert sum(int(row[name]) for group, row in found.items() if group) == int(found[""][name])


def test_the_error_budget_pays_for_them(finance: Client, outage: BadDay, settings: Settings) -> None:
    """20 judged, 14 failed, 10 allowed."""
    settings.OBJECTIVES = objectives_in({"OBJECTIVE_AVAILABILITY": "50"})
    assert Decimal(table(finance, DAY)[""]["budget_left"]) == Decimal("-0.4")
    seen = text_of(page(finance, f"{URL}?{DAY}"))
    assert (
        "30.00 % 6 of 20; objective 50 % error budget: 1.4 times what it allows (14 failed, 10.0 allowed)"
        in seen
    )
    assert "12 refused before any vendor was asked" in seen


def test_the_page_says_why_and_for_which_route(finance: Client, outage: BadDay) -> None:
    html = page(finance, f"{URL}?{DAY}")
    listed = html[html.index(HEADING) :]
    assert first_row_of(listed, "Every target's breaker is open")[1:] == [
        "circuit_open",
        "gpt-4o",
        "7",
        "32 %",
    ]
    assert first_row_of(listed, "The ledger could not be written")[1:] == [
        *("ledger_unavailable", "gpt-4o", "2", "9 %"),
    ]
    assert first_row_of(listed, "The worker was stopping")[1:] == ["stopping", "not read", "1", "5 %"]
    assert first_row_of(listed, "Total")[3:] == ["12", "55 %"]


def test_they_took_no_attempt(finance: Client, outage: BadDay) -> None:
    html = page(finance, f"{URL}?{DAY}")
    tries = html[html.index("Attempts a request took") :]
    assert first_row_of(tries, "none: from our cache")[1:5] == ["1", "5 %", "1", "0"]
    assert first_row_of(tries, "none: refused")[1:5] == ["12", "55 %", "0", "12"]


def test_an_outage_without_a_single_attempt_is_no_quiet_day(finance: Client, bad_day: BadDay) -> None:
    """Nothing is in the ledger: the page shows failures, not the absence of calls."""
    refuse(bad_day.search.team, 40, at=AT - dt.timedelta(days=1))
    query = "from=2026-11-19&to=2026-11-19"
    assert figures(table(finance, query)[""], *REQUESTS) == ["0", "40", "0", "0", "0"]
    html = page(finance, f"{URL}?{query}")
    assert "No calls in this period" not in html
    assert "0.00 % 0 of 40" in text_of(html)


def test_a_day_without_any_has_no_place_for_them(finance: Client) -> None:
    assert HEADING not in page(finance, f"{URL}?{DAY}")
    assert "before any vendor was asked" not in table(finance, DAY)


def test_they_are_drawn_when_they_came(finance: Client, outage: BadDay) -> None:
    assert requests_over_time(finance, DAY)["failed"] == {"2026-11-20T12:00:00": 14}
    refuse(outage.search.team, 5, at=AT + 45 * MINUTE)
    failed = requests_over_time(finance, DAY)["failed"]
    assert failed == {"2026-11-20T12:00:00": 14, "2026-11-20T12:30:00": 5}


def test_over_a_month_they_are_drawn_by_the_day(finance: Client, outage: BadDay) -> None:
    refuse(outage.search.team, 3, at=AT - dt.timedelta(days=1))
    failed = requests_over_time(finance, "from=2026-11-01&to=2026-11-30")["failed"]
    assert failed == {"2026-11-19T00:00:00": 3, "2026-11-20T00:00:00": 14}


def test_the_period_is_half_open(finance: Client, bad_day: BadDay) -> None:
    midnight = dt.datetime(2026, 11, 10, tzinfo=dt.UTC)
    for at in (midnight - MINUTE, midnight):
        refuse(bad_day.ads.team, 1, at=at)
    assert table(finance, "from=2026-11-09&to=2026-11-09")[""]["requests_failed"] == "1"
    assert table(finance, "from=2026-11-09&to=2026-11-10")[""]["requests_failed"] == "2"


@pytest.mark.parametrize(
    ("query", "failed"),
    [
        ("team=ads", "2"),
        ("team=search", "11"),
        ("route=warm", "2"),
        ("route=gpt-4o", "9"),
        ("provider=openai", "2"),
        ("region=us", "2"),
        ("model=openai/gpt-4o", "2"),
    ],
)
def test_filters_by_team_and_route_narrow_them_and_those_by_vendor_leave_them_out(
    finance: Client, outage: BadDay, query: str, failed: str
) -> None:
    """The bad day's two failed requests are of search, over the route openai/gpt-4o."""
    assert table(finance, f"{DAY}&{query}")[""]["requests_failed"] == failed


def test_a_filter_by_route_narrows_the_ledgers_requests_too(finance: Client, outage: BadDay) -> None:
    """One over the route ``warm`` was answered by its second target; two were refused."""
    number = request_id()
    attempt(outage.ads, outage.gpt, "error", "overloaded", request_id=number, route="warm", **FREE)
    attempt(outage.ads, outage.flash, "ok", request_id=number, attempt=2, route="warm")
    found = table(finance, f"{DAY}&route=warm")
    assert figures(found[""], *REQUESTS[:2], *ATTEMPTS[:2]) == ["1", "2", "1", "1"]


def test_under_a_vendors_filter_the_page_says_that_they_are_left_out(finance: Client, outage: BadDay) -> None:
    assert "under these filters not counted" in text_of(page(finance, f"{URL}?{DAY}&provider=openai"))
    assert "under these filters not counted" not in text_of(page(finance, f"{URL}?{DAY}&team=search"))


def test_a_lead_sees_those_of_the_own_teams(team_lead: Client, outage: BadDay) -> None:
    assert figures(table(team_lead, DAY)[""], *REQUESTS[:2]) == ["5", "11"]
