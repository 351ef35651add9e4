"""The price book: genai-prices in our rows, to the last digit; expected values from the vendors' pages."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from genai_prices import data_snapshot, types

from catalog import pricebook, vendors
from catalog.models.prices import RATES
from catalog.pricebook import BEGINNING, PriceRow
from catalog.rates import Rates

AT = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
BOOK = pricebook.read()
MODELS = {(row.vendor.name, model.name): model for row in BOOK.vendors for model in row.models}


def rows(name: str, *, variant: str = "standard", above: int = 0, hours: bool = False) -> list[PriceRow]:
    vendor, _, model = name.partition("/")
    return [
        row
        for row in MODELS[vendor, model].prices
        if (row.variant, row.above_input_tokens) == (variant, above)
        and bool(row.daily_from or row.daily_to) == hours
    ]


def today(name: str, **slot: Any) -> Rates:
    [row] = [
        row
        for row in rows(name, **slot)
        if row.effective_from <= AT and (row.effective_to is None or row.effective_to > AT)
    ]
    return row.rates


def usd(**values: str) -> Rates:
    return Rates(**{name: Decimal(value) for name, value in values.items()})


GOLDEN: list[tuple[str, dict[str, Any], Rates]] = [
    (
        "anthropic/claude-haiku-4-5",
        {},
        usd(
            input="1",
            output="5",
            cache_read="0.1",
            cache_write_5m="1.25",
            cache_write_1h="2",
            per_request="0.01",
        ),
    ),
    (
        "anthropic/claude-haiku-4-5",
        {"variant": "batch"},
        usd(
            input="0.5",
            output="2.5",
            cache_read="0.05",
            cache_write_5m="0.625",
            cache_write_1h="1",
            per_request="0.01",
        ),
    ),
    (
        "anthropic/claude-haiku-5-5",
        {},
        usd(
            input="0.1",
            output="0.5",
            cache_read="0.01",
            cache_write_5m="0.125",
            cache_write_1h="0.2",
            per_request="0.01",
        ),
    ),
    (
        "anthropic/claude-haiku-5-5",
        {"above": 100_000},
        usd(
            input="0.5",
            output="2.5",
            cache_read="0.05",
            cache_write_5m="0.625",
            cache_write_1h="1",
            per_request="0.01",
        ),
    ),
    (
        "gemini/gemini-2.5-flash",
        {},
        usd(input="0.3", output="2.5", cache_read="0.03", audio_input="1", per_request="0.035"),
    ),
    ("openai/gpt-4o", {}, usd(input="2.5", output="10", cache_read="1.25", per_request="0.01")),
    (
        "openai/gpt-4o",
        {"variant": "batch"},  # the vendor names no batch price for cached input: the base one holds
        usd(input="1.25", output="5", cache_read="1.25", per_request="0.01"),
    ),
    (
        "openai/gpt-4o",
        {"variant": "priority"},
        usd(input="4.25", output="17", cache_read="2.125", per_request="0.01"),
    ),
    (
        "openai/gpt-5.6-luna",
        {},
        usd(input="0.2", output="1.2", cache_read="0.02", cache_write_5m="0.25", per_request="0.01"),
    ),
    (
        "openai/gpt-5.6-luna",
        {"above": 272_000},
        usd(input="0.4", output="1.8", cache_read="0.04", cache_write_5m="0.5", per_request="0.01"),
    ),
    (
        "openai/gpt-5.6-luna",
        {"variant": "flex", "above": 272_000},
        usd(input="0.2", output="0.9", cache_read="0.02", cache_write_5m="0.25", per_request="0.01"),
    ),
    ("deepseek/deepseek-v4-pro", {}, usd(input="0.66", output="1.98", cache_read="0.022")),
    ("deepseek/deepseek-chat", {}, usd(input="0.135", output="0.55", cache_read="0.035")),
    ("deepseek/deepseek-chat", {"hours": True}, usd(input="0.27", output="1.1", cache_read="0.07")),
    ("perplexity/sonar-deep-research", {}, usd(input="2", output="8", reasoning="3", per_request="0.005")),
]


@pytest.mark.parametrize(("name", "slot", "expected"), GOLDEN)
def test_the_rates_of_today(name: str, slot: dict[str, Any], expected: Rates) -> None:
    assert today(name, **slot) == expected


def test_a_price_change_is_two_periods_that_meet() -> None:
    cut = dt.datetime(2026, 7, 30, tzinfo=dt.UTC)
    before, after = rows("openai/gpt-5.6-luna")

    assert (before.effective_from, before.effective_to) == (BEGINNING, cut)
    assert (after.effective_from, after.effective_to) == (cut, None)
    assert (before.rates.input, after.rates.input) == (Decimal(1), Decimal("0.2"))


def test_a_variant_starts_when_the_package_says() -> None:
    [batch] = rows("openai/gpt-4o", variant="batch")

    assert batch.effective_from == dt.datetime(2026, 10, 14, tzinfo=dt.UTC)


def test_a_price_announced_for_later_is_a_period_of_its_own() -> None:
    now, later = rows("gemini/gemini-4-argon", variant="batch")

    assert now.effective_to == later.effective_from == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert (now.rates.input, later.rates.input) == (Decimal(1), Decimal(2))


class TestDeepSeekPeaks:
    """The package has no start date and no weekdays for them; see wire facts, section e."""

    def test_peaks_are_double_on_weekdays_since_august(self) -> None:
        first, second = rows("deepseek/deepseek-v4-pro", hours=True)

        assert (first.daily_from, first.daily_to) == (dt.time(1), dt.time(4))
        assert (second.daily_from, second.daily_to) == (dt.time(6), dt.time(10))
        for row in (first, second):
            assert row.weekdays == "mon-fri"
            assert row.effective_from == dt.datetime(2026, 8, 17, tzinfo=dt.UTC)
            assert row.rates == usd(input="1.32", output="3.96", cache_read="0.044")
            assert "no date and no weekdays" in row.note

    def test_before_august_there_is_only_the_flat_rate(self) -> None:
        flat = rows("deepseek/deepseek-v4-flash")[0]

        assert flat.rates == usd(input="0.14", output="0.28", cache_read="0.0028")
        assert flat.effective_to == dt.datetime(2026, 8, 17, tzinfo=dt.UTC)

    def test_the_older_models_have_their_day_rate_every_day(self) -> None:
        [day] = rows("deepseek/deepseek-chat", hours=True)

        assert (day.daily_from, day.daily_to, day.weekdays) == (dt.time(0, 30), dt.time(16, 30), "")


class TestNothingIsSilentlyFree:
    def test_a_unit_without_a_place_is_named_in_the_note(self) -> None:
        [row] = rows("gemini/gemini-2.5-flash")

        assert row.note == "Left out, no place here: cache_audio_read_mtok 0.1."

    def test_a_fee_on_every_call_is_said_to_be_one(self) -> None:
        [row] = rows("perplexity/sonar")

        assert row.rates == usd(input="1", output="1", per_request="0.012")
        assert row.note == "The vendor charges per_request on every call."

    def test_a_rate_with_more_than_six_decimals_is_rounded_and_the_note_says_from_what(self) -> None:
        rounded = [row for row in rows("openrouter/google/gemini-2.5-flash") if "Rounded" in row.note]

        assert {row.rates.cache_write_5m for row in rounded} == {Decimal("0.083333")}
        assert all("cache_write_5m 0.0833333333333333" in row.note for row in rounded)

    def test_no_rate_has_more_than_six_decimals(self) -> None:
        rates = [rate for model in MODELS.values() for row in model.prices for rate in row.rates if rate]

        assert [rate for rate in rates if rate != rate.quantize(Decimal("0.000001"))] == []

    def test_every_model_has_a_price(self) -> None:
        assert [name for name, model in MODELS.items() if not model.prices] == []

    def test_every_model_of_the_package_is_in_the_book_or_reported(self) -> None:
        known = {provider.id: provider for provider in data_snapshot.get_snapshot().providers}
        omitted = {(o.vendor, o.model) for o in BOOK.omissions}
        for vendor in vendors.VENDORS:
            infos = known[vendor.book].models
            lost = [
                info.id
                for info in infos
                if (vendor.name, info.id) not in omitted
                and not any((vendor.name, n) in MODELS for n in pricebook._names(vendor, info, infos))
            ]
            assert lost == []

    def test_every_note_fits(self) -> None:
        assert max(len(row.note) for model in MODELS.values() for row in model.prices) < pricebook.NOTE_LENGTH


def to_six_decimals(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000001"), ROUND_HALF_UP)


@pytest.mark.parametrize(
    "moment", [dt.datetime(2026, m, d, 12, tzinfo=dt.UTC) for m, d in [(6, 1), (8, 20), (11, 21)]]
)
def test_the_book_agrees_with_the_package_on_every_standard_price(moment: dt.datetime) -> None:
    """Outside DeepSeek's hours; the package itself says what holds at noon."""
    known = {provider.id: provider for provider in data_snapshot.get_snapshot().providers}
    compared = 0
    for row in BOOK.vendors:
        for info in known[row.vendor.book].models:
            model = MODELS.get((row.vendor.name, info.id))
            if model is None or any(price.daily_from for price in model.prices):
                continue
            for price in model.prices:
                ends = price.effective_to or dt.datetime.max.replace(tzinfo=dt.UTC)
                if price.variant != "standard" or not price.effective_from <= moment < ends:
                    continue
                theirs = info.get_prices(moment)
                for unit, rate in pricebook.UNITS.items():
                    value = getattr(theirs, unit)
                    if isinstance(value, types.TieredPrices):
                        over = [t.price for t in value.tiers if t.start < price.above_input_tokens + 1]
                        value = over[-1] if over and price.above_input_tokens else value.base
                    assert getattr(price.rates, rate) == (value if value is None else to_six_decimals(value))
                    compared += 1
    assert compared > 8_000


