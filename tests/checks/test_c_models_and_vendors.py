"""Checks C10 and C12: the vendor's own figure beside ours, and several models inside one answer."""

from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from metering import bookkeeping
from metering.entries import Entry, Result
from proxy.adapters.anthropic import usage as anthropic
from proxy.adapters.openai import fees
from proxy.adapters.openai import usage as openai
from tests.metering.prices import row
from tests.metering.test_bookkeeping import ADMISSION, CALL
from tests.metering.test_parts import catalog, model, provider

PRICE = row(5, input="1", output="2")


class TestC10TheVendorsOwnFigureIsNotTakenAtItsWord:
    """OpenRouter says what it charges; our price list says 0.001 USD."""

    def entry(self, raw: dict[str, Any], **terms: Any) -> Entry:
        usage, flags = openai.usage_from(raw)
        result = Result(
            outcome="ok",
            usage=usage,
            usage_source="reported",
            raw_usage=raw,
            flags=flags,
            reported_cost=fees.reported_cost_from(raw),
        )
        [entry] = bookkeeping.entries_for(
            admission=ADMISSION,
            result=result,
            prices=(PRICE,),
            zone=ZoneInfo("UTC"),
            catalog=catalog(model(CALL.model_id, "m", PRICE, seller=provider(**terms))),
        )
        return entry

    def told(self, cost: Any) -> dict[str, Any]:
        return {"prompt_tokens": 1_000, "completion_tokens": 0, "total_tokens": 1_000, "cost": cost}

    def test_c10_an_astronomic_figure_is_kept_flagged_and_not_charged(self) -> None:
        entry = self.entry(self.told(4200))

        assert (entry.cost, entry.cost_reason) == (Decimal("0.001"), "")
        assert (entry.reported_cost, entry.flags) == (Decimal(4200), ("reported_cost_diverges",))

    def test_c10_a_figure_within_the_tolerance_is_kept_without_a_flag(self) -> None:
        entry = self.entry(self.told(0.00102))

        assert (entry.cost, entry.reported_cost) == (Decimal("0.001"), Decimal("0.00102"))
        assert entry.flags == ()

    def test_c10_a_provider_can_be_trusted_with_its_figure(self) -> None:
        entry = self.entry(self.told(0.313), trusts_reported_cost=True)

        assert (entry.cost, entry.cost_reason) == (Decimal("0.313"), "reported")

    def test_c10_a_figure_in_another_currency_is_no_figure(self) -> None:
        entry = self.entry(self.told({"currency": "CNY", "total_cost": 0.313}), trusts_reported_cost=True)

        assert (entry.cost, entry.reported_cost) == (Decimal("0.001"), None)
        assert entry.flags == ("reported_cost_missing",)


class TestC12SeveralModelsInsideOneAnswer:
    """fable-5 was called and gave nothing; the vendor let opus-4-8 answer."""

    RAW: ClassVar[dict[str, Any]] = {
        "input_tokens": 412,
        "output_tokens": 264,
        "iterations": [
            {"type": "message", "model": "claude-fable-5", "input_tokens": 408, "output_tokens": 0},
            {
                "type": "fallback_message",
                "model": "claude-opus-4-8",
                "input_tokens": 412,
                "output_tokens": 264,
            },
        ],
    }
    FABLE = model(CALL.model_id, "claude-fable-5", row(5, input="10", output="50"))
    OPUS = model(8, "claude-opus-4-8", row(9, input="5", output="25"))

    def rows(self, raw: dict[str, Any], *known: Any) -> tuple[Entry, ...]:
        usage, flags = anthropic.usage_from(raw, "claude-opus-4-8")
        parts = anthropic.parts_from(raw, "claude-opus-4-8")
        return bookkeeping.entries_for(
            admission=ADMISSION,
            result=Result(outcome="ok", usage=usage, usage_source="reported", parts=parts, flags=flags),
            prices=self.FABLE.prices,
            zone=ZoneInfo("UTC"),
            catalog=catalog(*known),
        )

    def test_c12_each_model_is_an_attempt_row_at_its_own_price(self) -> None:
        called, fallback = self.rows(self.RAW, self.FABLE, self.OPUS)

        assert (called.model_id, called.price_id, called.cost) == (CALL.model_id, 5, Decimal("0.00408"))
        assert (fallback.model_id, fallback.price_id, fallback.cost) == (8, 9, Decimal("0.00866"))
        assert {called.kind, fallback.kind} == {"attempt"}

    def test_c12_an_iteration_of_no_tokens_costs_nothing_only_where_there_is_a_price(self) -> None:
        first, second = self.RAW["iterations"]
        raw = self.RAW | {"iterations": [first | {"input_tokens": 0}, second]}

        assert self.rows(raw, self.FABLE, self.OPUS)[0].cost == Decimal(0)

    def test_c12_a_model_that_the_catalog_does_not_know_is_unknown_and_not_free(self) -> None:
        called, fallback = self.rows(self.RAW, self.FABLE)

        assert called.cost == Decimal("0.00408")
        assert (fallback.cost, fallback.cost_reason) == (None, "unpriced")
        assert bookkeeping.total_cost((called, fallback)) is None
