"""/spend/ through the front door: exact values, and the same ones everywhere."""

import csv
import datetime as dt
import io
import json
import re
import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from metering.models import CostEntry, DailySpend
from metering.spend import money
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import AT, REQUEST, Month

NOVEMBER = "from=2026-11-01&to=2026-11-30"
TOTAL = Decimal("0.0018169")  # 0.000033 + 0.0002839 + 0.0015


def text_of(html: str) -> str:
    """What a reader sees: no tags, single spaces."""
    body = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).replace("&#x27;", "'")


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response.content[:500]
    return str(response.content.decode())


def row_of(html: str, name: str) -> list[str]:
    """The cells' text of the last row whose first cell says ``name``."""
    return rows_of(html, name)[-1]


def first_row_of(html: str, name: str) -> list[str]:
    return rows_of(html, name)[0]


def rows_of(html: str, name: str) -> list[list[str]]:
    rows = [re.findall(r"<t[hd][ >].*?</t[hd]>", row, flags=re.DOTALL) for row in html.split("<tr")]
    cells = [[text_of(cell).strip() for cell in row] for row in rows]
    return [row for row in cells if row and row[0] == name]


def table(client: Client, url: str) -> list[dict[str, str]]:
    response = client.get(url)
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.getvalue().decode())))


def figure(html: str) -> dict[str, object]:
    place = r'<script id="figure-overview" type="application/json">(.*?)</script>'
    found = re.search(place, html, flags=re.DOTALL)
    assert found
    parsed: dict[str, object] = json.loads(found[1])
    return parsed


def test_the_headline_numbers_are_exact_and_say_what_they_leave_out(finance: Client) -> None:
    html = page(finance, f"/spend/?{NOVEMBER}")
    seen = text_of(html)
    assert 'title="$0.0018169">$0.001817<' in html
    assert "excludes 1 of unknown cost : 1 at most $0.25" in seen
    assert "without any bound" not in seen
    assert "Calls 4 4 attempts; 1 failed" in seen
    assert "Visible output 108 tokens of the answers" in seen
    assert "Reasoning 108 50 % of output tokens" in seen
    assert "Average latency 600 ms 3 attempts timed, failed ones too" in seen
    assert "days in UTC" in seen


def test_each_group_has_its_row_and_links_to_its_entries(finance: Client) -> None:
    html = page(finance, f"/spend/?{NOVEMBER}&by=model")
    assert "gemini/gemini-2.5-flash" in html
    assert "/spend/entries/?from=2026-11-01&amp;to=2026-11-30&amp;model=gemini%2Fgemini-2.5-flash" in html
    assert "model=gemini%2Fgemini-2.5-flash&amp;cost=unknown" in html


def test_what_looks_cheaper_and_is_dearer_is_told_as_token_economics_tells_it(
    finance: Client, month: Month
) -> None:
    key = factories.make_key(team=factories.make_team("pure"))
    for model, usage in (
        (month.flash, Usage(input=13, output=4, reasoning=108)),
        (month.haiku, Usage(input=13, output=4)),
    ):
        factories.make_entry(key=key, model=model, price=model.prices.get(), usage=usage)
    html = page(finance, f"/spend/?{NOVEMBER}&team=pure")
    assert (
        "Looks cheaper, is dearer gemini/gemini-2.5-flash cost $0.0002839 an answered request, 8.60 times "
        "the $0.000033 of anthropic/claude-haiku-4-5, although its tokens are listed at $0.85 against "
        "$2.00 per 1,000,000. 96 % of its output was reasoning. That made $0.0002509 more for 1 answer."
        in text_of(html)
    )
    assert (
        'href="/spend/economics/?from=2026-11-01&amp;to=2026-11-30&amp;by=team&amp;team=pure#dearer"' in html
    )


def test_unknown_costs_without_a_bound_are_told_apart(finance: Client, month: Month) -> None:
    for _ in range(2):
        factories.make_entry(key=month.search, model=month.flash, usage=Usage(input=5), cost=None)
    seen = text_of(page(finance, f"/spend/?{NOVEMBER}"))
    assert "excludes 3 of unknown cost : 1 at most $0.25 , 2 without any bound" in seen
    total = table(finance, f"/spend/export.csv?{NOVEMBER}")[-1]
    assert (total["unpriced_entries"], total["unbounded_entries"], total["exposure_usd"]) == (
        "3",
        "2",
        "0.25",
    )


