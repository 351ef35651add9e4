"""/spend/entries/: found by anything that is known of them, page by page, in both orders."""

import csv
import datetime as dt
import io
import json
import re
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.template.loader import render_to_string
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.visibility import Visibility
from metering.models import CostEntry, Hold
from metering.spend.entries import ledger_rows, wanted
from metering.spend.explorer import pages, sums
from metering.spend.explorer.asked import EntryFilters, entry_filters
from metering.spend.explorer.bounded import TooBroad, bounded
from metering.spend.filters import BadFilter
from metering.summaries import summing
from metering.usage import BUCKETS, Usage
from tests import factories
from tests.metering.spend.conftest import AT, REQUEST, Month
from tests.metering.spend.test_pages import page, text_of

NOVEMBER = "from=2026-11-01&to=2026-11-30"
ALL = Visibility(team_ids=None)
TODAY = AT.date()


def asked(query: str, *, period: str = NOVEMBER) -> EntryFilters:
    return entry_filters(QueryDict(f"{period}&{query}"), today=TODAY)


def shown(client: Client, query: str) -> list[str]:
    """The request ids on the page, in their order."""
    html = page(client, f"/spend/entries/?{NOVEMBER}&{query}")
    return re.findall(r'title="([0-9a-f-]{36})"', html)


def in_file(client: Client, query: str) -> list[str]:
    response = client.get(f"/spend/entries/export.csv?{NOVEMBER}&{query}")
    return [row["request_id"] for row in csv.DictReader(io.StringIO(response.getvalue().decode()))]


@pytest.fixture
def odd(month: Month) -> dict[str, str]:
    """Request ids of entries of which each has something that no other one has."""
    haiku = {"key": month.ads, "model": month.haiku, "price": month.haiku.prices.get()}
    booked = {
        "cut": factories.make_entry(**haiku, usage=Usage(output=1), outcome="cut", error_class="overloaded"),
        "cached": factories.make_entry(**haiku, usage=Usage(), kind="cache_hit", cost_reason="cache_hit"),
        "guessed": factories.make_entry(**haiku, usage=Usage(output=2), usage_source="estimated"),
        "flagged": factories.make_entry(**haiku, usage=Usage(output=3), flags=["usage_clamped"]),
        "dear": factories.make_entry(**haiku, usage=Usage(output=90_000, reasoning=210_000)),
        "slow": factories.make_entry(**haiku, usage=Usage(output=4), latency_ms=130_000),
        "tagged": factories.make_entry(**haiku, usage=Usage(output=5), tags={"feature": "search"}),
        "retagged": factories.make_entry(**haiku, usage=Usage(output=6), tags={"feature": "agent"}),
    }
    return {name: str(entry.request_id) for name, entry in booked.items()}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("outcome=cut", ["cut"]),
        ("error=overloaded", ["cut"]),
        ("kind=cache_hit", ["cached"]),
        ("usage=estimated", ["guessed"]),
        ("flag=usage_clamped", ["flagged"]),
        ("flag=usage_mismatch", []),
        ("over=1.5", ["dear"]),
        ("over=1.500000000001", []),
        ("output=90000", ["dear"]),
        ("output=90001", []),
        ("reasoning=210000", ["dear"]),
        ("slow=130000", ["slow"]),
        ("slow=130001", []),
        ("tag=feature&tag_value=search", ["tagged"]),
        ("tag=feature&tag_value=nothing", []),
        ("tag=feature&tagged=no&output=5", ["dear"]),
        ("tag=feature&tag_value=search&outcome=cut", []),
        ("team=ads&route=anthropic/claude-haiku-4-5&tag=feature&tag_value=agent", ["retagged"]),
        ("cost_center=CC-2&provider=anthropic&slow=130000", ["slow"]),
        ("provider=gemini&slow=130000", []),
        ("sort=cost&over=1", ["dear"]),
        ("sort=cost&outcome=cut", ["cut"]),
        ("sort=cost&tag=feature&tag_value=search", ["tagged"]),
        ("sort=cost&team=search&route=warm", []),
    ],
)
def test_page_and_file_list_what_is_asked_for(
    finance: Client, odd: dict[str, str], query: str, names: list[str]
) -> None:
    wanted = [odd[name] for name in names]
    if query == "sort=cost&team=search&route=warm":
        wanted = [REQUEST]
    if query == "tag=feature&tagged=no&output=5":
        wanted.append(str(CostEntry.objects.get(output=100).request_id))  # of another day
    assert shown(finance, query) == wanted
    assert in_file(finance, query) == wanted


