"""What a month's entries become in a FOCUS file, one situation each."""

import datetime as dt
import json
from decimal import Decimal

import pytest
from pytest_django import Settings

from metering import focus
from metering.models import CorrectionBatch
from metering.usage import Usage
from tests import factories
from tests.metering import house as h
from tests.metering.closing.conftest import close
from tests.metering.focus.conftest import NOON, NOVEMBER, OCTOBER, Market, details, rows, told, total, written

AMOUNTS = ("SkuMeter", "ConsumedQuantity", "PricingQuantity", "ContractedUnitPrice", "EffectiveCost")
CORRECTIONS = ("ChargeDescription", "ChargeClass", "PricingQuantity", "EffectiveCost")


def test_each_token_type_is_a_row_of_its_own(market: Market) -> None:
    market.book(usage=Usage(input=8_400_000, output=2_100_000))

    assert told(rows(), *AMOUNTS) == [
        ("Input Tokens", "8400000.0", "8.4", "2.5", "21.0"),
        ("Output Tokens", "2100000.0", "2.1", "10.0", "21.0"),
    ]


def test_a_cost_of_less_than_a_millionth_keeps_every_digit(market: Market) -> None:
    cheap = factories.make_price(factories.make_model("nano"), input="0.075", output="0.30")
    market.book(model=cheap.model, price=cheap, usage=Usage(input=7))

    assert told(rows(), *AMOUNTS) == [("Input Tokens", "7.0", "0.000007", "0.075", "0.000000525")]


def test_every_bucket_has_its_meter_direction_and_cache_action(market: Market) -> None:
    rates = dict.fromkeys(("cache_write_1h", "audio_input", "audio_output"), "4.00")
    model = factories.make_model("all")
    price = factories.make_price(model, cache_read="0.25", cache_write_5m="3.00", per_request="0.01", **rates)
    counts = {bucket: number for number, bucket in enumerate(h.NO_TOKENS, 1)}
    market.book(model=model, price=price, usage=Usage(**counts))

    assert [
        (
            row["SkuId"],
            row["ConsumedQuantity"],
            row["PricingUnit"],
            details(row).get("x_TokenDirection"),
            details(row).get("x_TokenCacheAction"),
        )
        for row in rows()
    ] == [
        ("openai/all/input", "1.0", "1000000 Tokens", "Input", "Uncached"),
        ("openai/all/cache-read", "2.0", "1000000 Tokens", "Input", "Read"),
        ("openai/all/cache-write", "3.0", "1000000 Tokens", "Input", "Write"),
        ("openai/all/cache-write-1h", "4.0", "1000000 Tokens", "Input", "Write"),
        ("openai/all/output", "5.0", "1000000 Tokens", "Output", None),
        ("openai/all/reasoning", "6.0", "1000000 Tokens", "Output", None),
        ("openai/all/audio-input", "7.0", "1000000 Tokens", "Input", "Uncached"),
        ("openai/all/audio-output", "8.0", "1000000 Tokens", "Output", None),
        ("openai/all/requests", "9.0", "Requests", None, None),
    ]


def test_reasoning_without_a_rate_of_its_own_is_priced_as_output(market: Market) -> None:
    market.book(usage=Usage(output=10, reasoning=500_000))

    assert told(rows(), *AMOUNTS) == [
        ("Output Tokens", "10.0", "0.00001", "10.0", "0.0001"),
        ("Reasoning Output Tokens", "500000.0", "0.5", "10.0", "5.0"),
    ]


def test_a_fee_is_priced_by_the_request(market: Market) -> None:
    price = factories.make_price(factories.make_model("search"), per_request="0.01")
    market.book(model=price.model, price=price, usage=Usage(requests=3))

    assert told(rows(), *AMOUNTS, "PricingUnit") == [("Requests", "3.0", "3.0", "0.01", "0.03", "Requests")]


def test_a_negotiated_price_stands_beside_the_list_price(market: Market) -> None:
    price = factories.make_price(
        factories.make_model("dear"), input="2.00", output="8.00", list_rates={"output": "10", "input": "2.5"}
    )
    market.book(model=price.model, price=price, usage=Usage(input=1_000_000, reasoning=100_000))

    assert told(
        rows(), "ContractedUnitPrice", "ContractedCost", "ListUnitPrice", "ListCost", "EffectiveCost"
    ) == [
        ("2.0", "2.0", "2.5", "2.5", "2.0"),
        ("8.0", "0.8", "10.0", "1.0", "0.8"),
    ]