def test_an_average_of_unknown_cost_is_unknown_and_of_partly_unknown_a_lower_bound(
    finance: Client, month: Month
) -> None:
    """A failed attempt that is not billed costs $0, which says nothing of the others."""
    local = factories.make_model("llama", provider=factories.make_provider("local"))
    factories.make_entry(key=month.search, model=local, usage=Usage(input=5), cost=None)
    factories.make_entry(
        key=month.search,
        model=local,
        usage=Usage(),
        cost=Decimal(0),
        cost_reason="not_billed",
        outcome="error",
    )
    cells = row_of(page(finance, f"/spend/?{NOVEMBER}&by=model"), "local/llama")
    assert cells[:5] == ["local/llama", "unknown", "1", money.NOTHING, money.NOTHING]
    cells = row_of(page(finance, f"/spend/?{NOVEMBER}&by=model"), "gemini/gemini-2.5-flash")
    assert cells[:5] == ["gemini/gemini-2.5-flash", "$0.0002839", "1", "16 %", "≥ $0.0001420"]
    rows = {row["group"]: row for row in table(finance, f"/spend/export.csv?{NOVEMBER}&by=model")}
    assert rows["local/llama"]["cost_per_attempt_usd"] == ""


def test_a_day_of_unknown_cost_alone_is_not_a_day_of_nothing(finance: Client, month: Month) -> None:
    factories.make_entry(
        key=month.ads, model=month.flash, usage=None, cost=None, started_at=AT - dt.timedelta(days=5)
    )
    html = page(finance, f"/spend/?{NOVEMBER}&team=ads")
    days = html[html.index("The same numbers") : html.index("</details>", html.index("The same numbers"))]
    assert row_of(days, "2026-11-15") == ["2026-11-15", "unknown", "unknown"]
    assert row_of(days, "2026-11-18") == ["2026-11-18", "$0.0015", "$0.0015"]
    traces = figure(html)["data"]
    assert [said for said, _ in traces[0]["customdata"]] == ["1 of unknown cost", "$0.0015"]  # type: ignore[index]


def test_an_amount_is_written_the_same_in_cards_and_columns(finance: Client) -> None:
    html = page(finance, f"/spend/?{NOVEMBER}")
    assert ">$0.001817</span></p>" in html
    html = html[: html.index("</tfoot>", html.index("<h2>By team"))]
    costs = [row_of(html, name)[1] for name in ("ads", "search", "Total")]
    assert costs == ["$0.0015", "$0.0003169", "$0.001817"]


@pytest.mark.parametrize(
    ("sort", "first"),
    [("", "ads"), ("name", "ads"), ("unknown", "search"), ("calls", "search"), ("reasoning", "search"),
     ("average", "ads"), ("latency", "ads"), ("input", "ads"), ("attempts", "search"), ("output", "ads")],
)  # fmt: skip
def test_the_table_is_sorted_by_the_chosen_column(finance: Client, sort: str, first: str) -> None:
    html = page(finance, f"/spend/?{NOVEMBER}&sort={sort}")
    assert re.findall(r'<th scope="row"><a [^>]*>(ads|search)</a>', html)[0] == first
    assert html.count("aria-sort") == (0 if sort in ("input", "output", "reasoning") else 1)


def test_the_filters_offer_what_had_calls(finance: Client, month: Month) -> None:
    html = page(finance, f"/spend/?{NOVEMBER}")
    for value in ("warm", "CC-1", "CC-2", "anthropic/claude-haiku-4-5"):
        assert f"<option>{value}</option>" in html
    assert f'<option value="{month.ads.prefix}">ads/prod ({month.ads.prefix}…)</option>' in html
    assert "<option>warm</option>" not in page(finance, "/spend/?from=2026-11-18&to=2026-11-18")
    assert "<option selected>warm</option>" in page(
        finance, "/spend/?from=2026-11-18&to=2026-11-18&route=warm"
    )