def test_rates_are_named_as_the_table_names_them() -> None:
    assert Rates._fields == RATES


class TestModels:
    def test_sizes_and_capabilities(self) -> None:
        model = MODELS["anthropic", "claude-haiku-4-5"]

        assert (model.context_window, model.max_output_tokens) == (200_000, 64_000)
        assert model.capabilities == {"reasoning": True}

    def test_what_is_not_known_stays_unknown(self) -> None:
        assert MODELS["openai", "gpt-6-sol"].max_output_tokens is None

    def test_a_dated_id_costs_what_its_model_costs(self) -> None:
        dated = MODELS["anthropic", "claude-haiku-4-5-20251001"]

        assert dated.prices == MODELS["anthropic", "claude-haiku-4-5"].prices
        assert MODELS["openai", "gpt-4o-2024-08-06"].prices == MODELS["openai", "gpt-4o"].prices

    def test_a_dated_id_with_a_price_of_its_own_keeps_it(self) -> None:
        assert today("openai/gpt-4o-2024-05-13").input == Decimal(5)

    def test_the_id_is_the_one_that_the_vendor_accepts(self) -> None:
        assert ("fireworks", "accounts/fireworks/models/deepseek-v4-pro") in MODELS
        assert ("mistral", "codestral-latest") in MODELS
        assert ("mistral", "codestral") not in MODELS

    @pytest.mark.parametrize(
        "name",
        [
            ("openai", "gpt-image-1"),
            ("openai", "whisper-1"),
            ("openai", "gpt-realtime"),
            ("gemini", "gemini-2.5-flash-tts"),
            ("gemini", "claude-haiku-4-5"),
            ("openrouter", "gpt-4o-mini"),
        ],
    )
    def test_left_out(self, name: tuple[str, str]) -> None:
        assert name not in MODELS

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("o3-mini", {"reasoning": True}),
            ("gpt-5-mini", {"reasoning": True}),
            ("gpt-5-chat-latest", {}),
            ("gpt-4o", {}),
            ("claude-3-7-sonnet-latest", {"reasoning": True}),
            ("claude-3-5-haiku-latest", {}),
            ("gemini-2.5-pro", {"reasoning": True}),
            ("grok-4-fast-non-reasoning", {}),
            ("text-embedding-3-small", {"embeddings": True}),
        ],
    )
    def test_capabilities(self, name: str, expected: dict[str, bool]) -> None:
        assert vendors.capabilities(name) == expected
