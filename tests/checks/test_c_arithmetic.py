"""Checks C1 to C9: what tokens and fees cost, from the vendor's own words to the ledger's figure.

Each is named after its entry in the project's list of failures that users of other gateways met. Every
expected value was worked out by hand from the vendor's numbers and the price.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from catalog.snapshot import PriceRow
from metering import bookkeeping
from metering.entries import Entry, Result
from metering.usage import BUCKETS, Usage
from proxy.adapters.anthropic import usage as anthropic
from proxy.adapters.gemini import usage as gemini
from proxy.adapters.openai import fees
from proxy.adapters.openai import usage as openai
from tests.metering.prices import row
from tests.metering.test_bookkeeping import ADMISSION

CATALOG = row(input="3", output="15", cache_read="0.30", cache_write_5m="3.75", cache_write_1h="6")
OPUS = row(input="5", output="25", cache_read="0.5", cache_write_5m="6.25", cache_write_1h="10")
CLAUDE = "claude-opus-4-8"


def booked(
    usage: Usage | None, flags: Sequence[str] = (), *prices: PriceRow, variant: str = "standard"
) -> Entry:
    """The ledger's row of an answer that reported ``usage``."""
    result = Result(outcome="ok", usage=usage, usage_source="reported", flags=tuple(flags), variant=variant)
    [entry] = bookkeeping.entries_for(
        admission=ADMISSION, result=result, prices=prices or (CATALOG,), zone=ZoneInfo("UTC")
    )
    return entry


def anthropic_row(raw: Mapping[str, Any], *prices: PriceRow) -> Entry:
    variant, tier_flags = anthropic.variant_from(raw)
    usage, flags = anthropic.usage_from(raw, CLAUDE)
    return booked(usage, (*flags, *tier_flags), *prices, variant=variant)


def openai_row(raw: Mapping[str, Any], *prices: PriceRow, tier: str | None = None) -> Entry:
    variant, tier_flags = openai.variant_from(tier)
    usage, flags = openai.usage_from(raw)
    return booked(usage, (*flags, *tier_flags), *prices, variant=variant)


def gemini_row(raw: Mapping[str, Any], *prices: PriceRow) -> Entry:
    variant, tier_flags = gemini.variant_from(raw)
    usage, flags = gemini.usage_from(raw)
    return booked(usage, (*flags, *tier_flags), *prices, variant=variant)


def tokens(entry: Entry) -> dict[str, int]:
    return {bucket: count for bucket in BUCKETS if (count := getattr(entry, bucket))}


def test_c1_cache_writes_are_not_charged_twice() -> None:
    raw = {"input_tokens": 6, "cache_creation_input_tokens": 159_217, "output_tokens": 2_745}

    assert anthropic_row(raw, OPUS).cost == Decimal("1.06376125")


class TestC2CacheReadsAreNotChargedTwice:
    PRICE = row(input="0.50", output="2", cache_read="0.05")
    OPENAI = {
        "prompt_tokens": 20_212,
        "completion_tokens": 0,
        "total_tokens": 20_212,
        "prompt_tokens_details": {"cached_tokens": 16_298},
    }
    RESPONSES = {
        "input_tokens": 20_212,
        "output_tokens": 0,
        "total_tokens": 20_212,
        "input_tokens_details": {"cached_tokens": 16_298},
    }
    GEMINI = {"promptTokenCount": 20_212, "cachedContentTokenCount": 16_298, "totalTokenCount": 20_212}
    ANTHROPIC = {"input_tokens": 3_914, "cache_read_input_tokens": 16_298, "output_tokens": 0}

    def rows(self) -> dict[str, Entry]:
        return {
            "openai": openai_row(self.OPENAI, self.PRICE),
            "responses": booked(*openai.responses_usage_from(self.RESPONSES), self.PRICE),
            "gemini": gemini_row(self.GEMINI, self.PRICE),
            "anthropic": anthropic_row(self.ANTHROPIC, self.PRICE),
        }

    def test_c2_inclusive_and_exclusive_counts_give_the_same_row(self) -> None:
        for entry in self.rows().values():
            assert tokens(entry) == {"input": 3_914, "cache_read": 16_298}
            assert entry.cost == Decimal("0.0027719")
            assert entry.flags == ()

    def test_c2_the_buckets_add_up_to_the_vendors_total_input(self) -> None:
        raw = {
            "prompt_tokens": 4_020,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 4_012, "audio_tokens": 1},
        }
        usage, _ = openai.usage_from(raw)

        assert usage is not None
        assert usage.total_input == 4_020
        assert usage.input + usage.cache_read + usage.cache_write_5m + usage.audio_input == 4_020