def test_the_dearest_come_first_and_nothing_that_cost_nothing(finance: Client, odd: dict[str, str]) -> None:
    found = shown(finance, "sort=cost")
    costs = [CostEntry.objects.get(request_id=found[place]).cost for place in range(len(found))]
    assert found[0] == odd["dear"]
    assert costs == sorted(costs, reverse=True)  # type: ignore[type-var]
    assert odd["cached"] not in found
    assert in_file(finance, "sort=cost") == found
    seen = text_of(page(finance, f"/spend/entries/?{NOVEMBER}&sort=cost"))
    assert "of each day, team and model the 20 attempts that cost most, as they were first booked" in seen


@pytest.fixture
def many(month: Month) -> None:
    """110 entries of six days that meet every condition of MET at once; costs are equal in pairs."""
    alike = {
        "attempt": 1,
        "kind": "attempt",
        "team_id": month.ads.team_id,
        "api_key_id": month.ads.pk,
        "model_id": month.haiku.pk,
        "price_id": month.haiku.prices.get().pk,
        "route": "anthropic/claude-haiku-4-5",
        "variant": "standard",
        **dict.fromkeys(BUCKETS, 0),
        "reasoning": 10_000,
        "outcome": "cut",
        "error_class": "overloaded",
        "usage_source": "estimated",
        "cost_reason": "",
        "flags": ["partial_usage"],
        "tags": {"feature": "search"},
        "latency_ms": 150_000,
    }
    batch = [alike | each_of_many(number) for number in range(110)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM metering_settle(%s) WHERE state = 'booked'", [json.dumps(batch)])
        assert cursor.fetchone() == (110,)
    list(summing.catch_up_wholly())


def each_of_many(number: int) -> dict[str, Any]:
    at, output = AT - dt.timedelta(days=number % 6), 200_000 + number // 2
    return {
        "request_id": str(uuid.uuid4()),
        "output": output,
        "cost": str(Decimal(output + 10_000) * 5 / 1_000_000),
        "started_at": at.isoformat(),
        "day": at.date().isoformat(),
    }


MET = [
    "",
    "team=ads",
    "provider=anthropic",
    "model=anthropic/claude-haiku-4-5",
    "cost_center=CC-2",
    "route=anthropic/claude-haiku-4-5",
    "outcome=cut",
    "outcome=failed",
    "error=overloaded",
    "usage=estimated",
    "kind=attempt",
    "flag=partial_usage",
    "cost=known",
    "over=1",
    "output=200000",
    "reasoning=10000",
    "slow=150000",
    "tag=feature&tag_value=search",
    "tag=other&tagged=no",
]


@pytest.mark.parametrize("order", ["", "cost"])
def test_pages_have_every_entry_once_whatever_is_asked_for(many: None, order: str) -> None:
    for query in MET:
        listed = [entry.id for entry in walk(f"{query}&sort={order}")]
        assert len(set(listed)) == len(listed) >= 110, query
        rows = CostEntry.objects.filter(pk__in=listed)
        ordered = rows.order_by("-cost", "-id") if order else rows.order_by("-day", "-id")
        assert listed == list(ordered.values_list("pk", flat=True)), query


def walk(query: str) -> Iterator[Any]:
    before = ""
    while True:
        found = pages.page(filters=asked(f"{query}{before}"), visibility=ALL)
        assert len(found.entries) <= pages.PAGE_SIZE
        yield from found.entries
        if found.older is None:
            return
        before = f"&before={found.older}"


def test_an_entry_that_was_booked_meanwhile_moves_no_page(many: None, month: Month) -> None:
    first = pages.page(filters=asked(""), visibility=ALL)
    next_page = asked(f"before={first.older}")
    listed = pages.page(filters=next_page, visibility=ALL).entries
    factories.make_entry(key=month.ads, model=month.haiku, price=month.haiku.prices.get(), usage=Usage())
    assert pages.page(filters=next_page, visibility=ALL).entries == listed


class TestWhatIsSaidOfAll:
    def sentence(self, client: Client, query: str) -> str:
        seen = text_of(page(client, f"/spend/entries/?{NOVEMBER}&{query}"))
        found = re.search(r"((All matching|More than|These are|\d+ entr)[^.]*(\.\d+[^.]*)*\.)", seen)
        return "" if found is None else re.sub(r" ([,;:.])", r"\1", found[1])

    def test_the_rollup_knows_teams_and_their_like(self, finance: Client) -> None:
        assert self.sentence(finance, "team=ads") == (
            "All matching entries together: $0.0015, 1 call, 1 attempt, 1,100 tokens."
        )

    def test_the_summary_knows_a_tag_and_that_some_costs_are_not_known(
        self, finance: Client, odd: dict[str, str]
    ) -> None:
        assert self.sentence(finance, "tag=feature&tag_value=search") == (
            "All matching entries together: $0.000025 as far as costs are known, 1 call, 1 attempt, 5 tokens."
        )

    def test_the_rollup_knows_how_many_have_no_cost(self, finance: Client) -> None:
        assert self.sentence(finance, "cost=unknown") == (
            "All matching entries together: 1 entry of unknown cost: 1 at most $0.25."
        )
        assert self.sentence(finance, "kind=attempt") == "4 entries match."

    def test_what_is_all_on_the_page_is_added_up(self, finance: Client, odd: dict[str, str]) -> None:
        assert self.sentence(finance, "outcome=failed") == (
            "All matching entries together: 2 entries; known cost $0.000005; 1 of unknown cost:"
            " 1 at most $0.25."
        )

    def test_few_that_an_index_has_are_added_up_on_whatever_page(self, finance: Client, many: None) -> None:
        whole = "All matching entries together: 110 entries; known cost $115.51."
        older = pages.page(filters=asked("outcome=cut"), visibility=ALL).older
        assert self.sentence(finance, "outcome=cut") == whole
        assert self.sentence(finance, f"outcome=cut&before={older}") == whole

    def test_what_is_lost_of_them_is_counted_with_what_it_costs_at_most(
        self, finance: Client, many: None, month: Month
    ) -> None:
        lost = {"usage": None, "outcome": "cut", "cost_reason": "lost"}
        for exposure in (Decimal("0.50"), None):
            factories.make_entry(key=month.ads, model=month.flash, exposure=exposure, **lost)
        assert self.sentence(finance, "outcome=cut") == (
            "All matching entries together: 112 entries; known cost $115.51; 2 of unknown cost:"
            " 1 at most $0.50, 1 without any bound."
        )

    def test_what_is_all_unknown_has_no_known_cost(self, finance: Client) -> None:
        assert self.sentence(finance, "outcome=lost") == (
            "All matching entries together: 1 entry of unknown cost: 1 at most $0.25."
        )

    def test_what_was_set_aside_is_no_bound_where_a_fee_came_on_top(
        self, finance: Client, month: Month
    ) -> None:
        fee = {"cost": None, "cost_reason": "unpriced_component", "exposure": Decimal("0.10")}
        factories.make_entry(key=month.ads, model=month.flash, usage=Usage(input=5), **fee)
        assert self.sentence(finance, "cost=unknown") == (
            "All matching entries together: 2 entries of unknown cost: 1 at most $0.25, 1 without any bound."
        )

    def test_more_than_are_few_are_not_counted(self, many: None) -> None:
        found = sums.of_few(asked("outcome=cut"), ALL, most=110)
        assert found is not None
        assert found.entries == 110
        assert sums.of_few(asked("outcome=cut"), ALL, most=109) is None

    def test_what_is_more_is_not_counted(self, finance: Client, many: None) -> None:
        assert self.sentence(finance, "over=0.1") == "More than these 50 match; how many is not counted."
        older = pages.page(filters=asked("over=0.1"), visibility=ALL).older
        last = pages.page(filters=asked(f"over=0.1&before={older}"), visibility=ALL).older
        assert self.sentence(finance, f"over=0.1&before={last}") == "These are the last that match."


class TestGoingToARequest:
    @pytest.fixture
    def known(self, month: Month) -> CostEntry:
        return factories.make_entry(
            key=month.ads, model=month.haiku, upstream_id="msg_17", client_request_id="order-9"
        )

    def test_any_of_its_ids_leads_to_it(self, finance: Client, known: CostEntry) -> None:
        for called in (str(known.request_id), known.request_id.hex, "msg_17", "order-9", "  order-9 "):
            response = finance.get("/spend/entries/find/", {"q": called})
            assert (response.status_code, response["Location"]) == (
                302,
                f"/spend/entries/{known.request_id}/",
            )

    def test_an_id_of_several_leads_to_their_list(
        self, finance: Client, month: Month, known: CostEntry
    ) -> None:
        factories.make_entry(key=month.ads, model=month.haiku, client_request_id="order-9")
        response = finance.get("/spend/entries/find/?q=order-9", follow=True)
        assert response.redirect_chain == [("/spend/entries/?q=order-9", 302)]
        assert response.content.count(b"/spend/entries/%s/" % str(known.request_id).encode()) == 1

    def test_an_id_of_another_team_is_not_found(self, team_lead: Client, known: CostEntry) -> None:
        response = team_lead.get("/spend/entries/find/?q=msg_17", follow=True)
        assert "Nothing in the ledger matches" in response.content.decode()

    def test_a_request_that_is_under_way_is_found_by_what_is_set_aside(
        self, finance: Client, month: Month
    ) -> None:
        hold = Hold.objects.create(
            request_id=uuid.uuid4(),
            attempt=1,
            team=month.ads.team,
            api_key=month.ads,
            model=month.haiku,
            route="auto",
            tokens=1,
            window_ids=[],
            window_amounts=[],
            worker=uuid.uuid4(),
            started_at=AT,
            expires_at=AT + dt.timedelta(minutes=5),
        )
        response = finance.get("/spend/entries/find/", {"q": str(hold.request_id)})
        assert response["Location"] == f"/spend/entries/{hold.request_id}/"

    def test_nothing_typed_leads_to_the_list(self, finance: Client) -> None:
        assert finance.get("/spend/entries/find/")["Location"] == "/spend/entries/?q="


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("over=much", "over must be an amount of USD such as 0.50, of 12 decimals at most"),
        ("over=-1", "over must be an amount of USD such as 0.50, of 12 decimals at most"),
        ("over=NaN", "over must be an amount of USD such as 0.50, of 12 decimals at most"),
        ("over=1e99", "over must be an amount of USD such as 0.50, of 12 decimals at most"),
        ("over=0E%2B999999999999", "over must be an amount of USD such as 0.50, of 12 decimals at most"),
        ("over=0.0000000000001", "over must be an amount of USD such as 0.50, of 12 decimals at most"),
        ("slow=-1", "slow must be a whole number"),
        ("output=1.5", "output must be a whole number"),
        ("before=x", "before must be the number of an entry"),
        ("sort=cost&cost=unknown", "costs that nobody knows have no order: leave out sort, or cost"),
    ],
)
def test_what_cannot_be_is_said(query: str, why: str) -> None:
    with pytest.raises(BadFilter) as refused:
        asked(query)
    assert str(refused.value) == why


