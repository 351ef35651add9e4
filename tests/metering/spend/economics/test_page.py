"""/spend/economics/ through the front door: page and files say the same, to the last digit."""

import csv
import datetime as dt
import html
import io
import json
import re
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from metering.models import CostEntry
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import AT, REQUEST, Month

NOVEMBER = "from=2026-11-01&to=2026-11-30"
HAIKU, FLASH = "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash"
QUERIES = 17


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response.content[:500]
    return str(response.content.decode())


def text_of(found: str) -> str:
    body = re.sub(r"<script.*?</script>", "", found, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def table(client: Client, name: str, query: str = NOVEMBER) -> list[dict[str, str]]:
    response = client.get(f"/spend/economics/{name}.csv?{query}")
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.getvalue().decode())))


def figure(found: str, name: str) -> dict[str, list[dict[str, list[str]]]]:
    written = re.search(
        rf'<script id="figure-{name}" type="application/json">(.*?)</script>', found, re.DOTALL
    )
    assert written
    parsed: dict[str, list[dict[str, list[str]]]] = json.loads(written[1])
    return parsed


def test_a_pair_of_which_too_much_is_unknown_is_not_told(finance: Client) -> None:
    seen = text_of(page(finance, f"/spend/economics/?{NOVEMBER}&team=search"))  # one of three attempts

    assert "gemini/gemini-2.5-flash looks cheaper" not in seen
    assert (
        "No model here that looks cheaper by its price per token cost more for each answered request" in seen
    )


def test_the_8_6_picture_is_told_in_words(finance: Client, month: Month) -> None:
    price = month.flash.prices.get()
    key = factories.make_key(team=factories.make_team("pure"))
    factories.make_entry(
        key=key, model=month.flash, price=price, usage=Usage(input=13, output=4, reasoning=108)
    )
    haiku = month.haiku.prices.get()
    factories.make_entry(key=key, model=month.haiku, price=haiku, usage=Usage(input=13, output=4))

    seen = text_of(page(finance, f"/spend/economics/?{NOVEMBER}&team=pure"))

    assert (
        "gemini/gemini-2.5-flash looks cheaper than anthropic/claude-haiku-4-5: $0.85 against $2.00 per"
        " 1,000,000 tokens (the blend). Yet an answered request cost $0.0002839, 8.60 times the"
        " $0.000033 there: it spent 112 output tokens an answer against 4.0, 96 % of them"
        " reasoning; the prompts had 13.0 and 13.0 tokens. That made $0.0002509 more for 1 answer." in seen
    )


def test_an_answer_pays_for_what_failed_and_the_page_says_so(finance: Client, month: Month) -> None:
    price = month.haiku.prices.get()
    factories.make_entry(
        key=month.ads, model=month.haiku, price=price, usage=Usage(output=100), outcome="cut",
        started_at=AT - dt.timedelta(days=2),
    )  # fmt: skip

    found = page(finance, f"/spend/economics/?{NOVEMBER}&team=ads")

    assert "$0.002 for 1 answer; failed attempts are paid for in it" in text_of(found)
    [row, _] = table(finance, "models", f"{NOVEMBER}&team=ads")
    assert (row["attempts"], row["answers"], row["failed"]) == ("2", "1", "1")
    assert row["cost_per_answer_usd"] == "0.002"
    assert "/spend/entries/?from=2026-11-01&amp;to=2026-11-30&amp;team=ads&amp;model=anthropic%2F" in found
    assert "&amp;outcome=failed" in found


def test_what_is_unknown_is_said(finance: Client) -> None:
    found = page(finance, f"/spend/economics/?{NOVEMBER}")

    assert "excludes 1 of unknown cost" in text_of(found)
    assert "≥ $0.0006056" in text_of(found)  # 0.0018169 for 3 answers
    rows = {row["model"]: row for row in table(finance, "models")}
    assert (rows[FLASH]["unpriced_entries"], rows[HAIKU]["unpriced_entries"]) == ("1", "0")


def test_page_file_and_ledger_agree_to_the_last_digit(finance: Client) -> None:
    rows = table(finance, "models")
    booked = CostEntry.objects.aggregate(cost=Sum("cost"), reasoning=Sum("reasoning"))

    assert [row["row"] for row in rows] == ["model", "model", "total"]
    assert Decimal(rows[-1]["cost_usd"]) == booked["cost"] == Decimal("0.0018169")
    assert sum(Decimal(row["cost_usd"]) for row in rows[:-1]) == booked["cost"]
    assert int(rows[-1]["reasoning"]) == booked["reasoning"] == 108
    assert rows[0]["model"] == HAIKU  # 0.0007665 an answer; flash 0.0002839
    assert rows[0]["price_blend_usd"] == "2"


def test_the_chart_has_both_panels_in_the_same_order_and_leads_to_entries(finance: Client) -> None:
    traces = figure(page(finance, f"/spend/economics/?{NOVEMBER}"), "price-and-cost")["data"]

    assert [trace["y"] for trace in traces] == [["claude-haiku-4-5", "gemini-2.5-flash"]] * 2
    assert [trace["x"] for trace in traces] == [["2", "0.85"], ["0.0007665", "0.0002839"]]
    assert traces[0]["customdata"][0][1] == f"/spend/entries/?{NOVEMBER}&model=anthropic%2Fclaude-haiku-4-5"
    assert [trace["xaxis"] for trace in traces] == ["x", "x2"]