def test_calls_of_a_day_team_key_model_and_price_are_added_up(market: Market) -> None:
    market.book(usage=Usage(input=10))
    market.book(usage=Usage(input=20), at=NOON + dt.timedelta(hours=11))
    market.book(usage=Usage(input=40), at=NOON + dt.timedelta(hours=13))
    market.book(market.ads, usage=Usage(input=80))

    assert told(rows(), "ChargePeriodStart", "SubAccountId", "ConsumedQuantity") == [
        ("2026-10-20T00:00:00Z", "search", "30.0"),
        ("2026-10-20T00:00:00Z", "ads", "80.0"),
        ("2026-10-21T00:00:00Z", "search", "40.0"),
    ]


def test_a_service_tier_is_a_price_of_the_same_sku(market: Market) -> None:
    batch = factories.make_price(market.model, input="1.25", output="5.00", variant="batch")
    market.book(usage=Usage(input=10))
    market.book(usage=Usage(input=10), price=batch, variant="batch")

    found = rows()

    assert told(found, "SkuId", "SkuPriceId") == [
        ("openai/gpt-4o/input", f"{batch.pk}/input"),
        ("openai/gpt-4o/input", f"{market.price.pk}/input"),
    ]
    assert [details(row).get("x_ServiceTier") for row in found] == ["batch", None]


def test_a_long_context_price_says_its_threshold(market: Market) -> None:
    long = factories.make_price(market.model, input="5.00", output="15.00", above_input_tokens=200_000)
    market.book(price=long, usage=Usage(input=300_000))

    (row,) = rows()

    assert (row["ContractedUnitPrice"], row["EffectiveCost"]) == ("5.0", "1.5")
    assert details(row)["x_InputTokensAbove"] == "200000"
    assert details(row)["x_ThresholdAppliesTo"] == "request"


def test_a_marginal_tier_is_split_at_its_threshold(market: Market) -> None:
    above = factories.make_price(
        market.model, input="5.00", output=None, above_input_tokens=200_000, tier="marginal"
    )
    cost = Decimal("0.5") + Decimal("0.5") + Decimal("0.01")
    market.book(price=above, usage=Usage(input=300_000, output=1_000), cost=cost)
    market.book(price=above, usage=Usage(input=200_001), cost=Decimal("0.500005"))

    assert told(rows(), "SkuPriceId", "ConsumedQuantity", "ContractedUnitPrice", "EffectiveCost") == [
        (f"{market.price.pk}/input", "400000.0", "2.5", "1.0"),
        (f"{market.price.pk}/output", "1000.0", "10.0", "0.01"),
        (f"{above.pk}/input", "100001.0", "5.0", "0.500005"),
    ]


def test_a_marginal_entry_that_does_not_split_into_its_cost_is_an_amount(market: Market) -> None:
    above = factories.make_price(
        market.model, input="5.00", output=None, above_input_tokens=200_000, tier="marginal"
    )
    market.book(price=above, usage=Usage(input=300_000), cost=Decimal("0.77"))

    assert told(rows(), *AMOUNTS, "PricingUnit") == [
        ("Cost Booked As An Amount", "1.0", "0.77", "1.0", "0.77", "US Dollars")
    ]


def test_a_cost_that_the_vendor_reported_is_priced_by_the_dollar(market: Market) -> None:
    cost = Decimal("0.0123")
    for _ in range(2):
        market.book(price=None, cost=cost, reported_cost=cost, cost_reason="reported")

    assert told(rows(), *AMOUNTS, "ConsumedUnit", "PricingUnit", "SkuPriceId", "PricingCategory") == [
        (
            *("Cost Reported By Vendor", "2.0", "0.0246", "1.0", "0.0246"),
            *("Requests", "US Dollars", "openai/gpt-4o/reported", "Other"),
        )
    ]


def test_what_no_vendor_bills_has_no_row(market: Market) -> None:
    market.book(
        price=None, usage=Usage(), cost=Decimal(0), cost_reason="not_billed", outcome="error", status=429
    )
    market.book(price=None, usage=Usage(), cost=Decimal(0), cost_reason="cache_hit", kind="cache_hit")

    assert rows() == []


def test_a_free_model_has_rows_of_zero(market: Market) -> None:
    free = factories.make_price(factories.make_model("free"), input="0", output="0")
    market.book(model=free.model, price=free, usage=Usage(input=5))

    assert told(rows(), *AMOUNTS) == [("Input Tokens", "5.0", "0.000005", "0.0", "0.0")]


