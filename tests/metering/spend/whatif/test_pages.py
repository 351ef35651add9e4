"""/spend/what-if/: the same traffic at other models' prices, exact, and never 0 where it is unknown."""

import datetime as dt
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from metering.models import CostEntry
from metering.spend import money
from metering.spend.whatif.page import Page
from metering.summaries import summing
from metering.usage import Usage
from metering.whatif.factors import Factors
from tests import factories
from tests.metering.spend.conftest import AT, Month
from tests.metering.spend.test_pages import page, row_of, table, text_of

NOVEMBER = "/spend/what-if/?from=2026-11-01&to=2026-11-30"
SEARCH = f"{NOVEMBER}&team=search"
HAIKU, FLASH = "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash"
ON_FLASH = f"{NOVEMBER}&team=search&model={HAIKU}&t1={FLASH}"


def found(client: Client, url: str) -> Page:
    context = client.get(url).context
    result = context["page"]
    assert isinstance(result, Page)
    return result


def costs(client: Client, url: str) -> list[Decimal | None]:
    return [way.cost for way in found(client, url).ways]


def test_the_model_with_the_lower_prices_is_dearer_if_it_thinks(finance: Client) -> None:
    """13 x 0.30 + 4 x 2.50 + 108 x 2.50 against 13 x 1.00 + 4 x 5.00, in millionths."""
    html = page(finance, f"{ON_FLASH}&add1=108")

    assert row_of(html, "As booked")[:4] == ["As booked", "$0.000033", money.NOTHING, money.NOTHING]
    assert row_of(html, FLASH)[:4] == [FLASH, "$0.0002839", "+$0.0002509", "+760 %"]
    assert row_of(html, "output (reasoning)") == [
        *("output (reasoning)", "0", "108", "$2.50", "$0.00", "$0.00027", "+$0.00027", money.NOTHING)
    ]
    assert (
        f"On {FLASH}, at today's prices, it would have cost $0.0002839: $0.0002509 (760 %) more"
        in text_of(html)
    )
    assert "if it spends 108 more reasoning tokens an answer." in text_of(html)


def test_it_says_that_it_is_money_and_not_quality(finance: Client) -> None:
    assert "Money, not quality. Another model gives other answers" in text_of(page(finance, NOVEMBER))


def test_the_same_model_at_the_same_prices_costs_what_was_booked(finance: Client) -> None:
    booked, there = costs(finance, f"{SEARCH}&model={HAIKU}&t1={HAIKU}")

    assert booked == there == Decimal("0.000033")


def test_what_the_model_answered_itself_keeps_its_tokens(finance: Client) -> None:
    """Of search's answers flash's own stay as they were; haiku's 4 output tokens double."""
    _, there = costs(finance, f"{SEARCH}&t1={FLASH}&out1=2")

    assert there == Decimal("0.0002839") + (13 * Decimal("0.3") + 8 * Decimal("2.5")) / 1_000_000


def test_a_split_adds_up_exactly(finance: Client) -> None:
    booked, there, split = costs(finance, f"{ON_FLASH}&share1=30")

    assert (booked, there) == (Decimal("0.000033"), Decimal("0.0000139"))
    assert split == Decimal("0.3") * Decimal("0.0000139") + Decimal("0.7") * Decimal("0.000033")
    assert f"30 % {FLASH}, 70 % stay" in text_of(page(finance, f"{ON_FLASH}&share1=30"))


def test_all_of_the_split_to_one_is_that_one(finance: Client) -> None:
    everything = found(finance, f"{ON_FLASH}&share1=100&t2={HAIKU}&share2=0")

    _, there, _, split = everything.ways
    assert split.scenario == there.scenario


def test_parts_are_the_total(finance: Client) -> None:
    for way in found(finance, f"{NOVEMBER}&t1={FLASH}&share1=70&t2={HAIKU}&share2=20&out2=1.2345").ways:
        known = [part.cost for part in way.scenario.parts.values() if part.cost is not None]
        assert sum(known, way.scenario.unsplit) == way.cost