def test_c3_a_row_with_only_cache_writes_is_not_free() -> None:
    entry = anthropic_row({"input_tokens": 0, "cache_creation_input_tokens": 1_000, "output_tokens": 0})

    assert entry.cost == Decimal("0.00375")
    assert tokens(entry) == {"cache_write_5m": 1_000}


class TestC4OneHourCacheWritesCostTheirOwnRate:
    def raw(self, total: int | None, **split: int) -> dict[str, Any]:
        given = {} if total is None else {"cache_creation_input_tokens": total}
        split = {f"ephemeral_{ttl}_input_tokens": count for ttl, count in split.items()}
        return {"input_tokens": 0, "output_tokens": 0, "cache_creation": split or None} | given

    def row(self, total: int | None, **split: int) -> Entry:
        return anthropic_row(self.raw(total, **split), OPUS)

    def test_c4_each_time_to_live_has_its_rate(self) -> None:
        assert self.row(1_000_000, **{"5m": 600_000, "1h": 400_000}).cost == Decimal("7.75")

    def test_c4_a_total_alone_is_billed_at_the_short_rate_and_flagged(self) -> None:
        entry = self.row(1_000_000)

        assert (entry.cost, entry.flags) == (Decimal("6.25"), ("ttl_unknown",))

    def test_c4_a_split_that_falls_short_of_the_total_drops_no_token(self) -> None:
        entry = self.row(1_000_000, **{"5m": 100_000, "1h": 400_000})

        assert tokens(entry) == {"cache_write_5m": 600_000, "cache_write_1h": 400_000}
        assert (entry.cost, entry.flags) == (Decimal("7.75"), ("ttl_unknown",))

    def test_c4_a_split_that_exceeds_the_total_drops_no_token(self) -> None:
        entry = self.row(900_000, **{"5m": 600_000, "1h": 400_000})

        assert (entry.cost, entry.flags) == (Decimal("7.75"), ("usage_mismatch",))

    def test_c4_a_long_write_without_a_rate_is_unknown_and_not_the_short_rate(self) -> None:
        entry = anthropic_row(self.raw(None, **{"1h": 400_000}), row(input="5", cache_write_5m="6.25"))

        assert (entry.cost, entry.cost_reason) == (None, "unpriced_component")

    def test_c4_openais_twelve_hour_writes_are_not_billed_at_the_short_rate(self) -> None:
        details = {"ttl_30m_tokens": 600_000, "ttl_12h_tokens": 400_000}
        sent = {"cache_write_tokens": 1_000_000, "cache_write_tokens_details": details}
        raw = {"prompt_tokens": 1_000_000, "completion_tokens": 0, "prompt_tokens_details": sent}

        assert openai_row(raw, OPUS).cost == Decimal("7.75")


def test_c5_reasoning_tokens_are_part_of_completion_tokens() -> None:
    raw = {
        "prompt_tokens": 0,
        "completion_tokens": 482,
        "completion_tokens_details": {"reasoning_tokens": 448},
    }
    entry = openai_row(raw)

    assert tokens(entry) == {"output": 34, "reasoning": 448}
    assert entry.cost == Decimal("0.00723")  # 482 x 15


