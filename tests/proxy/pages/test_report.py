"""/spend/reliability/ through the front door: exact shares, exact percentiles, exact money."""

import csv
import datetime as dt
import io
import json
import re
import uuid
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from metering.models import CostEntry
from metering.spend.money import NOTHING
from proxy.pages.objectives import objectives_in
from tests import factories
from tests.metering.spend.test_pages import first_row_of, page, text_of
from tests.proxy.pages.conftest import AT, DAY, FREE, BadDay, attempt, request_id

URL = "/spend/reliability/"


def table(client: Client, query: str) -> dict[str, dict[str, str]]:
    """The file's rows by their group; the total is ``""``."""
    response = client.get(f"{URL}export.csv?{query}")
    assert response.status_code == 200
    rows = csv.DictReader(io.StringIO(response.getvalue().decode()))
    return {row["group"]: row for row in rows}


def figures(row: dict[str, str], *names: str) -> list[str]:
    return [row[name] for name in names]


REQUESTS = ("requests_answered", "requests_failed", "requests_left", "requests_mistaken", "availability")
ATTEMPTS = ("attempts_succeeded", "attempts_failed_by_vendor", "attempts_neutral", "attempt_success")


def test_requests_are_counted_where_they_began_whatever_answered_them(finance: Client) -> None:
    found = table(finance, DAY)
    assert figures(found["openai"], *REQUESTS) == ["6", "2", "0", "1", "0.75"]
    assert figures(found["gemini"], *REQUESTS) == ["0", "0", "1", "0", ""]
    assert figures(found[""], *REQUESTS) == ["6", "2", "1", "1", "0.75"]


def test_attempts_are_counted_where_they_went(finance: Client) -> None:
    """Mistakes of callers, callers who left and workers that died say nothing of the vendor."""
    found = table(finance, DAY)
    assert figures(found["openai"], *ATTEMPTS) == ["4", "4", "1", "0.5"]
    assert figures(found["gemini"], *ATTEMPTS) == ["1", "0", "3", "1"]
    assert figures(found[""], *ATTEMPTS) == ["5", "4", "4", "0.555556"]


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("provider", {"openai", "gemini", ""}),
        ("region", {"us", "eu", ""}),
        ("model", {"openai/gpt-4o", "gemini/flash", ""}),
    ],
)
def test_every_grouping_adds_up_to_the_same(finance: Client, by: str, groups: set[str]) -> None:
    found = table(finance, f"{DAY}&by={by}")
    assert set(found) == groups
    counts = [*REQUESTS[:-1], *ATTEMPTS[:-1], "latency_calls", "first_token_calls"]
    for name in counts:
        assert sum(int(row[name]) for group, row in found.items() if group) == int(found[""][name])


def test_a_provider_without_a_region_is_named_so(finance: Client, bad_day: BadDay) -> None:
    local = factories.make_model("llama", provider=factories.make_provider("local"))
    factories.make_price(local)
    attempt(bad_day.ads, local, "ok")
    assert table(finance, f"{DAY}&by=region")["no region"]["requests_answered"] == "1"
    assert set(table(finance, f"{DAY}&region=no+region")) == {"local", ""}


def test_the_error_budget_is_what_the_objective_leaves(finance: Client, settings: Settings) -> None:
    """8 judged, 2 failed: of 50 % allowed, 4 may fail, and half of them are left."""
    settings.OBJECTIVES = objectives_in({"OBJECTIVE_AVAILABILITY": "50"})
    assert figures(table(finance, DAY)[""], "objective", "budget_left") == ["0.5", "0.5"]
    seen = text_of(page(finance, f"{URL}?{DAY}"))
    assert "75.00 % 6 of 8; objective 50 % error budget: 50 % left (2 failed, 4.0 allowed)" in seen
    settings.OBJECTIVES = objectives_in({"OBJECTIVE_AVAILABILITY": "99.9"})
    assert table(finance, DAY)[""]["budget_left"] == "-249"
    assert "250.0 times what it allows" in text_of(page(finance, f"{URL}?{DAY}"))