def test_what_has_no_rate_there_makes_it_unknown_and_never_nothing(finance: Client, month: Month) -> None:
    price = factories.make_price(factories.make_model("gpt-5"), per_request="0.01")
    usage = Usage(input=1000, requests=3)
    factories.make_entry(key=month.ads, model=factories.make_model("gpt-5"), price=price, usage=usage)
    url = f"{NOVEMBER}&model=openai/gpt-5&t1={FLASH}"

    html = page(finance, url)

    assert row_of(html, FLASH)[:4] == [FLASH, "unknown, ≥ $0.0003", "unknown", "unknown"]
    assert "$0.0003 at least: no rate for requests (fees)" in text_of(html)
    assert f"Not drawn, because unknown: {FLASH} has no rate for requests (fees)." in text_of(html)
    assert row_of(html, "requests (fees)")[3:7] == ["unknown", "$0.03", "unknown", "unknown"]


def test_a_model_whose_price_has_ended_costs_an_unknown_amount_today(finance: Client) -> None:
    gone = factories.make_model("gone")
    factories.make_price(gone, effective_to=AT)

    assert costs(finance, f"{SEARCH}&model={HAIKU}&t1=openai/gone")[1] is None
    assert costs(finance, f"{SEARCH}&model={HAIKU}&t1=openai/gone&to=2026-11-19")[1] == 0  # no traffic


def test_at_todays_prices_or_those_of_each_day(finance: Client, month: Month) -> None:
    """Input 2.00 up to the 19th, 1.00 from the 20th on; ads used 1000 on the 18th, search 13 on the 20th."""
    other = factories.make_model("gpt-4.1")
    change = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    factories.make_price(other, input="2.00", output="0", effective_to=change)
    factories.make_price(other, input="1.00", output="0", effective_from=change)
    url = f"{NOVEMBER}&model={HAIKU}&t1=openai/gpt-4.1"

    assert costs(finance, url)[1] == Decimal("0.001013")
    assert costs(finance, f"{url}&prices=days")[1] == Decimal("0.002013")
    assert row_of(page(finance, url), "input (uncached)")[3] == "$1.00"
    assert row_of(page(finance, f"{url}&prices=days"), "input (uncached)")[3] == "several"


def test_long_context_and_other_tiers_are_left_out(finance: Client) -> None:
    other = factories.make_model("gpt-4.1")
    factories.make_price(other, input="2.00", output="8.00")
    factories.make_price(other, input="4.00", output="16.00", above_input_tokens=2)
    factories.make_price(other, input="1.00", output="4.00", variant="batch")

    assert costs(finance, f"{SEARCH}&model={HAIKU}&t1=openai/gpt-4.1")[1] == Decimal("0.000058")


def test_attempts_of_unknown_cost_are_on_neither_side(finance: Client, month: Month) -> None:
    factories.make_entry(key=month.ads, model=factories.make_model("new"), usage=Usage(input=5000), cost=None)
    url = f"{NOVEMBER}&team=ads&t1={HAIKU}"

    assert costs(finance, url) == [Decimal("0.0015"), Decimal("0.0015")]
    assert "1 attempt of unknown cost , with 5,000 tokens, left out" in text_of(page(finance, url))


def test_where_nothing_is_known_nothing_is_compared(finance: Client, month: Month) -> None:
    model = factories.make_model("new")
    factories.make_entry(key=month.ads, model=model, usage=Usage(input=5000), cost=None)

    html = page(finance, f"{NOVEMBER}&model=openai/new&t1={HAIKU}")

    assert "Nothing of known cost" in html
    assert "$0.00" not in html
    assert table(finance, f"{NOVEMBER}&model=openai/new".replace("what-if/?", "what-if/export.csv?")) == []


def test_the_chart_draws_exact_amounts_by_type_of_token(finance: Client) -> None:
    chart = found(finance, f"{ON_FLASH}&add1=108").chart

    assert chart is not None
    drawn = {trace["name"]: dict(zip(trace["x"], trace["y"], strict=True)) for trace in chart.figure["data"]}
    assert drawn == {
        "As booked": {
            "input (uncached)": "0.000013",
            "output (visible)": "0.00002",
            "output (reasoning)": "0",
        },
        FLASH: {
            "input (uncached)": "0.0000039",
            "output (visible)": "0.00001",
            "output (reasoning)": "0.00027",
        },
    }