@pytest.mark.parametrize("by", ["team", "model", "provider", "key", "route", "cost_center"])
def test_page_file_chart_and_rollup_agree_to_the_last_digit(finance: Client, by: str) -> None:
    url = f"{NOVEMBER}&by={by}"
    rows = table(finance, f"/spend/export.csv?{url}")
    groups, total = rows[:-1], rows[-1]
    summed = DailySpend.objects.aggregate(
        cost=Sum("cost"), reasoning=Sum("reasoning"), unpriced=Sum("unpriced")
    )
    booked = CostEntry.objects.aggregate(cost=Sum("cost"))
    html = page(finance, f"/spend/?{url}")
    traces = figure(html)["data"]
    assert isinstance(traces, list)

    assert Decimal(total["cost_usd"]) == summed["cost"] == booked["cost"] == TOTAL
    assert sum(Decimal(row["cost_usd"] or 0) for row in groups) == TOTAL
    assert sum(Decimal(y) for trace in traces for y in trace["y"]) == TOTAL
    assert sum(int(row["reasoning"]) for row in groups) == summed["reasoning"] == 108
    assert int(total["unpriced_entries"]) == summed["unpriced"] == 1
    assert total["row"] == "total"
    assert {row["time_zone"] for row in rows} == {"UTC"}
    for row in groups:
        if row["cost_usd"]:
            assert f'title="${row["cost_usd"]}"' in html


def test_every_filter_narrows_page_file_and_entries_alike(finance: Client, month: Month) -> None:
    for narrowed, cost in [
        ("team=ads", "0.0015"),
        ("provider=gemini", "0.0002839"),
        ("model=anthropic/claude-haiku-4-5", "0.001533"),
        (f"key={month.search.prefix}", "0.0003169"),
        ("route=warm", "0.0002839"),
        ("cost_center=CC-2", "0.0015"),
        ("from=2026-11-20&to=2026-11-20", "0.0003169"),
    ]:
        url = f"{NOVEMBER}&{narrowed}" if "from" not in narrowed else narrowed
        assert table(finance, f"/spend/export.csv?{url}")[-1]["cost_usd"] == cost, narrowed
        entries = table(finance, f"/spend/entries/export.csv?{url}")
        assert sum(Decimal(row["cost_usd"] or 0) for row in entries) == Decimal(cost), narrowed
        assert f'title="${cost}"' in page(finance, f"/spend/entries/?{url}"), narrowed


def test_several_keys_on_one_day_all_count_in_the_chart(finance: Client, month: Month) -> None:
    second = factories.make_key("second", team=month.search.team)
    price = month.haiku.prices.get()
    factories.make_entry(key=second, model=month.haiku, price=price, usage=Usage(output=1_000_000))
    traces = figure(page(finance, f"/spend/?{NOVEMBER}&by=team&team=search"))["data"]
    assert [(trace["x"], trace["y"]) for trace in traces] == [(["2026-11-20"], ["5.0003169"])]  # type: ignore[attr-defined]


def test_many_groups_are_drawn_as_eight_and_the_rest(finance: Client, month: Month) -> None:
    price = month.haiku.prices.get()
    for number in range(12):
        key = factories.make_key(team=factories.make_team(f"team-{number}"))
        factories.make_entry(key=key, model=month.haiku, price=price, usage=Usage(output=1000 + number))
    html = page(finance, f"/spend/?{NOVEMBER}&by=team")
    traces = figure(html)["data"]
    assert isinstance(traces, list)
    assert [trace["name"] for trace in traces] == [*(f"team-{n}" for n in range(11, 3, -1)), "Other"]
    rows = table(finance, f"/spend/export.csv?{NOVEMBER}&by=team")
    assert sum(Decimal(y) for trace in traces for y in trace["y"]) == Decimal(rows[-1]["cost_usd"])
    assert len(rows) == 14 + 1


def test_unknown_is_never_nothing(finance: Client, month: Month) -> None:
    lost = factories.make_key(team=factories.make_team("unlucky"))
    factories.make_entry(key=lost, model=month.flash, usage=Usage(input=5, output=5), cost=None)
    row = next(r for r in table(finance, f"/spend/export.csv?{NOVEMBER}") if r["group"] == "unlucky")
    assert (row["cost_usd"], row["unpriced_entries"], row["cost_per_call_usd"]) == ("", "1", "")
    html = page(finance, f"/spend/?{NOVEMBER}&team=unlucky")
    assert '<p class="big"><span class="unknown">unknown</span></p>' in html
    assert "no price in force" in page(finance, f"/spend/entries/?{NOVEMBER}&team=unlucky")