def test_an_unknown_cost_has_no_row_and_is_counted(market: Market) -> None:
    market.book()
    market.book(model=market.unpriced, price=None, exposure=Decimal("0.60"))
    market.book(usage=None, price=None, cost_reason="lost", outcome="lost")

    with open("/dev/null", "w") as out:
        summary = focus.write_csv(out, month=OCTOBER)

    assert (summary.rows, summary.effective) == (2, Decimal("3.5"))
    assert summary.document()["left_out"] == {
        "entries_of_unknown_cost": 2,
        "at_most_usd": "0.6",
        "entries_without_any_bound": 1,
    }


def test_a_correction_within_its_month_reverses_and_books_again_without_a_class(market: Market) -> None:
    """FOCUS: ChargeClass is null for a correction within the current billing period."""
    market.book(usage=Usage(input=1_000_000))
    market.rerate()

    assert told(rows(), *CORRECTIONS) == [
        ("Corrected: Input Tokens, openai/gpt-4o", "", "1.0", "2.0"),
        ("Reversal: Input Tokens, openai/gpt-4o", "", "-1.0", "-2.5"),
        ("Input Tokens, openai/gpt-4o", "", "1.0", "2.5"),
    ]


def test_a_correction_of_a_closed_month_is_billed_in_the_open_one_on_its_own_day(market: Market) -> None:
    market.book(usage=Usage(input=1_000_000))
    close()
    before = written()
    market.rerate()

    assert told(rows(NOVEMBER), *CORRECTIONS, "BillingPeriodStart", "ChargePeriodStart") == [
        (
            *("Corrected: Input Tokens, openai/gpt-4o", "Correction", "1.0", "2.0"),
            *("2026-11-01T00:00:00Z", "2026-10-20T00:00:00Z"),
        ),
        (
            *("Reversal: Input Tokens, openai/gpt-4o", "Correction", "-1.0", "-2.5"),
            *("2026-11-01T00:00:00Z", "2026-10-20T00:00:00Z"),
        ),
    ]
    assert written() == before


def test_what_comes_after_the_close_is_billed_in_the_next_month(market: Market) -> None:
    market.book(usage=Usage(input=10))
    close()
    market.book(usage=Usage(input=20))

    assert told(rows(NOVEMBER), "ConsumedQuantity", "ChargeClass", "ChargePeriodStart") == [
        ("20.0", "Correction", "2026-10-20T00:00:00Z")
    ]


def test_an_entry_priced_later_is_a_row_from_then_on_and_its_reversal_is_none(market: Market) -> None:
    market.book(model=market.unpriced, price=None, usage=Usage(input=1_000_000), exposure=Decimal("9"))
    factories.make_price(market.unpriced, input="3.00")
    assert rows() == []
    market.rerate_unpriced()

    assert told(rows(), *CORRECTIONS) == [("Corrected: Input Tokens, openai/gpt-next", "", "1.0", "3.0")]
    with open("/dev/null", "w") as out:
        assert focus.write_csv(out, month=OCTOBER).ledger.unpriced == 0


def test_an_adjustment_by_hand_is_an_amount_without_a_price(market: Market) -> None:
    entry = market.book(usage=Usage(input=1_000_000))
    market.adjust(entry, "-0.5")

    row = rows()[0]

    assert (row["ChargeCategory"], row["ChargeFrequency"]) == ("Adjustment", "One-Time")
    assert row["ChargeDescription"] == "Adjustment: Cost Booked As An Amount, openai/gpt-4o"
    assert (row["EffectiveCost"], row["ListCost"]) == ("-0.5", "-0.5")
    assert [row[column] for column in ("SkuId", "SkuPriceDetails", "ConsumedQuantity", "PricingUnit")] == [
        ""
    ] * 4


def test_an_answer_that_came_late_is_usage(market: Market) -> None:
    house = h.House(market.search.team_id, market.search.pk, 0, market.model.pk, market.price.pk, 0)
    request = h.new_request()
    h.settle(h.entry(house, request=request, at=NOON, cost_reason="lost", outcome="lost", exposure="0.60"))
    assert h.settle(h.entry(house, request=request, at=NOON, tokens={"input": 1_000}, cost="0.0025")) == [
        "late"
    ]

    assert told(rows(), *CORRECTIONS) == [("Input Tokens, openai/gpt-4o", "", "0.001", "0.0025")]