def test_percentiles_are_values_that_calls_had(finance: Client, bad_day: BadDay) -> None:
    """Of 1 to 1000 ms: the least that so many did not exceed. Failed attempts are not among them."""
    day_after = AT + dt.timedelta(days=1)
    for latency in range(1, 101):
        attempt(bad_day.ads, bad_day.flash, "ok", started_at=day_after, latency_ms=latency * 10)
    attempt(bad_day.ads, bad_day.flash, "error", "provider", started_at=day_after, latency_ms=90_000, **FREE)
    names = ("latency_calls", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "latency_p99_9_ms")
    found = table(finance, "from=2026-11-21&to=2026-11-21")
    assert figures(found["gemini"], *names) == ["100", "500", "950", "990", "1000"]
    assert figures(found[""], *names) == ["100", "500", "950", "990", "1000"]


def test_too_few_calls_have_no_p99_9(finance: Client) -> None:
    found = table(finance, DAY)["openai"]
    names = ("latency_calls", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "latency_p99_9_ms")
    assert figures(found, *names) == ["4", "200", "700", "700", ""]
    cells = first_row_of(page(finance, f"{URL}?{DAY}"), "openai")
    assert cells[8:13] == ["200 ms", *["too few calls"] * 3, "4"]


def test_the_first_token_is_timed_for_streams_alone_and_else_not_known(finance: Client) -> None:
    html = page(finance, f"{URL}?{DAY}")
    assert first_row_of(html, "openai")[13:] == ["40 ms", *["too few calls"] * 3, "1"]
    assert first_row_of(html, "gemini")[13:] == ["not known"] * 4 + ["0"]


def test_a_vendor_that_nothing_is_known_of_has_no_availability(finance: Client) -> None:
    assert first_row_of(page(finance, f"{URL}?{DAY}"), "gemini")[1:5] == ["1", "not known", "0", "not known"]


def test_how_many_attempts_requests_took(finance: Client) -> None:
    html = page(finance, f"{URL}?{DAY}")
    tries = html[html.index("Attempts a request took") :]
    assert first_row_of(tries, "none: from our cache")[1:4] == ["1", "10 %", "1"]
    assert first_row_of(tries, "1")[1:] == ["5", "50 %", "2", "1", "1", "1"]
    assert first_row_of(tries, "2")[1:] == ["4", "40 %", "3", "1", "0", "0"]
    seen = text_of(tries)
    assert "2 requests (20 %) saved" in seen
    assert "1 of them by another model. 1 (10 %) hedged" in seen


def test_four_attempts_and_more_are_counted_together(finance: Client, bad_day: BadDay) -> None:
    for most in (4, 6):
        number = request_id()
        for nth in range(1, most + 1):
            attempt(bad_day.ads, bad_day.gpt, "error", "overloaded", request_id=number, attempt=nth, **FREE)
    html = page(finance, f"{URL}?{DAY}&team=ads")
    assert first_row_of(html[html.index("Attempts a request took") :], "4 or more")[1:5] == [
        "2",
        "67 %",
        "0",
        "2",
    ]


def test_a_request_whose_first_attempt_is_not_booked_yet_counts_once(
    finance: Client, bad_day: BadDay
) -> None:
    attempt(bad_day.ads, bad_day.flash, "ok", attempt=2)
    assert figures(table(finance, f"{DAY}&team=ads")[""], *REQUESTS) == ["2", "0", "0", "0", "1"]


def test_further_parts_of_an_attempt_are_no_attempts(finance: Client, bad_day: BadDay) -> None:
    number = request_id()
    attempt(bad_day.ads, bad_day.flash, "ok", request_id=number)
    attempt(bad_day.ads, bad_day.gpt, "ok", request_id=number, part=1)
    assert figures(table(finance, f"{DAY}&team=ads")[""], *REQUESTS[:2], *ATTEMPTS[:2]) == [
        "2",
        "0",
        "2",
        "0",
    ]


def test_money_spent_on_failures_is_the_ledgers_sum(finance: Client) -> None:
    failed = CostEntry.objects.filter(outcome__in=("error", "cut", "lost"))
    assert failed.aggregate(cost=Sum("cost"))["cost"] == Decimal("0.375")
    html = page(finance, f"{URL}?{DAY}")
    failures = html[html.index("Attempts that failed") :]
    assert first_row_of(failures, "Total")[3:] == ["6", "", "$0.375", "5 %", "1 (at most $2)"]
    rows = [row for row in re.findall(r"<tr>.*?</tr>", failures, flags=re.DOTALL) if "outcome=" in row]
    costs = [text_of(row).split("$")[1].split(" ")[0] for row in rows if "$" in row]
    assert sum(Decimal(cost) for cost in costs) == Decimal("0.375")
    assert first_row_of(failures, "gemini") == [
        *("gemini", "our worker died", "lost", "1", "no", "unknown", NOTHING, "1"),
    ]
    assert "2 attempts whose caller left, $1.5." in text_of(failures)