def test_a_correction_prices_what_was_unknown(finance: Client, month: Month) -> None:
    lost = CostEntry.objects.get(cost_reason="lost")
    factories.make_entry(
        key=month.search,
        model=month.flash,
        request_id=lost.request_id,
        kind="correction",
        corrects_id=lost.pk,
        cost=Decimal("0.01"),
        exposure=Decimal("-0.25"),
        note="from the invoice",
        latency_ms=None,
    )
    assert "nothing of unknown cost" in page(finance, f"/spend/?{NOVEMBER}")
    assert table(finance, f"/spend/export.csv?{NOVEMBER}")[-1]["cost_usd"] == "0.0118169"
    assert table(finance, f"/spend/entries/export.csv?{NOVEMBER}&cost=unknown") == []
    detail = text_of(page(finance, f"/spend/entries/{lost.request_id}/"))
    assert "Correction of attempt 1" in detail
    assert "It gives attempt 1 its cost, which was unknown: $0.01 ." in detail
    assert "of unknown cost" not in detail
    assert "from the invoice" in detail


def test_a_correction_says_what_it_changes_and_when_it_was_booked(finance: Client, month: Month) -> None:
    """The error of the attempt is said once."""
    error = {"outcome": "cut", "error_class": "overloaded", "error_message": "try later"}
    wrong = factories.make_entry(
        key=month.search, model=month.haiku, price=month.haiku.prices.get(), usage=Usage(output=100), **error
    )
    for cost, note in (("-0.0002", "ada: discount"), ("0.0001", "bob: half of it")):
        factories.make_entry(
            key=month.search,
            model=month.haiku,
            usage=Usage(),
            request_id=wrong.request_id,
            kind="correction",
            corrects_id=wrong.pk,
            cost=Decimal(cost),
            note=note,
            latency_ms=None,
            **error,
        )
    detail = text_of(page(finance, f"/spend/entries/{wrong.request_id}/"))
    assert "It changes what attempt 1 cost by -$0.0002 : from $0.0005 to $0.0003." in detail
    assert "It changes what attempt 1 cost by +$0.0001 : from $0.0003 to $0.0004." in detail
    assert f"Booked {wrong.booked_at.astimezone(dt.UTC):%Y-%m-%d}" in detail
    assert detail.count("overloaded: try later") == 1


def test_failed_are_the_same_on_the_page_and_in_the_list(finance: Client, month: Month) -> None:
    """A caller who left is not a failure."""
    factories.make_entry(key=month.ads, model=month.flash, usage=None, cost=None, outcome="client_closed")
    total = table(finance, f"/spend/export.csv?{NOVEMBER}")[-1]
    listed = table(finance, f"/spend/entries/export.csv?{NOVEMBER}&outcome=failed")
    assert (total["failed"], [row["outcome"] for row in listed]) == ("1", ["lost"])