class TestC6GeminisThinkingIsBilled:
    RAW = {
        "promptTokenCount": 20,
        "candidatesTokenCount": 151,
        "thoughtsTokenCount": 382,
        "totalTokenCount": 553,
    }

    def test_c6_thoughts_are_output(self) -> None:
        entry = gemini_row(self.RAW)

        assert tokens(entry) == {"input": 20, "output": 151, "reasoning": 382}
        assert (entry.cost, entry.flags) == (Decimal("0.008055"), ())  # 20 x 3 + 533 x 15

    def test_c6_tool_use_prompts_are_part_of_the_total(self) -> None:
        entry = gemini_row(self.RAW | {"toolUsePromptTokenCount": 7, "totalTokenCount": 560})

        assert tokens(entry) == {"input": 27, "output": 151, "reasoning": 382}
        assert entry.flags == ()

    def test_c6_a_total_that_does_not_add_up_is_flagged(self) -> None:
        assert gemini_row(self.RAW | {"totalTokenCount": 552}).flags == ("usage_mismatch",)

    def test_c6_answers_of_thoughts_alone_are_billed(self) -> None:
        entry = gemini_row({"promptTokenCount": 20, "thoughtsTokenCount": 382, "totalTokenCount": 402})

        assert entry.cost == Decimal("0.00579")


class TestC7TheLongContextTierHoldsForTheWholeRequest:
    """The base up to 272,000 input tokens, cached ones included; above that every bucket is dearer."""

    PRICES = (
        row(1, input="2", output="10", cache_read="0.2"),
        row(2, above=272_000, input="4", output="15", cache_read="0.4"),
    )

    def row(self, fresh: int, cached: int, *prices: PriceRow) -> Entry:
        return booked(Usage(input=fresh, cache_read=cached, output=1_000), (), *(prices or self.PRICES))

    def test_c7_every_bucket_is_at_the_upper_tier(self) -> None:
        entry = self.row(270_540, 7_936)

        assert (entry.price_id, entry.cost) == (2, Decimal("1.1003344"))

    def test_c7_below_it_every_bucket_is_at_the_base(self) -> None:
        entry = self.row(271_999 - 7_936, 7_936)

        assert (entry.price_id, entry.cost) == (1, Decimal("0.5397132"))

    def test_c7_the_boundary_is_the_price_rows(self) -> None:
        """A row holds for MORE than its threshold; a vendor's ``>=`` is written as one token less."""
        from_there_on = (self.PRICES[0], row(2, above=271_999, input="4", output="15", cache_read="0.4"))

        assert self.row(272_000, 0).price_id == 1
        assert self.row(272_001, 0).price_id == 2
        assert self.row(272_000, 0, *from_there_on).price_id == 2