def test_the_failures_file_says_what_the_page_says(finance: Client) -> None:
    response = finance.get(f"{URL}failures.csv?{DAY}")
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    sums = {row["row"]: row for row in rows if row["row"] != "failed"}
    failed = [row for row in rows if row["row"] == "failed"]
    names = ("attempts", "cost_usd", "unknown", "exposure_usd", "unbounded")
    assert figures(sums["all failed"], *names) == ["6", "0.375", "1", "2", "0"]
    assert figures(sums["caller left"], *names) == ["2", "1.5", "0", "0", "0"]
    assert sum(Decimal(row["cost_usd"] or 0) for row in failed) == Decimal("0.375")
    assert [figures(row, *names) for row in failed if row["outcome"] == "lost"] == [["1", "", "1", "2", "0"]]
    assert {row["time_zone"] for row in rows} == {"UTC"}


def test_where_no_failure_has_a_known_cost_there_is_no_share_of_it(db: None, finance: Client) -> None:
    html = page(finance, f"{URL}?{DAY}&provider=gemini")
    seen = text_of(html[html.index("Spent on failures") :])
    assert "unknown excludes 1 of unknown cost: 1 at most $2.00" in seen
    assert first_row_of(html[html.index("Attempts that failed") :], "Total")[5:7] == ["unknown", NOTHING]


def test_whole_days_are_those_of_the_spend_pages(finance: Client) -> None:
    rows = table(finance, "period=month")
    first = dt.datetime.fromisoformat(rows[""]["from"])
    assert (first.date(), first.timetz()) == (timezone.localdate().replace(day=1), dt.time(tzinfo=dt.UTC))


def test_a_correction_gives_a_failure_its_cost(finance: Client, bad_day: BadDay) -> None:
    lost = CostEntry.objects.get(outcome="lost")
    attempt(
        bad_day.search,
        bad_day.flash,
        "lost",
        request_id=lost.request_id,
        attempt=2,
        kind="correction",
        corrects_id=lost.pk,
        cost=Decimal("0.5"),
        note="from the invoice",
    )
    html = page(finance, f"{URL}?{DAY}")
    assert first_row_of(html[html.index("Attempts that failed") :], "Total")[3:] == [
        "6",
        "",
        "$0.875",
        "12 %",
        "0",
    ]
    assert figures(table(finance, DAY)[""], *ATTEMPTS[:3]) == ["5", "4", "4"]


def test_a_failure_leads_to_its_entries(finance: Client) -> None:
    html = page(finance, f"{URL}?{DAY}")
    found = re.search(r'href="(/spend/entries/\?[^"]*error=rate_limited[^"]*)"', html)
    assert found is not None
    listed = page(finance, found[1].replace("&amp;", "&"))
    assert listed.count("<tr") == 2
    assert "openai/gpt-4o" in listed


def test_a_request_without_calls_in_the_period_is_told_so(finance: Client) -> None:
    html = page(finance, f"{URL}?from=2026-01-01&to=2026-01-02")
    assert "No calls in this period" in html
    assert "plotly.min.js" not in html
    assert "Nothing matches these filters" in page(finance, f"{URL}?{DAY}&model=openai/none")


def test_the_period_is_half_open(finance: Client, bad_day: BadDay) -> None:
    for at in (dt.datetime(2026, 11, 9, tzinfo=dt.UTC), dt.datetime(2026, 11, 10, tzinfo=dt.UTC)):
        attempt(bad_day.ads, bad_day.gpt, "ok", started_at=at)
    assert table(finance, "from=2026-11-09&to=2026-11-09")[""]["requests_answered"] == "1"
    assert table(finance, "from=2026-11-09&to=2026-11-10")[""]["requests_answered"] == "2"


def test_the_last_24_hours_are_the_default(finance: Client, bad_day: BadDay) -> None:
    now = timezone.now()
    for hours in (23, 25):
        attempt(bad_day.ads, bad_day.gpt, "ok", started_at=now - dt.timedelta(hours=hours))
    assert table(finance, "team=ads")[""]["requests_answered"] == "1"
    assert table(finance, "team=ads&period=7d")[""]["requests_answered"] >= "2"
    assert 'aria-current="true">24 hours<' in page(finance, URL)


