"""/spend/bridge/ through the front door: in words, as a chart, by model and as a file."""

import csv
import datetime as dt
import html
import io
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from metering.models import CostEntry
from metering.spend import money
from metering.spend.bridge import drivers
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import AT, Month
from tests.metering.spend.test_pages import first_row_of, row_of

PERIODS = "from=2026-11-01&to=2026-11-20&before_from=2026-10-01&before_to=2026-10-20"
OCTOBER = AT - dt.timedelta(days=31)
HAIKU, FLASH = "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash"
M = 1_000_000
QUERIES = 17


@pytest.fixture
def october(month: Month) -> Month:
    """ads: 1 M tokens of haiku in October; in November twice as many, and dearer."""
    dear = factories.make_price(month.haiku, input="2.00", output="5.00", variant="priority")
    booked = {"key": month.ads, "model": month.haiku}
    price = month.haiku.prices.get(variant="standard")
    factories.make_entry(**booked, price=price, usage=Usage(input=M), started_at=OCTOBER, route="bridge")
    factories.make_entry(**booked, price=dear, usage=Usage(input=2 * M), route="bridge")
    return month


def page(client: Client, query: str = PERIODS) -> str:
    response = client.get(f"/spend/bridge/?{query}")
    assert response.status_code == 200, response.content[:500]
    return str(response.content.decode())


def text_of(found: str) -> str:
    body = re.sub(r"<script.*?</script>", "", found, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def table(client: Client, query: str = PERIODS) -> list[dict[str, str]]:
    response = client.get(f"/spend/bridge/export.csv?{query}")
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.getvalue().decode())))


def figure(found: str) -> dict[str, Any]:
    written = re.search(
        r'<script id="figure-waterfall" type="application/json">(.*?)</script>', found, re.DOTALL
    )
    assert written
    parsed: dict[str, Any] = json.loads(written[1])
    return parsed


def test_the_change_is_said_in_one_sentence(finance: Client, october: Month) -> None:
    seen = text_of(page(finance, f"{PERIODS}&route=bridge"))

    assert "Spend rose by $3.00 (+300 %), from $1.00 to $4.00: price +$2.00, volume +$1.00." in seen
    assert "Answered requests: 1 before, 1 now. Tokens: 1.0 M before, 2.0 M now." in seen


def test_a_fall_and_no_change_are_said_too(finance: Client, october: Month) -> None:
    swapped = "before_from=2026-11-01&before_to=2026-11-20&from=2026-10-01&to=2026-10-20&route=bridge"
    same = "before_from=2026-11-01&before_to=2026-11-20&from=2026-11-01&to=2026-11-20&route=bridge"

    assert "Spend fell by $3.00 (-75 %), from $4.00 to $1.00: volume -$2.00, price -$1.00." in text_of(
        page(finance, swapped)
    )
    assert "Spend is unchanged at $4.00." in text_of(page(finance, same))


def test_from_nothing_there_is_no_percentage(finance: Client, october: Month) -> None:
    seen = text_of(page(finance, f"{PERIODS}&before_from=2020-01-01&before_to=2020-01-02&route=bridge"))

    assert "Spend rose by $4.00, from $0.00 to $4.00: new models +$4.00." in seen


def test_each_bar_begins_where_the_one_above_it_ends(finance: Client, october: Month) -> None:
    spend, more, _ = figure(page(finance, f"{PERIODS}&route=bridge"))["data"]

    assert (more["y"], more["base"], more["x"]) == (["Volume", "Price"], ["1", "2"], ["1", "2"])
    assert (spend["base"], spend["x"]) == (["0", "0"], ["1", "4"])
    assert spend["customdata"][1][1] == "/spend/entries/?from=2026-11-01&to=2026-11-20&route=bridge"


def test_page_file_and_ledger_agree_to_the_last_digit(finance: Client, october: Month) -> None:
    rows = table(finance)
    total = rows[-1]
    effects = [
        name
        for name in total
        if name.endswith("_usd") and name.split("_")[0] not in ("before", "now", "change")
    ]
    booked = {
        name: CostEntry.objects.filter(day__month=number).aggregate(cost=Sum("cost"))["cost"]
        for name, number in (("before_usd", 10), ("now_usd", 11))
    }

    assert {name: Decimal(total[name]) for name in booked} == booked
    models = [row for row in rows if row["row"] != "team"]
    for row in models:
        assert Decimal(row["before_usd"]) + sum(Decimal(row[name]) for name in effects) == Decimal(
            row["now_usd"]
        )
    for name in effects:
        assert sum(Decimal(row[name]) for row in models[:-1]) == Decimal(total[name])
    assert [(row["model"], row["remark"]) for row in models] == [(HAIKU, ""), (FLASH, "new"), ("", "")]
    assert (total["unpriced_before"], total["unpriced_now"]) == ("0", "1")


def test_teams_and_models_are_named_with_their_part_of_the_change(finance: Client, october: Month) -> None:
    """ads $1 before, $4.0015 now; search nothing before, $0.0003169 now."""
    seen = page(finance)

    assert row_of(seen, "ads") == ["ads", "+$3.00", "100 %", "$1.00", "$4.00"]
    assert row_of(seen, "search") == ["search", "+$0.0003169", "&lt;0.1 %", "$0.00", "$0.0003169"]
    assert first_row_of(seen, HAIKU) == [HAIKU, "+$3.00", "100 %", "$1.00", "$4.00"]
    assert first_row_of(seen, "Together") == ["Together", "+$3.00", "100 %", "$1.00", "$4.00"]
    assert f"Most of it by team ads (+$3.00, 100 %) and model {HAIKU} (+$3.00, 100 %)." in text_of(seen)
    assert 'href="?from=2026-11-01&amp;to=2026-11-20&amp;by=team&amp;team=ads&amp;before_from' in seen