def test_factors_measured_on_little_of_the_traffic_are_said_to_be(finance: Client, month: Month) -> None:
    both_answer(month, number=100)
    elsewhere = {"route": "cold", "started_at": AT - dt.timedelta(days=40)}
    for _ in range(105):
        factories.make_entry(
            key=month.search, model=month.haiku, price=month.haiku.prices.get(),
            usage=Usage(input=10, output=4), **elsewhere,
        )  # fmt: skip

    assert "That is little to judge all of it by" in text_of(page(finance, ON_FLASH))


def test_priced_since_it_is_on_both_sides(finance: Client, month: Month) -> None:
    model = factories.make_model("llama", provider=factories.make_provider("local"))
    entry = factories.make_entry(key=month.ads, model=model, usage=Usage(input=1000), cost=None)
    factories.make_entry(
        key=month.ads,
        model=model,
        usage=Usage(),
        cost=Decimal("0.25"),
        kind="correction",
        corrects_id=entry.pk,
        note="invoice",
        request_id=entry.request_id,
    )
    one = found(finance, f"{NOVEMBER}&team=ads&model=local/llama&t1={HAIKU}")

    assert CostEntry.objects.count() == 6
    assert one.booked.cost == one.booked.scenario.unsplit == Decimal("0.25")
    assert one.options[0].cost == Decimal("0.001")


def both_answer(month: Month, *, number: int) -> None:
    """haiku writes 4 tokens, flash 6 and 108 of reasoning, on route warm of search, 40 days ago."""
    prices = {model: model.prices.get() for model in (month.haiku, month.flash)}
    for model, usage in (
        (month.haiku, Usage(input=10, output=4)),
        (month.flash, Usage(input=11, output=6, reasoning=108)),
    ):
        for _ in range(number):
            factories.make_entry(
                key=month.search, model=model, price=prices[model], usage=usage, route="warm",
                started_at=AT - dt.timedelta(days=40),
            )  # fmt: skip


def test_factors_are_measured_where_both_answered(finance: Client, month: Month) -> None:
    both_answer(month, number=100)
    factories.make_entry(
        key=month.search, model=month.haiku, price=month.haiku.prices.get(),
        usage=Usage(input=100, output=100), route="warm",
    )  # fmt: skip

    one = found(finance, f"{ON_FLASH}&route=warm")
    html = page(finance, f"{ON_FLASH}&route=warm")

    [option] = [way.option for way in one.options]
    assert option is not None
    assert (option.measured.theirs, option.measured.its) == (101, 101)
    assert option.factors == Factors(Decimal("1.0118"), Decimal("1.2080"), added=Decimal(108))
    assert "Measured on route warm of search: 101 answers of the models used and 101 of this one" in text_of(
        html
    )
    assert one.options[0].scenario.parts["output"].tokens == 100 * Decimal("1.2080")
    assert one.options[0].scenario.parts["reasoning"].tokens == 108


def test_what_is_given_overrides_what_is_measured(finance: Client, month: Month) -> None:
    both_answer(month, number=100)

    one = found(finance, f"{SEARCH}&model={HAIKU}&t1={FLASH}&out1=2&add1=0")

    assert one.options[0].scenario.parts["output"].tokens == 8
    assert one.options[0].scenario.parts["reasoning"].tokens == 0


def test_where_nothing_was_measured_it_is_said(finance: Client) -> None:
    assert "Not measured here" in text_of(page(finance, ON_FLASH))


def test_without_a_model_the_ones_used_most_are_suggested(finance: Client, month: Month) -> None:
    both_answer(month, number=100)

    html = page(finance, f"{SEARCH}&from=2026-10-01")

    assert [one.model for one in found(finance, f"{SEARCH}&from=2026-10-01").suggestions] == [HAIKU, FLASH]
    assert (
        f"?from=2026-10-01&amp;to=2026-11-30&amp;by=team&amp;team=search&amp;t1={HAIKU.replace('/', '%2F')}"
        in html
    )
    assert f"{HAIKU} : 101 answers, about $0.00003003 each (the cheapest answers)" in text_of(html)