def test_every_link_keeps_what_was_asked_for() -> None:
    query = (
        "from=2026-11-01&to=2026-11-30&team=ads&tag=feature&tag_value=a%26b&q=x&usage=drained&outcome=cut"
        "&cost=known&kind=attempt&error=overloaded&flag=f&output=1&reasoning=2&slow=3&over=0.5&sort=cost&before=9"
    )
    given = entry_filters(QueryDict(query), today=TODAY)
    again = entry_filters(QueryDict(given.query(before=9)), today=TODAY)
    assert again == given


def test_a_read_that_takes_too_long_is_stopped(db: None) -> None:
    with pytest.raises(TooBroad), bounded(milliseconds=20), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    assert CostEntry.objects.count() == 0  # the connection is of use


def test_the_page_asks_to_narrow_what_was_not_found_in_time(month: Month) -> None:
    shown = {"page": pages.Page(too_broad=True), "asked": asked("flag=x"), "filters": asked("flag=x").spend}
    seen = text_of(render_to_string("spend/entries.html", shown))
    assert "Choose fewer days, or add a team, a model or a key." in seen
    assert "No entries" not in seen


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "cost_entry_day"),
        ("outcome=cut", "cost_entry_outcome"),
        ("error=overloaded", "cost_entry_error"),
        ("usage=drained", "cost_entry_usage"),
        ("kind=correction", "cost_entry_kind"),
        ("cost=unknown", "cost_entry_unknown"),
        ("flag=usage_clamped", "cost_entry_flagged"),
    ],
)
def test_what_few_entries_are_has_an_index_that_postgresql_takes(db: None, query: str, index: str) -> None:
    """Of a table that is large by its statistics; its choice among 1,000,000: benchmarks/pages.py."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("REINDEX TABLE metering_costentry")  # what other tests took back still lies in them
        cursor.execute(
            "SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', 'metering_costentry',"
            " 'relpages', 50000, 'reltuples', 1000000::real)"
        )
    plan = ledger_rows().matching(asked(query)).newest_first()[:51].explain()
    assert f"using {index} on" in plan


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("over=0.5", "cost_entry_dear"),
        ("slow=120000", "cost_entry_slow"),
        ("output=8192", "cost_entry_long"),
        ("reasoning=9000", "cost_entry_reasoned"),
    ],
)
def test_the_largest_have_an_index_by_their_size(db: None, query: str, index: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    assert f"using {index} on" in ledger_rows().filter(wanted(asked(query))).order_by().explain()


def test_the_page_asks_a_fixed_number_of_questions(
    finance: Client, odd: dict[str, str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Session, person, two for permissions, team; then choices (2), what all add up to (1), the entries (1).

    A list that may have to be looked for is bounded: a savepoint (2) and a setting (1 or 2). Groups are
    looked up in the rollup (1); the order by cost brings the summary up to date (3 with its savepoint) and
    reads ids before entries (1).
    """
    for query, number in [
        ("", 8),
        ("slow=1", 7 + 3),
        ("provider=anthropic", 8 + 1 + 3),
        ("sort=cost", 7 + 3 + 1 + 3),
        (f"q={uuid.uuid4()}", 7 + 3),
    ]:
        with django_assert_num_queries(number):
            finance.get(f"/spend/entries/?{NOVEMBER}&{query}")


def test_no_page_counts_or_adds_up_the_ledger(
    finance: Client, many: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for query in ("", "team=ads", "outcome=cut", "over=0.1", "sort=cost", "tag=feature&tag_value=search"):
        with connection.execute_wrapper(refuse_aggregates):
            page(finance, f"/spend/entries/?{NOVEMBER}&{query}")


def refuse_aggregates(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """Only the entries of one page are ever counted, by their ids; or so many at most of those that an index
    has, and no others.
    """
    if "metering_costentry" in sql and "metering_summarise" not in sql:
        few = f"LIMIT {sums.MOST + 1}) subquery" in sql and '"metering_costentry"."outcome" = ' in sql
        assert few or not re.search(r"\b(SUM|COUNT)\(", sql), sql
    return execute(sql, params, many, context)


def test_exact_costs_are_summed_as_decimals(finance: Client, odd: dict[str, str]) -> None:
    found = pages.page(filters=asked("outcome=cut"), visibility=ALL).sums
    assert found == sums.Sums(
        entries=1, corrections=0, cost=Decimal("0.000005"), unknown=0, exposure=Decimal(0), unbounded=0
    )