def test_the_file_has_the_teams_too(finance: Client, october: Month) -> None:
    rows = table(finance)
    teams = {row["team"]: Decimal(row["change_usd"]) for row in rows if row["row"] == "team"}

    assert teams == {"ads": Decimal("3.0015"), "search": Decimal("0.0003169")}
    assert sum(teams.values()) == Decimal(rows[-1]["change_usd"])


def test_a_team_of_unknown_cost_alone_did_not_cost_nothing(finance: Client, october: Month) -> None:
    key = factories.make_key(team=factories.make_team("unlucky"))
    factories.make_entry(key=key, model=october.flash, usage=None, cost=None)

    assert row_of(page(finance), "unlucky") == ["unlucky", money.NOTHING, "0 %", "$0.00", "unknown"]


def test_the_others_add_up_to_the_rest() -> None:
    found = [driver(f"team-{number}", number) for number in range(8, 0, -1)]

    shown = drivers.greatest(found)

    assert [one.name for one in shown] == ["team-8", "team-7", "team-6", "team-5", "team-4", "3 others"]
    assert (shown[-1].before, shown[-1].now, shown[-1].change) == (3, 9, 6)
    assert drivers.greatest(found[:6]) == tuple(found[:6])


def driver(name: str, change: int) -> drivers.Driver:
    return drivers.Driver(name, Decimal(1), Decimal(1 + change), Decimal(change))


def test_the_form_of_the_filters_keeps_the_period_before_that_was_chosen(
    finance: Client, october: Month
) -> None:
    seen = page(finance)
    form = seen[
        seen.index('<form class="filters"') : seen.index("</form>", seen.index('<form class="filters"'))
    ]

    assert '<input type="hidden" name="before_from" value="2026-10-01">' in form
    assert '<input type="hidden" name="before_to" value="2026-10-20">' in form
    assert "before_from" not in page(finance, "").split("</form>")[1]


def test_each_amount_leads_to_its_entries(finance: Client, october: Month) -> None:
    found = html.unescape(page(finance))

    model = "model=anthropic%2Fclaude-haiku-4-5"
    assert f'href="/spend/entries/?from=2026-10-01&to=2026-10-20&{model}"' in found
    assert f'href="/spend/entries/?from=2026-11-01&to=2026-11-20&{model}"' in found
    assert f'href="/spend/?from=2026-11-01&to=2026-11-20&by=team&{model}"' in found
    assert f"{model}&before_from=2026-10-01&before_to=2026-10-20" in found


def test_what_is_unknown_is_said_and_not_nothing(finance: Client, october: Month) -> None:
    local = factories.make_model("llama", provider=factories.make_provider("local"))
    factories.make_entry(key=october.ads, model=local, usage=Usage(input=5), cost=None)

    found = page(finance)

    assert "Of unknown cost, and in none of these amounts: 0 before , 2 now ." in text_of(found)
    assert re.search(r"local/llama</a></th>.*?>unknown</a>", found, re.DOTALL)


def test_a_team_lead_sees_own_teams_only(team_lead: Client, october: Month) -> None:
    assert table(team_lead)[-1]["now_usd"] == "0.0003169"
    assert team_lead.get("/spend/bridge/?team=ads").status_code == 404
    assert team_lead.get("/spend/bridge/export.csv?team=ads").status_code == 404


def test_people_without_a_role_see_nothing(month: Month, client: Client) -> None:
    client.force_login(factories.make_user("nobody"))

    assert client.get("/spend/bridge/").status_code == 403
    assert client.get("/spend/bridge/export.csv").status_code == 403


def test_what_cannot_be_compared_is_said(finance: Client) -> None:
    response = finance.get("/spend/bridge/?before_from=2026-11-01")

    assert response.status_code == 400
    assert "give both" in response.content.decode()


def test_two_periods_without_calls_say_so(finance: Client) -> None:
    found = page(finance, "from=2020-01-01&to=2020-01-31")

    assert "No calls in this period" in text_of(found)
    assert "plotly.min.js" not in found


def test_periods_of_unknown_cost_alone_have_no_chart(finance: Client, month: Month) -> None:
    factories.make_entry(key=month.ads, model=month.flash, usage=None, cost=None, route="lost")

    found = page(finance, f"{PERIODS}&route=lost")

    assert "plotly.min.js" not in found
    assert ">unknown</a>" in found


def test_the_page_is_found_in_the_navigation(finance: Client) -> None:
    assert '<a href="/spend/bridge/" aria-current="page">Bridge</a>' in page(finance, "")


def test_queries_do_not_grow_with_the_data(
    finance: Client, october: Month, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    page(finance)
    with django_assert_num_queries(QUERIES):
        page(finance)
    for number in range(10):
        model = factories.make_model(f"model-{number}")
        price = factories.make_price(model)
        for at in (AT, OCTOBER):
            factories.make_entry(
                key=october.ads, model=model, price=price, usage=Usage(input=number), started_at=at
            )
    page(finance)
    with django_assert_num_queries(QUERIES):
        page(finance)