def test_every_model_with_a_price_is_offered(finance: Client) -> None:
    factories.make_price(factories.make_model("gone"), effective_to=AT)
    factories.make_price(factories.make_model("listed"))
    factories.make_model("unpriced")

    assert found(finance, NOVEMBER).offered == (HAIKU, FLASH, "openai/listed")


def test_a_model_without_any_price_is_refused_in_words(finance: Client) -> None:
    answer = finance.get(f"{NOVEMBER}&t1=openai/gpt-9")

    assert answer.status_code == 400
    assert "no model openai/gpt-9 has a price" in answer.content.decode()


def test_a_month_and_an_answer_are_scaled(finance: Client) -> None:
    """0.000033 in 15 days is 0.000066 in 30; search had 1 answer of haiku."""
    one = found(
        finance, f"/spend/what-if/?from=2026-11-06&to=2026-11-20&team=search&model={HAIKU}&t1={FLASH}"
    )

    assert (one.days.passed, one.days.answers) == (15, 1)
    assert one.days.in_a_month(one.booked.cost) == Decimal("0.000066")
    assert one.days.per_answer(one.options[0].cost) == Decimal("0.0000139")


def test_the_file_has_what_the_page_shows_to_the_last_digit(finance: Client) -> None:
    rows = table(finance, f"{ON_FLASH}&add1=108&share1=50".replace("what-if/?", "what-if/export.csv?"))

    totals = [row for row in rows if row["token_type"] == "total"]
    assert [(row["kind"], row["cost_usd"], row["difference_usd"]) for row in totals] == [
        ("booked", "0.000033", ""),
        ("target", "0.0002839", "0.0002509"),
        ("split", "0.00015845", "0.00012545"),
    ]
    assert {row["rate_usd"] for row in rows if row["kind"] == "split"} == {""}
    [reasoning] = [row for row in rows if (row["kind"], row["token_type"]) == ("target", "reasoning")]
    assert (reasoning["tokens"], reasoning["rate_usd"], reasoning["cost_usd"]) == ("108", "2.5", "0.00027")
    assert (reasoning["share_percent"], reasoning["reasoning_added_per_answer"]) == ("50", "108")
    for kind in ("booked", "target", "split"):
        of_kind = [row for row in rows if row["kind"] == kind]
        parts = [Decimal(row["cost_usd"]) for row in of_kind if row["token_type"] != "total"]
        assert str(sum(parts).normalize()) == str(Decimal(of_kind[-1]["cost_usd"]).normalize())


def test_a_lead_sees_the_own_team_alone(team_lead: Client) -> None:
    assert costs(team_lead, f"{NOVEMBER}&t1={HAIKU}")[0] == Decimal("0.0003169")
    assert team_lead.get(f"{NOVEMBER}&team=ads").status_code == 404


def test_an_empty_ledger_is_said(client: Client, db: None) -> None:
    client.force_login(factories.make_user("fin", role="Finance"))

    assert "No calls in this period" in page(client, "/spend/what-if/")


def test_names_are_text(finance: Client, month: Month) -> None:
    model = factories.make_model("<b>x</b>", provider=factories.make_provider("odd"))
    factories.make_price(model)

    html = page(finance, f"{NOVEMBER}&t1=odd/<b>x</b>")

    assert "<b>x</b>" not in html
    assert "odd/<b>x</b>" in unescape(html)


@pytest.mark.parametrize(
    ("more", "number"), [("", 17), (f"&t1={FLASH}", 18), (f"&t1={FLASH}&t2={HAIKU}&prices=days", 18)]
)
def test_it_asks_the_database_a_fixed_number_of_questions(
    finance: Client, month: Month, more: str, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    finance.get(NOVEMBER + more)
    for _ in range(2):
        with django_assert_num_queries(number):
            finance.get(NOVEMBER + more)
        both_answer(month, number=3)
        summing.catch_up()