def test_a_narrowed_list_says_what_it_adds_up_to_with_its_corrections(finance: Client, month: Month) -> None:
    price = month.haiku.prices.get()
    failed = {"key": month.search, "model": month.haiku, "price": price, "outcome": "cut"}
    cut = factories.make_entry(**failed, cost=Decimal("0.0005"), usage=Usage(output=1))
    factories.make_entry(
        **failed,
        request_id=cut.request_id,
        kind="correction",
        corrects_id=cut.pk,
        note="a credit",
        cost=Decimal("-0.0002"),
        usage=Usage(),
    )
    listed = page(finance, f"/spend/entries/?{NOVEMBER}&outcome=cut")
    assert "together: 2 entries, 1 of them a correction; known cost $0.0003 ." in text_of(listed)
    failures = page(finance, f"/spend/entries/?{NOVEMBER}&outcome=failed")
    assert "3 entries, 1 of them a correction; known cost $0.0003 ; 1 of unknown cost : 1 at most $0.25" in (
        text_of(failures)
    )


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def test_each_entry_is_in_exactly_one_day_of_the_business_time_zone(
    finance: Client, month: Month, settings: Settings, zone: str
) -> None:
    settings.TIME_ZONE = zone
    key = factories.make_key(team=factories.make_team("night"))
    price = month.haiku.prices.get()
    days = set()
    for at in (
        dt.datetime(2026, 11, 9, 23, 30, tzinfo=dt.UTC),
        dt.datetime(2026, 11, 10, 0, 30, tzinfo=dt.UTC),
    ):
        factories.make_entry(key=key, model=month.haiku, price=price, usage=Usage(output=100), started_at=at)
        days.add(at.astimezone(ZoneInfo(zone)).date())
    per_day = [
        Decimal(table(finance, f"/spend/export.csv?from={day}&to={day}&team=night")[-1]["cost_usd"])
        for day in (dt.date(2026, 11, 8) + dt.timedelta(days=n) for n in range(5))
    ]
    assert sum(per_day) == Decimal("0.001")
    assert sorted(per_day)[-len(days) :] == (
        [Decimal("0.0005")] * 2 if len(days) == 2 else [Decimal("0.001")]
    )
    html = page(finance, "/spend/?from=2026-11-08&to=2026-11-12&team=night")
    assert f"days in {zone}" in html
    assert 'title="$0.001"' in html


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_today_has_the_call_made_a_second_ago(
    finance: Client, month: Month, settings: Settings, zone: str
) -> None:
    settings.TIME_ZONE = zone
    price = month.haiku.prices.get()
    key = factories.make_key(team=factories.make_team("now"))
    factories.make_entry(
        key=key, model=month.haiku, price=price, usage=Usage(output=7), started_at=timezone.now()
    )
    for period in ("today", "7d", "month"):
        assert table(finance, f"/spend/export.csv?period={period}&team=now")[-1]["cost_usd"] == "0.000035"


def test_an_id_is_found_on_any_day(finance: Client) -> None:
    html = page(finance, f"/spend/entries/?from=2020-01-01&to=2020-01-02&q={REQUEST}")
    assert "All days" in html
    assert "$0.0002839" in html


def test_no_calls_yet_shows_how_to_make_the_first(finance: Client) -> None:
    html = page(finance, "/spend/?from=2020-01-01&to=2020-01-31")
    assert "No calls in this period" in html
    assert "curl http://testserver/v1/chat/completions" in html
    assert "plotly.min.js" not in html


