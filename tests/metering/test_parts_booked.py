"""Several models inside one answer, on the books: booked together or not at all, and held once."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import psycopg
import pytest

from catalog.snapshot import CatalogSnapshot
from metering import verification
from metering.books import Books, Settled
from metering.entries import Admission, Result
from metering.models import CostEntry, DailySpend, Hold, Limit
from metering.usage import Part
from tests.metering import house as h
from tests.metering import ledger
from tests.metering.house import House
from tests.metering.prices import row
from tests.metering.test_parts import ADVICE, OWN, PARTS, catalog, model


@pytest.fixture
async def books(own: str, own_house: House) -> AsyncIterator[Books]:
    async with ledger.open_books(own) as (books, _):
        yield books
    assert ledger.differences() == []


@pytest.fixture
def limits(own_house: House) -> list[Limit]:
    return [h.make_limit(own_house, "10", unit=unit) for unit in ("usd", "requests")]


async def hold(books: Books, own: str, house: House) -> Admission:
    return await books.hold(
        call=ledger.call(house),
        bounds=ledger.BOUNDS,
        limits=await ledger.limits(own, house),
        expires_at=ledger.FAR_AWAY,
    )


def sold(house: House, *, other: int) -> CatalogSnapshot:
    """The called model, and another of the provider's with the id ``other``."""
    return catalog(
        model(house.model, "gpt-4o", *ledger.prices(house)),
        model(other, "gpt-next", row(house.price, input="5", output="25")),
    )


def settle(
    books: Books, admission: Admission, house: House, *, other: int | None = None
) -> "tuple[Settled, asyncio.Future[str]]":
    """Two models answered."""
    return books.settle(
        admission=admission,
        result=Result(
            outcome="ok",
            usage=OWN.plus(ADVICE),
            usage_source="reported",
            parts=(Part("", OWN), Part("gpt-next", ADVICE)),
        ),
        prices=ledger.prices(house),
        catalog=sold(house, other=other or house.unpriced_model),
    )


async def test_both_are_booked_and_the_call_counts_once(
    books: Books, own: str, own_house: House, limits: list[Limit]
) -> None:
    house = own_house

    settled, durable = settle(books, await hold(books, own, house), house)

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


async def test_all_parts_of_an_attempt_are_one_transaction(books: Books, own: str, own_house: House) -> None:
    """However many attempts wait: a batch that is full ends between two of them."""
    admissions = [await hold(books, own, own_house) for _ in range(100)]

    single = books.release(ledger.call(own_house))  # so that full batches of rows would split a pair
    ended = await asyncio.gather(single, *[settle(books, each, own_house)[1] for each in admissions])

    assert ended == ["released", *["booked"] * 100]
    query = "SELECT count(*) AS parts, count(DISTINCT xmin::text) AS writes FROM metering_costentry"
    assert await ledger.rows(own, f"{query} GROUP BY request_id") == [{"parts": 2, "writes": 1}] * 100


async def test_when_one_part_is_refused_none_is_booked_and_the_hold_stands(
    books: Books, own: str, own_house: House, limits: list[Limit]
) -> None:
    """Half an attempt on the books would free the whole budget. The sweeper books it as lost instead."""
    admissions = [await hold(books, own, own_house) for _ in range(3)]

    ended = await asyncio.gather(
        settle(books, admissions[0], own_house)[1],
        settle(books, admissions[1], own_house, other=999_999)[1],
        settle(books, admissions[2], own_house)[1],
        return_exceptions=True,
    )

    assert (ended[0], ended[2]) == ("booked", "booked")
    assert isinstance(ended[1], psycopg.IntegrityError)
    refused = admissions[1].call.request_id
    of_refused = f"SELECT part FROM metering_costentry WHERE request_id = '{refused}'"
    assert await ledger.rows(own, of_refused) == []
    assert await ledger.rows(own, "SELECT request_id FROM metering_hold") == [{"request_id": refused}]
    windows = f"SELECT held, spent FROM metering_limitwindow WHERE limit_id = {limits[0].pk}"
    assert await ledger.rows(own, windows) == [{"held": Decimal("0.60"), "spent": Decimal("0.02290")}]


async def test_each_attempt_of_a_batch_is_told_its_own_state(
    books: Books, own: str, own_house: House
) -> None:
    admissions = [await hold(books, own, own_house) for _ in range(2)]
    await settle(books, admissions[0], own_house)[1]

    ended = await asyncio.gather(
        settle(books, admissions[0], own_house)[1],
        settle(books, admissions[1], own_house)[1],
        books.release(ledger.call(own_house)),
    )

    assert ended == ["duplicate", "booked", "released"]


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