def test_a_loss_by_caching_is_called_one(finance: Client, month: Month) -> None:
    price = factories.make_price(
        factories.make_model("sonnet"), input="3", output="15", cache_write_5m="3.75"
    )
    factories.make_entry(key=month.ads, model=price.model, price=price, usage=Usage(cache_write_5m=4_000_000))

    seen = text_of(page(finance, f"/spend/economics/?{NOVEMBER}"))

    assert "Lost by caching -$3.00 $0.00 by reads, less $3.00 for writes" in seen
    assert table(finance, "models")[-1]["cache_saving_usd"] == "-3"


def test_a_saving_that_cannot_be_told_is_unknown(finance: Client, month: Month) -> None:
    factories.make_entry(
        key=month.ads, model=month.haiku, usage=Usage(cache_read=500), cost=Decimal("0.2"),
        reported_cost=Decimal("0.2"), cost_reason="reported", route="reported",
    )  # fmt: skip

    found = text_of(page(finance, f"/spend/economics/?{NOVEMBER}&route=reported"))

    assert "Saved by caching unknown" in found
    assert "unknown for 500 more cached tokens" in found
    [row, _] = table(finance, "models", f"{NOVEMBER}&route=reported")
    assert (row["cache_saving_usd"], row["cached_tokens_of_unknown_saving"]) == ("", "500")


def test_lengths_are_in_a_chart_a_table_and_a_file(finance: Client) -> None:
    found = page(finance, f"/spend/economics/?{NOVEMBER}")

    traces = figure(found, "lengths")["data"]
    assert {trace["name"]: dict(zip(trace["x"], trace["y"], strict=True)) for trace in traces} == {  # type: ignore[misc]
        HAIKU: {"0\N{EN DASH}15": "1", "64\N{EN DASH}127": "1"},
        FLASH: {"64\N{EN DASH}127": "1"},
    }
    rows = table(finance, "lengths")
    assert [(row["row"], row["answers"], row["longest"]) for row in rows if row["row"] != "bin"] == [
        ("model", "2", "100"), ("model", "1", "112"), ("total", "3", "112"),
    ]  # fmt: skip
    assert sum(int(row["answers"]) for row in rows if row["row"] == "bin") == 3


def test_lengths_are_not_guessed_for_a_key(finance: Client, month: Month) -> None:
    found = page(finance, f"/spend/economics/?{NOVEMBER}&key={month.ads.prefix}")

    assert "kept by team and model, not by key or route" in text_of(found)
    assert "figure-lengths" not in found


def test_the_dearest_requests_lead_to_their_pages(finance: Client) -> None:
    found = page(finance, f"/spend/economics/?{NOVEMBER}")

    assert f'<a href="/spend/entries/{REQUEST}/" title="{REQUEST}">8324f8b3</a>' in found
    assert [row["cost_usd"] for row in table(finance, "dearest")] == ["0.0015", "0.0002839", "0.000033"]


def test_a_team_lead_sees_own_teams_only(team_lead: Client) -> None:
    found = page(team_lead, f"/spend/economics/?{NOVEMBER}")

    assert '<td class="n">search</td>' in found
    assert '<td class="n">ads</td>' not in found
    assert "<option>ads</option>" not in found
    assert table(team_lead, "models")[-1]["cost_usd"] == "0.0003169"
    assert [row["team"] for row in table(team_lead, "dearest")] == ["search", "search"]
    for name in ("", "models.csv", "lengths.csv", "dearest.csv"):
        assert team_lead.get(f"/spend/economics/{name}?team=ads").status_code == 404


def test_people_without_a_role_see_nothing(month: Month, client: Client) -> None:
    client.force_login(factories.make_user("nobody"))

    assert client.get("/spend/economics/").status_code == 403
    assert client.get("/spend/economics/models.csv").status_code == 403


@pytest.mark.parametrize(
    "query", ["from=nonsense", "tag=feature&tag_value=search", "from=2026-11-02&to=2026-11-01"]
)
def test_what_cannot_be_asked_for_is_said(finance: Client, query: str) -> None:
    response = finance.get(f"/spend/economics/?{query}")

    assert response.status_code == 400
    assert "This filter cannot be" in response.content.decode()


def test_there_is_no_other_table(finance: Client) -> None:
    assert finance.get("/spend/economics/secrets.csv").status_code == 404


def test_a_period_without_calls_says_so(finance: Client) -> None:
    found = page(finance, "/spend/economics/?from=2020-01-01&to=2020-01-31")

    assert "No calls in this period" in text_of(found)
    assert "plotly.min.js" not in found
    assert [row["row"] for row in table(finance, "models", "from=2020-01-01&to=2020-01-31")] == ["total"]


def test_the_page_is_found_in_the_navigation(finance: Client) -> None:
    assert '<a href="/spend/economics/" aria-current="page">Token economics</a>' in page(
        finance, "/spend/economics/"
    )


def test_queries_do_not_grow_with_the_data(
    finance: Client, month: Month, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    page(finance, f"/spend/economics/?{NOVEMBER}")
    with django_assert_num_queries(QUERIES):
        page(finance, f"/spend/economics/?{NOVEMBER}")
    for number in range(15):
        model = factories.make_model(f"model-{number}")
        price = factories.make_price(model)
        for day in range(3):
            factories.make_entry(
                key=month.ads, model=model, price=price, usage=Usage(input=5, cache_read=5, output=number),
                started_at=AT - dt.timedelta(days=day),
            )  # fmt: skip
    page(finance, f"/spend/economics/?{NOVEMBER}")
    with django_assert_num_queries(QUERIES):
        page(finance, f"/spend/economics/?{NOVEMBER}")