def test_behind_a_proxy_the_first_call_goes_to_the_public_address(finance: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://llm.example.org"
    html = page(finance, "/spend/?from=2020-01-01&to=2020-01-31")
    assert "curl https://llm.example.org/v1/chat/completions" in html


def test_a_filter_that_cannot_be_is_answered_in_words(finance: Client) -> None:
    for url in ("/spend/", "/spend/export.csv", "/spend/entries/", "/spend/entries/export.csv"):
        response = finance.get(f"{url}?from=tomorrow")
        assert response.status_code == 400
        assert "from must be a day such as 2026-11-30" in response.content.decode()


def test_an_entry_shows_its_arithmetic(finance: Client) -> None:
    seen = text_of(page(finance, f"/spend/entries/?{NOVEMBER}&q={REQUEST}"))
    assert "$0.0002839" in seen
    assert (
        "13 input (uncached) x $0.30 + 4 output (visible) x $2.50 + 108 output (reasoning) x $2.50"
        in seen.replace("\N{MULTIPLICATION SIGN}", "x")
    )


def test_a_request_shows_all_attempts_with_price_and_lines(finance: Client, month: Month) -> None:
    factories.make_entry(
        key=month.search,
        model=month.haiku,
        price=month.haiku.prices.get(),
        usage=Usage(input=10, cache_read=1000, output=1),
        request_id=uuid.UUID(REQUEST),
        attempt=2,
        upstream_id="msg_1",
    )
    html = page(finance, f"/spend/entries/{REQUEST}/")
    seen = text_of(html)
    assert "Request 01a1fd22-2ec4-7025-9baa-82c38324f8b3 $0.0003989" in seen
    assert "Attempt 1: gemini/gemini-2.5-flash" in seen
    assert "output (reasoning) 108 $2.50 as output (visible) $0.00027" in seen
    assert "Attempt 2: anthropic/claude-haiku-4-5" in seen
    assert "cache read 1,000 $0.10 $0.0001" in seen
    assert "Booked 1,011 $0.000115" in seen
    assert "in force since 2026-01-01 00:00" in seen
    assert "not what was booked" not in seen


def test_lines_that_do_not_add_up_are_called_out(finance: Client, month: Month) -> None:
    entry = factories.make_entry(
        key=month.ads,
        model=month.haiku,
        price=month.haiku.prices.get(),
        usage=Usage(input=1_000_000),
        cost=Decimal("7"),
    )
    seen = text_of(page(finance, f"/spend/entries/{entry.request_id}/"))
    assert "The lines add up to $1, which is not what was booked." in seen


def test_entries_are_paged_without_counting(finance: Client, month: Month) -> None:
    price = month.haiku.prices.get()
    for _ in range(51):
        factories.make_entry(key=month.ads, model=month.haiku, price=price, usage=Usage(output=1))
    first = page(finance, f"/spend/entries/?{NOVEMBER}&team=ads")
    older = re.search(r'rel="next" href="\?([^"]+)"', first)
    assert first.count("<tr") == 51
    assert older
    assert page(finance, f"/spend/entries/?{older[1].replace('&amp;', '&')}").count("<tr") == 3


def test_files_are_safe_in_a_spreadsheet_and_streamed(finance: Client, month: Month) -> None:
    evil = factories.make_key(team=factories.make_team("evil", cost_center='=HYPERLINK("http://x.example")'))
    factories.make_entry(
        key=evil,
        model=month.haiku,
        price=month.haiku.prices.get(),
        usage=Usage(output=1),
        route="@SUM(1)",
        upstream_id="-2+3",
    )
    response = finance.get(f"/spend/export.csv?{NOVEMBER}&by=cost_center&bom=1")
    assert response.streaming
    assert response.getvalue().startswith("\ufeffrow,group,from,to,time_zone,calls".encode())
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert (
        response["Content-Disposition"]
        == 'attachment; filename="spend-by-cost_center-2026-11-01-2026-11-30.csv"'
    )
    groups = [row["group"] for row in table(finance, f"/spend/export.csv?{NOVEMBER}&by=cost_center")]
    assert '\'=HYPERLINK("http://x.example")' in groups
    (row,) = table(finance, f"/spend/entries/export.csv?{NOVEMBER}&team=evil")
    assert (row["route"], row["upstream_id"], row["cost_usd"]) == ("'@SUM(1)", "'-2+3", "0.000005")


def test_the_pages_ask_the_database_a_fixed_number_of_questions(
    finance: Client, month: Month, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Session, person, two for permissions; then: the transaction that brings the summaries up to date (3),
    rows, bars, choices (2), usage by price, its prices, those in force and the models' totals, the days
    before, budgets and their windows, the days up to now, what is unknown and what is unsettled, open
    variances, saved views."""
    price = month.haiku.prices.get()
    for number in range(15):
        key = factories.make_key(team=factories.make_team(f"team-{number}"))
        factories.make_entry(key=key, model=month.haiku, price=price, usage=Usage(output=1))
    with django_assert_num_queries(25):
        finance.get(f"/spend/?{NOVEMBER}")
    with django_assert_num_queries(6):
        finance.get(f"/spend/export.csv?{NOVEMBER}").getvalue()
    with django_assert_num_queries(8):
        finance.get(f"/spend/entries/?{NOVEMBER}")
    with django_assert_num_queries(6):
        finance.get(f"/spend/entries/{REQUEST}/")


def test_pages_read_no_ledger_for_totals(
    finance: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(25) as captured:
        finance.get(f"/spend/?{NOVEMBER}")
    assert not any("metering_costentry" in query["sql"] for query in captured.captured_queries)


def test_the_page_allows_no_inline_script_and_nothing_from_elsewhere(finance: Client) -> None:
    response = finance.get(f"/spend/?{NOVEMBER}")
    policy = response["Content-Security-Policy"]
    html = response.content.decode()
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert set(re.findall(r'(?:src|href)="(https?://[^"]*)"', html)) == set()
    assert re.findall(r"<script(?![^>]*(?:src=|application/json))", html) == []
    assert not re.search(r"\son\w+=", html)
