"""Reliability over more than 7 days: from what is kept of whole days, the same counts and the same money."""

import csv
import datetime as dt
import io
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from catalog import spreadsheets
from catalog.models import ApiKey, LanguageModel
from catalog.visibility import Visibility
from metering import verification
from metering.models import CostEntry
from metering.summaries import summing
from proxy.pages import binned, latencies, ledger_rows, reports, sources
from proxy.pages import ends as counting
from proxy.pages.filters import Asked, asked_from
from proxy.pages.latencies import Latencies, Percentiles
from tests.metering import house as h
from tests.metering.spend.test_pages import page, text_of
from tests.proxy.pages.conftest import AT, FREE, BadDay, attempt, request_id
from tests.proxy.pages.test_report import REQUESTS, URL, figures, table

LONG = "from=2026-11-01&to=2026-11-20"  # 20 days; the bad day is the last
NOW = dt.datetime(2026, 11, 20, 18, 30, tzinfo=dt.UTC)
EVERYBODY = Visibility(team_ids=None)
ALIKE = ("model", "since", "kind", "first", "whole", "outcome", "error_class")
COUNTS = ("count", "cost", "unknown", "exposure", "unbounded")
LOST: dict[str, Any] = {"cost": None, "cost_reason": "lost", "latency_ms": None}


def asked(query: str = "period=30d", *, now: dt.datetime = NOW) -> Asked:
    return asked_from(dict(pair.split("=") for pair in query.split("&")), now=now)


def row(key: ApiKey, model: LanguageModel, **fields: Any) -> dict[str, Any]:
    """An entry of 1 USD to be booked, unless said otherwise."""
    house = h.House(key.team_id, key.pk, 0, model.pk, model.prices.get().pk, 0)
    cost = fields.pop("cost", "1")
    return h.entry(house, cost=cost, tokens=None if cost is None else {"output": 1}, **fields)


def correction(made: CostEntry, cost: str, note: str) -> dict[str, Any]:
    house = h.House(made.team_id, made.api_key_id, 0, made.model_id, 0, 0)
    same = {"route": made.route, "outcome": made.outcome, "error_class": made.error_class}
    return h.correction(house, made, cost=cost, note=note, price_id=None, **same)


@pytest.fixture
def month(bad_day: BadDay) -> BadDay:
    """The bad day, and five weeks before it: every 14 hours a call, of all kinds."""
    h.settle(*(entry for number in range(60) for entry in varied(bad_day, number)))
    lost = CostEntry.objects.filter(outcome="lost", note="", started_at__lt=AT).order_by("pk")
    h.settle(*(correction(made, "0.25", "from the invoice") for made in lost[::2]))
    h.settle(correction(lost[0], "-0.125", "and less"))
    return bad_day


def varied(house: BadDay, number: int) -> Iterator[dict[str, Any]]:
    at = AT - dt.timedelta(hours=14 * number, minutes=number + 1)
    key = house.ads if number % 3 else house.search
    model = house.flash if number % 5 else house.gpt
    timed: dict[str, Any] = {"latency_ms": 37 * number**2 % 41_000, "streamed": number % 2 == 0}
    yield row(key, model, at=at, route="warm" if number % 4 else "cold", first_byte_ms=7 * number, **timed)
    if number % 6 == 0:
        again: dict[str, Any] = {"at": at, "request": request_id()}
        failed = {"outcome": "error", "error_class": "overloaded", "price_id": None}
        yield row(key, model, **again, **failed, cost="0", cost_reason="not_billed")
        yield row(key, house.gpt, **again, attempt=2, **timed)
        yield row(key, house.gpt, **again, attempt=2, part=1, **timed)
    if number % 5 == 0:
        bound = {"exposure": str(number)} if number % 10 else {}
        yield row(key, model, at=at, cost=None, outcome="lost", latency_ms=None, **bound)


