"""Several models inside one answer: one row each, at each model's own price."""

import dataclasses
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from catalog.snapshot import CatalogSnapshot, ModelRow, PriceRow, ProviderRow
from metering import bookkeeping, shares, verification
from metering.books import Books
from metering.entries import Admission, Entry, Result
from metering.models import Limit
from metering.usage import OTHER_MODEL, Part, Usage
from tests.metering import house as h
from tests.metering import ledger
from tests.metering.house import House
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
    assert (own.exposure, advice.exposure) == (Decimal("0.60"), None)


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


# On committed data


@pytest.fixture
async def books(own: str, own_house: House) -> AsyncIterator[Books]:
    async with ledger.open_books(own) as (books, _):
        yield books
    assert ledger.differences() == []


@pytest.fixture
def limits(own_house: House) -> list[Limit]:
    return [h.make_limit(own_house, "10", unit=unit) for unit in ("usd", "requests")]


async def test_all_parts_are_durable_when_the_first_is(
    books: Books, own: str, own_house: House, limits: list[Limit]
) -> None:
    house = own_house
    admission = await books.hold(
        call=ledger.call(house),
        bounds=ledger.BOUNDS,
        limits=await ledger.limits(own, house),
        expires_at=ledger.FAR_AWAY,
    )
    called = model(house.model, "gpt-4o", *ledger.prices(house))
    other = model(house.unpriced_model, "gpt-next", row(house.price, input="5", output="25"))
    result = Result(
        outcome="ok",
        usage=OWN.plus(ADVICE),
        usage_source="reported",
        parts=(Part("", OWN), Part("gpt-next", ADVICE)),
    )

    settled, durable = books.settle(
        admission=admission, result=result, prices=called.prices, catalog=catalog(called, other)
    )

    assert await durable == "booked"
    assert settled.cost == Decimal("0.01145")
    query = "SELECT part, model_id, attempt, cost FROM metering_costentry ORDER BY part"
    assert await ledger.rows(own, query) == [
        {"part": 0, "model_id": house.model, "attempt": 1, "cost": Decimal("0.0012")},
        {"part": 1, "model_id": house.unpriced_model, "attempt": 1, "cost": Decimal("0.01025")},
    ]
    daily = "SELECT model_id, calls, attempts, cost FROM metering_dailyspend ORDER BY calls DESC"
    assert await ledger.rows(own, daily) == [
        {"model_id": house.model, "calls": 1, "attempts": 1, "cost": Decimal("0.0012")},
        {"model_id": house.unpriced_model, "calls": 0, "attempts": 1, "cost": Decimal("0.01025")},
    ]
    windows = f"SELECT held, spent FROM metering_limitwindow WHERE limit_id = {limits[1].pk}"
    assert await ledger.rows(own, windows) == [{"held": 0, "spent": 1}]


async def test_settling_again_books_no_part_twice(books: Books, own: str, own_house: House) -> None:
    admission = await books.hold(
        call=ledger.call(own_house), bounds=ledger.BOUNDS, limits=[], expires_at=ledger.FAR_AWAY
    )
    result = Result(outcome="ok", usage=OWN.plus(ADVICE), usage_source="reported", parts=PARTS)

    for state in ("booked", "duplicate"):
        _, durable = books.settle(
            admission=admission, result=result, prices=ledger.prices(own_house), catalog=None
        )
        assert await durable == state
    assert len(await ledger.rows(own, "SELECT 1 FROM metering_costentry")) == 2


def test_a_window_opened_later_counts_one_request(house: House) -> None:
    request = h.new_request()
    h.settle(
        h.entry(house, request=request, tokens={"input": 1}, cost="0.1"),
        h.entry(house, request=request, tokens={"input": 1}, cost="0.2", part=1),
    )

    assert h.window(h.opened(house, "5", unit="requests"))[1] == 1
    assert h.window(h.opened(house, "5"))[1] == Decimal("0.3")


def test_a_part_that_comes_after_the_sweep_is_booked_beside_the_correction(house: House) -> None:
    window = h.opened(house, "5")
    item = h.hold(house, window)
    h.admit(item)
    h.settle(h.lost(item, house, exposure="0.60", tokens=150))

    part = h.settled_hold(item, house, tokens={"input": 1}, cost="0.2", part=1, latency_ms=None)
    own = h.settled_hold(item, house, tokens={"input": 1}, cost="0.1")

    assert h.settle(part, own) == ["booked", "late"]
    assert h.settle(part, own) == ["duplicate", "duplicate"]
    assert h.window(window) == (Decimal(0), Decimal("0.3"), Decimal(0))
    assert verification.verify().differences == []