@pytest.mark.parametrize(
    ("query", "answered", "succeeded"),
    [
        ("team=ads", "1", "1"),
        ("provider=gemini", "0", "1"),
        ("region=us", "6", "4"),
        ("model=openai/gpt-4o", "6", "4"),
    ],
)
def test_filters_narrow_requests_by_their_beginning_and_attempts_by_their_vendor(
    finance: Client, query: str, answered: str, succeeded: str
) -> None:
    total = table(finance, f"{DAY}&{query}")[""]
    assert figures(total, "requests_answered", "attempts_succeeded") == [answered, succeeded]


def test_a_lead_sees_the_own_teams_calls_and_no_breakers(team_lead: Client, bad_day: BadDay) -> None:
    assert figures(table(team_lead, DAY)[""], *REQUESTS[:2]) == ["5", "2"]
    html = page(team_lead, f"{URL}?{DAY}")
    assert "<h2>Breakers</h2>" not in html
    assert "<h2>Credentials at rest now</h2>" not in html
    assert team_lead.get(f"{URL}?{DAY}&team=ads").status_code == 404
    assert team_lead.get(f"{URL}export.csv?{DAY}&team=ads").status_code == 404


def test_a_filter_that_cannot_be_is_answered_in_words(finance: Client) -> None:
    for query, words in [
        ("from=tomorrow", "from must be a day"),
        ("period=year", "period must be one of"),
        ("by=team", "by must be one of"),
        ("from=2026-01-01&to=2026-04-03", "31 days at most"),
        ("from=2026-01-02&to=2026-01-01", "ends (2026-01-01) before it begins"),
    ]:
        response = finance.get(f"{URL}?{query}")
        assert response.status_code == 400
        assert words in response.content.decode()


def test_the_page_asks_the_database_a_fixed_number_of_questions(
    finance: Client, bad_day: BadDay, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Session, person, two for permissions; a savepoint and its release, settings, models, ends (2),
    retried requests, percentiles, refusals; breakers, events, what was before (2), credentials, checks;
    choices (2)."""
    for _ in range(10):
        attempt(bad_day.ads, bad_day.gpt, "error", "provider", request_id=uuid.uuid4(), **FREE)
    with django_assert_num_queries(23):
        finance.get(f"{URL}?{DAY}")
    with django_assert_num_queries(13):
        finance.get(f"{URL}export.csv?{DAY}").getvalue()


def test_the_page_allows_no_inline_script_and_nothing_from_elsewhere(finance: Client) -> None:
    response = finance.get(f"{URL}?{DAY}")
    html = response.content.decode()
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert set(re.findall(r'(?:src|href)="(https?://[^"]*)"', html)) == set()
    assert re.findall(r"<script(?![^>]*(?:src=|application/json))", html) == []
    assert not re.search(r"\son\w+=", html)


def requests_over_time(client: Client, query: str) -> dict[str, dict[str, int]]:
    """What the chart shows: of each trace, its bars that are not empty."""
    html = page(client, f"{URL}?{query}")
    found = re.search(r'<script id="figure-requests" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return {
        trace["name"]: {x: int(y) for x, y in zip(trace["x"], trace["y"], strict=True)}
        for trace in json.loads(found[1])["data"]
    }


def test_requests_over_a_day_are_drawn_by_the_half_hour(finance: Client, bad_day: BadDay) -> None:
    attempt(bad_day.ads, bad_day.gpt, "ok", started_at=AT - dt.timedelta(seconds=1))
    assert requests_over_time(finance, DAY) == {
        "failed": {"2026-11-20T12:00:00": 2},
        "answered": {"2026-11-20T11:30:00": 1, "2026-11-20T12:00:00": 6},
        "left, or the caller's mistake": {"2026-11-20T12:00:00": 2},
    }


def test_requests_over_a_month_are_drawn_by_the_day(finance: Client, bad_day: BadDay) -> None:
    attempt(bad_day.ads, bad_day.gpt, "ok", started_at=AT - dt.timedelta(days=1))
    assert requests_over_time(finance, "from=2026-11-01&to=2026-11-30&team=ads") == {
        "answered": {"2026-11-19T00:00:00": 1, "2026-11-20T00:00:00": 1},
    }
    assert figures(table(finance, "from=2026-11-01&to=2026-11-30")[""], *REQUESTS[:4]) == ["7", "2", "1", "1"]
