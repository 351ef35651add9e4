"""Each model's figures: what answers cost with all that failed, and what is unknown."""

import datetime as dt
from decimal import Decimal

import pytest

from catalog.visibility import Visibility
from metering.spend.economics import models
from metering.spend.economics.models import ListPrice, by_model, list_prices, together
from metering.spend.economics.usage import priced_usage
from metering.spend.filters import Filters
from metering.spend.totals import Totals
from metering.summaries import summing
from metering.usage import Usage
from tests import factories
from tests.factories import AT
from tests.metering.spend.conftest import Month
from tests.metering.spend.economics.rows import rates, usage

NOVEMBER = Filters(start=dt.date(2026, 11, 1), end=dt.date(2026, 11, 30))
ALL = Visibility(team_ids=None)
GPT = rates(input="2", output="10", cache_write_1h="4", audio_input="8")


def test_an_answer_pays_for_the_attempts_that_failed() -> None:
    rows = [usage(at=GPT, answers=2, attempts=3, input=1_000_000, output=100_000)]

    [found] = by_model(rows, prices={}, totals={})

    assert (found.used.cost, found.cost_per_answer) == (3, Decimal("1.5"))
    assert (found.input_per_answer, found.output_per_answer) == (500_000, 50_000)


def test_the_dearest_answers_come_first_and_unknown_ones_last() -> None:
    rows = [
        usage("a/unknown", None, input=5),
        usage("b/cheap", GPT, input=5),
        usage("c/dear", GPT, output=5),
        usage("d/never", GPT, answers=0, input=5),
    ]

    found = by_model(rows, prices={}, totals={"a/unknown": Totals(unpriced=1)})

    assert [one.model for one in found] == ["c/dear", "b/cheap", "a/unknown", "d/never"]
    assert [one.cost_per_answer for one in found[2:]] == [None, None]
    assert [one.known_cost for one in found[2:]] == [None, Decimal("0.00001")]


def test_a_cost_without_its_unknown_part_is_a_lower_bound() -> None:
    [found] = by_model([usage(at=GPT, output=5)], prices={}, totals={"openai/gpt-4o": Totals(unpriced=1)})

    assert found.at_least
    assert found.cost_per_answer == Decimal("0.00005")


def test_reasoning_has_a_share_of_output_and_of_the_money_known_by_type() -> None:
    dear = rates(input="2", output="10", reasoning="20")
    rows = [usage(at=dear, input=500_000, output=100_000, reasoning=300_000), usage(at=None, unsplit="8")]

    [found] = by_model(rows, prices={}, totals={})

    assert found.reasoning_of_output == Decimal("0.75")
    assert (found.used.usd["reasoning"], found.used.split, found.used.cost) == (6, 8, 16)
    assert found.reasoning_of_money == Decimal("0.75")


def test_cache_reads_have_a_share_of_all_input() -> None:
    [found] = by_model(
        [usage(at=GPT, input=10, cache_read=60, cache_write_5m=10, cache_write_1h=10, audio_input=10)],
        prices={}, totals={},
    )  # fmt: skip

    assert found.hit_share == Decimal("0.6")


def test_nothing_has_no_shares() -> None:
    whole = together([])

    assert (whole.cost_per_answer, whole.reasoning_of_output, whole.reasoning_of_money) == (None, None, None)
    assert (whole.hit_share, whole.cost_per_million, whole.caching.saved) == (None, None, 0)


def test_the_blend_is_three_input_tokens_to_one_output_token() -> None:
    assert ListPrice(Decimal("0.30"), Decimal("2.50")).blend == Decimal("0.85")
    assert ListPrice(Decimal("0.02"), None).blend is None
    assert "3 input tokens to 1 output token" in models.BLEND


@pytest.mark.django_db
def test_the_price_is_the_standard_one_in_force_now() -> None:
    model = factories.make_model("gpt-4o")
    january, summer = (dt.datetime(2026, month, 1, tzinfo=dt.UTC) for month in (1, 6))
    factories.make_price(model, input="9", output="9", effective_from=january, effective_to=summer)
    factories.make_price(model, input="2.5", output="10", effective_from=summer)
    factories.make_price(model, input="1", output="5", variant="batch")
    factories.make_price(model, input="5", output="20", above_input_tokens=200_000)
    factories.make_price(model, input="8", output="8", daily_from=dt.time(1), daily_to=dt.time(4))
    factories.make_price(factories.make_model("other"), input="1", output="1")

    found = list_prices(names=["openai/gpt-4o"], at=AT)

    assert found == {"openai/gpt-4o": ListPrice(Decimal("2.5"), Decimal(10))}
    assert list_prices(names=[], at=AT) == {}


def test_the_summaries_are_read_price_row_by_price_row(month: Month) -> None:
    batch = factories.make_price(month.haiku, input="0.50", output="2.50", variant="batch")
    factories.make_entry(key=month.ads, model=month.haiku, price=batch, usage=Usage(input=1_000_000))
    summing.catch_up()

    rows = priced_usage(filters=NOVEMBER, visibility=ALL)

    haiku = [row for row in rows if row.model == "anthropic/claude-haiku-4-5"]
    by_rate = {row.rates.input: row.used for row in haiku if row.rates is not None}
    assert by_rate[Decimal("0.50")].cost == Decimal("0.5")
    assert by_rate[Decimal("1.00")].cost == Decimal("0.001533")
    assert by_rate[Decimal("1.00")].tokens["input"] == 1013


def test_a_marginal_tier_is_no_single_rate(month: Month) -> None:
    marginal = factories.make_price(
        month.haiku, input="2", output=None, above_input_tokens=100, tier="marginal"
    )
    factories.make_entry(
        key=month.ads, model=month.haiku, price=marginal, usage=Usage(input=200, cache_read=5),
        cost=Decimal("0.0003"), route="long",
    )  # fmt: skip
    summing.catch_up()

    rows = priced_usage(filters=Filters(NOVEMBER.start, NOVEMBER.end, route="long"), visibility=ALL)

    assert [(row.rates, row.used.unsplit, row.used.cost) for row in rows] == [
        (None, Decimal("0.0003"), Decimal("0.0003"))
    ]


def test_other_teams_usage_is_not_seen(month: Month) -> None:
    summing.catch_up()

    rows = priced_usage(filters=NOVEMBER, visibility=Visibility(frozenset({month.ads.team_id})))

    assert [(row.model, row.used.cost) for row in rows] == [("anthropic/claude-haiku-4-5", Decimal("0.0015"))]