def test_a_correction_by_hand_without_a_batch_is_an_adjustment(market: Market) -> None:
    entry = market.book(usage=Usage(input=10))
    house = h.House(market.search.team_id, market.search.pk, 0, market.model.pk, market.price.pk, 0)
    h.settle(h.correction(house, entry, cost="0.25", note="a fee that was forgotten", price_id=None))

    assert told(rows(), "ChargeCategory", "EffectiveCost") == [("Adjustment", "0.25"), ("Usage", "0.000025")]


@pytest.mark.parametrize(
    ("zone", "at", "begins", "ends"),
    [
        ("UTC", "2026-10-20T23:30:00Z", "2026-10-20T00:00:00Z", "2026-10-21T00:00:00Z"),
        ("Asia/Kolkata", "2026-10-20T23:30:00Z", "2026-10-20T18:30:00Z", "2026-10-21T18:30:00Z"),
        # The day on which summer time ends has 25 hours.
        ("Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
    ],
)
def test_a_charge_period_is_a_business_day_written_in_utc(
    market: Market, settings: Settings, zone: str, at: str, begins: str, ends: str
) -> None:
    settings.TIME_ZONE = zone
    market.book(usage=Usage(input=1), at=dt.datetime.fromisoformat(at))

    (row,) = rows()

    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == (begins, ends)


def test_the_billing_period_is_the_business_month(market: Market, settings: Settings) -> None:
    settings.TIME_ZONE = "America/Los_Angeles"
    market.book(at=dt.datetime(2026, 11, 1, 6, 0, tzinfo=dt.UTC))  # still 31 October there

    assert set(told(rows(), "BillingPeriodStart", "BillingPeriodEnd")) == {
        ("2026-10-01T07:00:00Z", "2026-11-01T07:00:00Z")
    }
    assert rows(NOVEMBER) == []


def test_who_pays_is_the_sub_account_with_its_cost_center_and_key(market: Market) -> None:
    market.book(usage=Usage(input=1))

    (row,) = rows()

    assert (row["SubAccountId"], row["SubAccountName"]) == ("search", "Search & Co")
    assert json.loads(row["Tags"]) == {"team": "search", "cost_center": "CC-1"}
    assert row["ResourceId"] == market.search.prefix
    assert row["ResourceName"] == f"search/ci ({market.search.prefix})"


def test_rows_are_told_apart_by_callers_tags_only_when_asked(market: Market) -> None:
    market.book(usage=Usage(input=1), tags={"feature": "chat", "team": "forged"})
    market.book(usage=Usage(input=2), tags={"feature": "mail"})

    assert told(rows(), "ConsumedQuantity") == [("3.0",)]
    assert {row["ConsumedQuantity"]: json.loads(row["Tags"]) for row in rows(by_tags=True)} == {
        "1.0": {"feature": "chat", "team": "search", "cost_center": "CC-1"},
        "2.0": {"feature": "mail", "team": "search", "cost_center": "CC-1"},
    }


@pytest.mark.parametrize(
    ("mode", "billed", "issuer", "seller"),
    [
        ("vendor", "0.0025", "openai", "openai"),
        ("zero", "0.0", "openai", "openai"),
        ("internal", "0.0025", "Group finance", "Group finance"),
    ],
)
def test_what_is_billed_and_by_whom(
    market: Market, settings: Settings, mode: str, billed: str, issuer: str, seller: str
) -> None:
    settings.INVOICE_ISSUER = "Group finance"
    market.book(usage=Usage(input=1_000))

    (row,) = rows(billed_cost=mode)

    assert (row["BilledCost"], row["EffectiveCost"]) == (billed, "0.0025")
    assert (row["InvoiceIssuerName"], row["ProviderName"], row["PublisherName"]) == (issuer, seller, "openai")
    assert row["BillingAccountId"] == issuer


def test_a_file_of_some_teams_has_their_rows_alone(market: Market) -> None:
    market.book(usage=Usage(input=1))
    market.book(market.ads, usage=Usage(input=2))

    found = rows(teams=frozenset({market.ads.team_id}))

    assert told(found, "SubAccountId", "ConsumedQuantity") == [("ads", "2.0")]


def test_a_running_batch_is_in_the_file_as_far_as_it_has_come(market: Market) -> None:
    """The books are right after every chunk, and so is the file."""
    market.book(usage=Usage(input=1_000_000))
    market.book(usage=Usage(input=2_000_000))
    next(market.rerating(at_prices=(market.right.pk,), chunk=1))

    assert CorrectionBatch.objects.get().state == "running"
    assert total(rows()) == Decimal("7.0")