# Parts that were settled apart: by a version before this one, or by hand.


@pytest.fixture
def _books_balance(house: House) -> object:
    yield
    assert verification.verify().differences == []


@pytest.mark.usefixtures("_books_balance")
class TestSettledApart:
    def test_a_further_part_leaves_the_hold(self, house: House) -> None:
        window = h.opened(house, "5")
        item = h.hold(house, window)
        h.admit(item)

        assert h.settle(h.settled_hold(item, house, tokens={"input": 1}, cost="0.2", part=1)) == ["booked"]

        assert Hold.objects.count() == 1
        assert h.window(window) == (Decimal("0.60"), Decimal("0.2"), 0)

    def test_the_first_part_takes_it(self, house: House) -> None:
        window = h.opened(house, "5")
        item = h.hold(house, window)
        h.admit(item)

        h.settle(h.settled_hold(item, house, tokens={"input": 1}, cost="0.2", part=1))
        h.settle(h.settled_hold(item, house, tokens={"input": 1}, cost="0.1", part=0))

        assert Hold.objects.count() == 0
        assert h.window(window) == (0, Decimal("0.3"), 0)

    def test_a_correction_of_a_further_part_leaves_the_hold(self, house: House) -> None:
        window = h.opened(house, "5")
        item = h.hold(house, window)
        h.admit(item)
        h.settle(h.settled_hold(item, house, tokens={"input": 1}, cost="0.2", part=1))

        h.settle(h.correction(house, CostEntry.objects.get(), cost="-0.05", note="ada: a discount"))

        assert h.window(window) == (Decimal("0.60"), Decimal("0.15"), 0)

    def test_after_a_crash_between_them_the_first_is_booked_as_lost(self, house: House) -> None:
        usd = h.opened(house, "5")
        requests = h.opened(house, "5", unit="requests")
        item = h.hold(house, usd, requests)
        h.admit(item)
        h.settle(h.settled_hold(item, house, tokens={"input": 1}, cost="0.2", part=1))

        assert h.settle(h.lost(item, house, exposure="0.60", tokens=150)) == ["booked"]

        assert h.window(usd) == (0, Decimal("0.2"), Decimal("0.60"))
        assert h.window(requests) == (0, 1, 0)
        assert list(CostEntry.objects.order_by("part").values_list("part", "cost_reason")) == [
            (0, "lost"),
            (1, ""),
        ]
        assert Hold.objects.count() == 0

    def test_and_its_answer_after_all_corrects_it(self, house: House) -> None:
        window = h.opened(house, "5")
        item = h.hold(house, window)
        h.admit(item)
        part = h.settled_hold(item, house, tokens={"input": 1}, cost="0.2", part=1)
        h.settle(part)
        h.settle(h.lost(item, house, exposure="0.60", tokens=150))

        assert h.settle(h.settled_hold(item, house, tokens={"input": 1}, cost="0.1"), part) == [
            "late",
            "duplicate",
        ]
        assert h.window(window) == (0, Decimal("0.3"), 0)

    def test_when_the_worker_lives_both_together_book_what_is_missing(self, house: House) -> None:
        window = h.opened(house, "5")
        item = h.hold(house, window)
        h.admit(item)
        part = h.settled_hold(item, house, tokens={"input": 1}, cost="0.2", part=1)
        h.settle(part)

        assert h.settle(h.settled_hold(item, house, tokens={"input": 1}, cost="0.1"), part) == [
            "booked",
            "duplicate",
        ]
        assert h.window(window) == (0, Decimal("0.3"), 0)


def test_two_parts_of_unknown_cost_that_state_the_hold_once_are_not_unbounded(house: House) -> None:
    window = h.opened(house, "5")
    item = h.hold(house, window)
    h.admit(item)

    h.settle(
        h.settled_hold(item, house, tokens={"input": 1}, exposure="0.60"),
        h.settled_hold(item, house, tokens={"input": 1}, exposure="0", part=1),
    )

    found = DailySpend.objects.get()
    assert (found.unpriced, found.unbounded, found.exposure) == (2, 0, Decimal("0.60"))
    assert h.window(window) == (0, 0, Decimal("0.60"))
    assert verification.verify().differences == []


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
