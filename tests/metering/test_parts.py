"""Several models inside one answer: one row each, at each model's own price."""

import dataclasses
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from catalog.snapshot import CatalogSnapshot, ModelRow, PriceRow, ProviderRow
from metering import bookkeeping, shares
from metering.entries import Admission, Entry, Result
from metering.usage import OTHER_MODEL, Part, Usage
from tests.metering.prices import row
from tests.metering.test_bookkeeping import ADMISSION, CALL

OWN, ADVICE = Usage(input=1_000, output=100), Usage(input=2_000, output=10)
PARTS = (Part("", OWN), Part("opus", ADVICE))


def provider(**fields: Any) -> ProviderRow:
    """A provider of which only its id and what it says of costs matters."""
    made: dict[str, Any] = {
        name: 1
        for name, field in ProviderRow.__dataclass_fields__.items()
        if field.default is dataclasses.MISSING
    }
    return ProviderRow(**made | fields)


def model(id: int, name: str, *prices: PriceRow, seller: ProviderRow | None = None) -> ModelRow:
    return ModelRow(
        id=id,
        name=name,
        provider=seller or provider(),
        context_window=None,
        max_output_tokens=None,
        prices=prices,
    )


def catalog(*models: ModelRow) -> CatalogSnapshot:
    return CatalogSnapshot(keys={}, routes={}, providers={}, models={m.id: m for m in models})


SONNET = model(CALL.model_id, "sonnet", row(5, input="1", output="2"))
OPUS = model(8, "opus", row(9, input="5", output="25"))
BOTH = catalog(SONNET, OPUS)


def entries(
    *, known: CatalogSnapshot | None = BOTH, admission: Admission = ADMISSION, **result: Any
) -> tuple[Entry, ...]:
    given: dict[str, Any] = {
        "usage": OWN.plus(ADVICE),
        "usage_source": "reported",
        "parts": PARTS,
        "flags": (OTHER_MODEL,),
    }
    return bookkeeping.entries_for(
        admission=admission,
        result=Result(**({"outcome": "ok"} | given | result)),
        prices=SONNET.prices,
        zone=ZoneInfo("UTC"),
        catalog=known,
    )


def test_each_model_has_a_row_at_its_own_price() -> None:
    own, advice = entries(raw_usage={"iterations": []}, latency_ms=90, served_model="sonnet-5", status=200)

    assert (own.part, own.model_id, own.price_id, own.cost) == (0, 3, 5, Decimal("0.0012"))
    assert (own.input, own.output, own.served_model, own.latency_ms) == (1_000, 100, "sonnet-5", 90)
    assert (advice.part, advice.model_id, advice.price_id, advice.cost) == (1, 8, 9, Decimal("0.01025"))
    assert (advice.input, advice.output, advice.served_model, advice.latency_ms) == (2_000, 10, "opus", None)
    assert (advice.request_id, advice.attempt, advice.status) == (own.request_id, own.attempt, 200)
    assert (own.raw_usage, advice.raw_usage) == ({"iterations": []}, None)
    assert (own.held, advice.held) == (Decimal("0.60"), None)
    assert bookkeeping.total_cost((own, advice)) == Decimal("0.01145")


@pytest.mark.parametrize(
    "known", [catalog(SONNET), None, catalog(SONNET, dataclasses.replace(OPUS, provider=provider(id=2)))]
)
def test_a_model_that_the_provider_is_not_known_to_sell_is_unpriced(known: CatalogSnapshot | None) -> None:
    own, advice = entries(known=known)

    assert own.cost == Decimal("0.0012")
    assert (advice.cost, advice.cost_reason, advice.price_id) == (None, "unpriced", None)
    assert (advice.model_id, advice.served_model) == (3, "opus")
    assert (own.exposure, advice.exposure) == (None, Decimal("0.60"))
    assert bookkeeping.total_cost((own, advice)) is None


def test_parts_of_unknown_cost_state_the_hold_once() -> None:
    own, advice = entries(known=catalog(SONNET), flags=(OTHER_MODEL, "unpriced:code_execution_requests"))

    assert (own.cost, own.cost_reason, advice.cost) == (None, "unpriced_component", None)
    assert (own.exposure, advice.exposure) == (Decimal("0.60"), Decimal(0))


def test_where_nothing_was_held_no_part_of_unknown_cost_states_anything() -> None:
    nothing = msgspec.structs.replace(ADMISSION, held_usd=None)
    own, advice = entries(known=catalog(SONNET), admission=nothing, flags=("unpriced:ocr",))

    assert (own.cost, advice.cost) == (None, None)
    assert (own.exposure, advice.exposure) == (None, None)


def test_usage_of_another_model_that_nobody_told_apart_is_unknown() -> None:
    [entry] = entries(parts=())

    assert (entry.cost, entry.cost_reason, entry.price_id) == (None, "unpriced_component", 5)
    assert (entry.input, entry.output) == (3_000, 110)


def test_parts_of_the_called_model_alone_are_one_row() -> None:
    [entry] = entries(parts=(Part("sonnet", OWN), Part("", ADVICE)), flags=())

    assert (entry.part, entry.input, entry.cost) == (0, 3_000, Decimal("0.00322"))


def test_an_answer_that_another_model_gave_alone_leaves_a_row_of_nothing() -> None:
    """A fallback: the called model was asked, refused, and is booked at 0 because its price is known."""
    own, fallback = entries(usage=ADVICE, parts=(Part("opus", ADVICE),))

    assert (own.input, own.cost, own.price_id) == (0, Decimal(0), 5)
    assert fallback.cost == Decimal("0.01025")


def test_together_they_overrun_what_was_held() -> None:
    little = msgspec.structs.replace(ADMISSION, held_usd=Decimal("0.01"))
    own, advice = entries(admission=little)

    assert (own.overrun, advice.overrun) == (True, False)


def test_what_the_parts_do_not_tell_is_the_called_models() -> None:
    own, _ = shares.split(
        Usage(input=3_000, output=110, requests=2), PARTS, model_id=CALL.model_id, catalog=BOTH
    )

    assert own == Usage(input=1_000, output=100, requests=2)


def answered_by(models: int) -> dict[str, Any]:
    """An answer that so many models other than the called one worked on, a token each."""
    return {
        "usage": Usage(input=models),
        "parts": tuple(Part(f"opus-{number}", Usage(input=1)) for number in range(models)),
    }


def test_twenty_other_models_have_a_row_each() -> None:
    assert len(entries(**answered_by(20))) == 21


def test_more_models_than_a_bill_can_mean_are_not_told_apart() -> None:
    [entry] = entries(**answered_by(21), flags=())

    assert (entry.cost, entry.cost_reason, entry.input) == (None, "unpriced_component", 21)
    assert (entry.exposure, entry.flags) == (Decimal("0.60"), (OTHER_MODEL,))


def test_a_part_that_counts_more_than_any_answer_can_have_makes_the_usage_unknown() -> None:
    [entry] = entries(parts=(Part("opus", Usage(input=10**9 + 1)),))

    assert (entry.cost, entry.cost_reason, entry.input) == (None, "no_usage", None)
    assert entry.flags == (OTHER_MODEL, "usage_out_of_range")