def counted(found: tuple[counting.Ends, ...]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Each end once, whatever parts it was read in."""
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    for end in found:
        sums.setdefault(tuple(getattr(end, name) for name in ALIKE), Counter()).update(
            {name: getattr(end, name) for name in COUNTS}
        )
    return {alike: tuple(of[name] for name in COUNTS) for alike, of in sums.items() if of["count"]}


def both_ways(question: Asked, visibility: Visibility = EVERYBODY) -> list[dict[Any, Any]]:
    given = {"asked": question, "visibility": visibility}
    return [
        counted(counting.ends(asked=question, sources=read(**given)))
        for read in (sources.of_days, sources.of_entries)
    ]


QUERIES = ("period=30d", LONG, "period=30d&team=ads", "period=30d&route=warm")


def test_counts_and_money_are_those_of_the_entries_wherever_the_mark_stands(month: BadDay) -> None:
    for most in (0, 1, 40, 20, 31, 5, 10_000):
        if most:
            summing.catch_up(most=most)
        for query in QUERIES:
            kept, entries = both_ways(asked(query))
            assert kept == entries
            assert len(kept) > 20
    assert verification.verify().differences == []


def test_what_is_booked_after_the_mark_is_in_it_and_so_is_what_it_corrects(month: BadDay) -> None:
    old = AT - dt.timedelta(days=4)
    bounded = attempt(month.ads, month.gpt, "lost", started_at=old, exposure=Decimal(3), **LOST)
    unbounded = attempt(month.ads, month.gpt, "lost", started_at=old, **LOST)
    h.settle(correction(unbounded, "1", "before the mark"))
    summing.catch_up()
    h.settle(correction(bounded, "0.5", "first"), correction(bounded, "0.5", "second"))
    later = attempt(month.ads, month.gpt, "lost", started_at=old, **LOST)
    h.settle(correction(unbounded, "0.5", "again"), correction(later, "0.5", "at once"))

    kept, entries = both_ways(asked())

    assert kept == entries
    assert sources.of_days(asked=asked(), visibility=EVERYBODY).read[1].rows.count() == 5


def test_a_lead_sees_the_own_teams_entries(month: BadDay) -> None:
    summing.catch_up()
    kept, entries = both_ways(asked(), Visibility(team_ids=frozenset({month.search.team_id})))
    everything = both_ways(asked())[0]

    assert kept == entries
    assert sum(of[0] for of in kept.values()) < sum(of[0] for of in everything.values())


def near(found: Percentiles, real: Percentiles) -> bool:
    """The same number of calls; each value within 3 % and half a millisecond."""
    pairs = zip(
        (found.p50, found.p95, found.p99, found.p999),
        (real.p50, real.p95, real.p99, real.p999),
        strict=True,
    )
    return found.count == real.count and all(
        one == other if one is None or other is None else 66 * abs(one - other) <= 2 * other + 33
        for one, other in pairs
    )


@pytest.mark.parametrize("by", ["provider", "region", "model"])
def test_percentiles_are_within_3_percent_of_those_of_the_answers(month: BadDay, by: str) -> None:
    summing.catch_up(most=60)
    for query in QUERIES:
        question, sold = asked(f"{query}&by={by}"), ledger_rows.sold()
        given = {"asked": question, "visibility": EVERYBODY}

        found = binned.latencies(asked=question, sources=sources.of_days(**given), sold=sold)
        real = latencies.latencies(**given, models=sold.keys())

        assert found.groups.keys() == real.groups.keys()
        for name, times in {**found.groups, "": found.total}.items():
            other: Latencies = real.groups[name] if name else real.total
            assert near(times.whole, other.whole)
            assert near(times.first_token, other.first_token)
        assert found.total.whole.count > 20


def test_the_file_of_a_long_period_says_how_near_its_percentiles_are(finance: Client) -> None:
    """Of 4 days and of the last 3 of them: 300 ms and 700 ms are in the bins 288 to 303 and 672 to 703."""
    longer, exact = (table(finance, f"from=2026-11-{day}&to=2026-11-20")[""] for day in (17, 18))

    assert (exact["percentiles"], longer["percentiles"]) == ("exact", "within 3 %")
    names = ("latency_calls", "latency_p50_ms", "latency_p95_ms", "latency_p99_9_ms")
    assert figures(exact, *names) == ["5", "300", "700", ""]
    assert figures(longer, *names) == ["5", "295", "687", ""]


def test_the_page_says_it_too(finance: Client) -> None:
    seen = text_of(page(finance, f"{URL}?{LONG}"))
    assert "answers; within 3 %" in seen
    assert "the durations of each day are kept in bins" in seen
    assert "Read from every answer" not in seen
    exact = text_of(page(finance, f"{URL}?from=2026-11-18&to=2026-11-20"))
    assert "within 3 %" not in exact
    assert "Read from every answer" in exact


def test_a_day_is_one_of_the_business_time_zone(finance: Client, bad_day: BadDay, settings: Settings) -> None:
    """In Berlin the period begins at 23:00 UTC, and has so many calls within its first and last minute."""
    settings.TIME_ZONE = "Europe/Berlin"
    berlin = ZoneInfo("Europe/Berlin")
    midnights = (dt.datetime(2026, 11, 1, tzinfo=berlin), dt.datetime(2026, 11, 12, tzinfo=berlin))
    for midnight in midnights:
        for seconds in (-1, 0):
            at = midnight.astimezone(dt.UTC) + dt.timedelta(seconds=seconds)
            attempt(bad_day.ads, bad_day.gpt, "ok", started_at=at, latency_ms=100 - seconds)

    total = table(finance, "from=2026-11-01&to=2026-11-11")[""]

    assert figures(total, *REQUESTS[:2], "attempts_succeeded", "latency_calls") == ["2", "0", "2", "2"]
    assert total["from"] == "2026-10-31T23:00:00.000Z"


def test_days_that_the_period_cuts_are_counted_to_the_moment(finance: Client, bad_day: BadDay) -> None:
    now = timezone.now()
    edge = now - dt.timedelta(days=30)
    for minutes in (-5, 5):
        attempt(bad_day.ads, bad_day.flash, "ok", started_at=edge + dt.timedelta(minutes=minutes))
        attempt(bad_day.ads, bad_day.flash, "ok", started_at=now + dt.timedelta(minutes=minutes))

    total = table(finance, "period=30d&team=ads&provider=gemini")[""]

    assert figures(total, *REQUESTS[:2], "attempts_succeeded", "latency_calls") == ["2", "0", "2", "2"]


def test_a_day_on_which_clocks_are_set_back_makes_3_days_no_longer_ones() -> None:
    with timezone.override("Europe/Berlin"):
        autumn = asked("from=2026-10-23&to=2026-10-25")
        assert (autumn.end.timestamp() - autumn.start.timestamp(), autumn.exact) == (73 * 3600, True)
        longer = asked("from=2026-10-23&to=2026-10-26")
        assert (longer.exact, longer.whole_days) == (False, (dt.date(2026, 10, 23), dt.date(2026, 10, 26)))


def test_whole_days_are_those_between_midnights() -> None:
    assert asked("period=30d").whole_days == (dt.date(2026, 10, 22), dt.date(2026, 11, 19))
    assert asked(LONG).whole_days == (dt.date(2026, 11, 1), dt.date(2026, 11, 20))
    assert asked("period=24h").exact


def test_every_grouping_of_a_long_period_adds_up_to_the_same(month: BadDay) -> None:
    found = [
        reports.report(asked=asked(f"{LONG}&by={by}"), visibility=EVERYBODY)
        for by in ("provider", "region", "model")
    ]
    for report in found:
        assert sum(row.requests.total for row in report.rows) == report.total.requests.total > 40
        assert sum(row.latencies.whole.count for row in report.rows) == report.total.latencies.whole.count
        assert len(report.slices) == 20
    assert len({report.total for report in found}) == 1
    total = found[0].total
    counts = (total.requests.answered, total.attempts.succeeded, total.latencies.whole.count)
    assert {type(count) for count in counts} == {int}


def test_a_long_period_asks_a_fixed_number_of_questions(
    finance: Client, month: BadDay, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Beside those of an exact one: adding up (3), the mark, what is kept of ends."""
    with django_assert_num_queries(28):
        finance.get(f"{URL}?{LONG}")
    for _ in range(10):
        attempt(month.ads, month.gpt, "error", "provider", started_at=AT - dt.timedelta(days=9), **FREE)
    with django_assert_num_queries(28):
        finance.get(f"{URL}?{LONG}")
    with django_assert_num_queries(30):  # and the ends of the days that are cut
        finance.get(f"{URL}?period=30d")


def test_both_tables_are_sheets_too(finance: Client) -> None:
    for name in ("export", "failures"):
        sheet = finance.get(f"{URL}{name}.xlsx?{LONG}&team=ads").getvalue()
        rows = spreadsheets.rows(name="x.xlsx", content=sheet)
        written = finance.get(f"{URL}{name}.csv?{LONG}&team=ads").getvalue().decode()
        titles, *others = csv.reader(io.StringIO(written))
        assert ["Team", "ads"] in rows
        assert len(rows[rows.index(titles) + 1 :]) == len(others) > 1
    html = page(finance, f"{URL}?{LONG}")
    assert "export.xlsx?" in html
    assert "failures.xlsx?" in html