class TestC8TheTierThatWasServedIsBilled:
    """What was asked for is no argument of any of these functions: only the answer says what was served."""

    PRICES = (
        row(1, input="2", output="10"),
        row(2, variant="flex", input="1", output="5"),
        row(3, variant="priority", input="4", output="20"),
    )
    USAGE = {"prompt_tokens": 1_000, "completion_tokens": 100}

    @pytest.mark.parametrize(
        ("served", "price", "cost"),
        [
            ("default", 1, "0.003"),
            (None, 1, "0.003"),
            ("flex", 2, "0.0015"),
            ("priority", 3, "0.006"),
            ("fast", 3, "0.006"),
        ],
    )
    def test_c8_the_answers_tier_decides(self, served: str | None, price: int, cost: str) -> None:
        entry = openai_row(self.USAGE, *self.PRICES, tier=served)

        assert (entry.price_id, entry.cost) == (price, Decimal(cost))

    def test_c8_a_tier_without_a_price_is_unknown(self) -> None:
        entry = openai_row(self.USAGE, self.PRICES[0], tier="flex")

        assert (entry.cost, entry.cost_reason) == (None, "unpriced_variant")

    def test_c8_a_tier_that_nobody_knows_is_unknown_and_flagged(self) -> None:
        served = [
            openai_row(self.USAGE, *self.PRICES, tier="scale"),
            anthropic_row({"input_tokens": 1, "service_tier": "express"}, *self.PRICES),
            gemini_row({"promptTokenCount": 1, "trafficType": "ON_DEMAND_OFFPEAK"}, *self.PRICES),
        ]

        assert {(entry.cost, entry.cost_reason) for entry in served} == {(None, "unpriced_variant")}
        assert {entry.flags for entry in served} == {("unknown_service_tier",)}

    @pytest.mark.parametrize(
        ("usage", "price"),
        [({"speed": "fast", "service_tier": "standard"}, "fast"), ({"service_tier": "batch"}, "batch")],
    )
    def test_c8_anthropics_speed_and_tier_have_rows_of_their_own(
        self, usage: dict[str, str], price: str
    ) -> None:
        rows = (CATALOG, row(7, variant=price, input="1", output="5"))
        entry = anthropic_row({"input_tokens": 1_000, "output_tokens": 0} | usage, *rows)

        assert (entry.price_id, entry.cost) == (7, Decimal("0.001"))

    def test_c8_a_region_that_multiplies_the_price_is_unknown(self) -> None:
        entry = anthropic_row({"input_tokens": 1_000, "inference_geo": "us"})

        assert (entry.cost, entry.cost_reason) == (None, "unpriced_component")
        assert entry.flags == ("unpriced:inference_geo_us",)


class TestC9FeesThatNoTokenCountExpresses:
    PRICE = row(input="3", output="15", per_request="0.01")

    def test_c9_two_searches_add_exactly_two_fees(self) -> None:
        raw = {"input_tokens": 1_000, "output_tokens": 0, "server_tool_use": {"web_search_requests": 2}}
        items = [{"type": "web_search_call", "status": "completed", "action": {"type": "search"}}] * 2
        grounded = {"groundingMetadata": {"webSearchQueries": ["a", "b"]}}

        assert anthropic_row(raw, self.PRICE).cost == Decimal("0.023")
        assert fees.fees_in(items) == (2, ())
        assert gemini.searches_in(grounded, "gemini-3-pro") == 2
        assert booked(Usage(input=1_000, requests=2), (), self.PRICE).cost == Decimal("0.023")

    def test_c9_a_tool_that_was_declared_and_not_used_adds_nothing(self) -> None:
        raw = {"input_tokens": 1_000, "output_tokens": 0, "server_tool_use": {"web_search_requests": 0}}

        assert anthropic_row(raw, self.PRICE).cost == Decimal("0.003")
        assert fees.fees_in([{"type": "message"}]) == (0, ())
        assert gemini.searches_in({"groundingMetadata": {}}, "gemini-3-pro") == 0

    def test_c9_a_counter_that_nobody_knows_makes_the_cost_unknown(self) -> None:
        raw = {"input_tokens": 1_000, "server_tool_use": {"web_search_requests": 1, "teleports": 1}}
        entry = anthropic_row(raw, self.PRICE)

        assert (entry.cost, entry.cost_reason) == (None, "unpriced_component")
        assert (entry.flags, entry.price_id, entry.input) == (("unpriced:teleports",), 1, 1_000)
        assert entry.exposure == ADMISSION.held_usd

    def test_c9_a_fee_of_another_kind_is_not_billed_as_a_search(self) -> None:
        requests, flags = fees.fees_in([{"type": "file_search_call"}])
        entry = booked(Usage(input=1_000, requests=requests), flags, self.PRICE)

        assert (entry.cost, entry.cost_reason) == (None, "unpriced_component")

    def test_c9_a_fee_without_a_rate_makes_the_cost_unknown(self) -> None:
        entry = booked(Usage(input=1_000, requests=1), (), CATALOG)

        assert (entry.cost, entry.cost_reason) == (None, "unpriced_component")
