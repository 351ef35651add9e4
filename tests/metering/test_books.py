"""A worker's books over a real pool, on committed data."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from metering import admitting, bookkeeping, held_connection
from metering.books import Books
from metering.entries import Admission, Bounds, Call, Entry
from metering.errors import LedgerUnavailable, LimitReached
from metering.limit_book import LimitRow
from metering.models import Limit
from metering.usage import Part, Usage
from tests.metering import house as h
from tests.metering import ledger
from tests.metering.house import House
from tests.metering.ledger import BOUNDS, FAR_AWAY


@pytest.fixture
async def books(own: str, own_house: House) -> AsyncIterator[Books]:
    async with ledger.open_books(own) as (books, _):
        yield books
    assert ledger.differences() == []


async def hold(books: Books, call: Call, *limits: LimitRow, bounds: Bounds = BOUNDS) -> Admission:
    return await books.hold(call=call, bounds=bounds, limits=limits, expires_at=FAR_AWAY)


def settle(books: Books, house: House, admission: Admission, **result: Any) -> "asyncio.Future[str]":
    _, durable = books.settle(
        admission=admission, result=ledger.answer(**result), prices=ledger.prices(house)
    )
    return durable


async def holds(own: str) -> int:
    return len(await ledger.rows(own, "SELECT 1 FROM metering_hold"))


async def costs(own: str) -> list[Decimal | None]:
    return [row["cost"] for row in await ledger.rows(own, "SELECT cost FROM metering_costentry ORDER BY id")]


@pytest.fixture
def monthly(own_house: House) -> Limit:
    """A hard budget of 1.00 USD a month."""
    return h.make_limit(own_house, "1.00")


@pytest.fixture
async def budget(own: str, own_house: House, monthly: Limit) -> list[LimitRow]:
    return await ledger.limits(own, own_house)


async def test_a_call_is_held_and_then_booked(
    books: Books, own: str, own_house: House, budget: list[LimitRow]
) -> None:
    admission = await hold(books, ledger.call(own_house, tags={"env": "prod"}), *budget)

    assert (admission.output_tokens, admission.held_usd, admission.held_tokens) == (50, Decimal("0.60"), 150)
    assert admission.limited is True
    [kept] = await ledger.rows(own, "SELECT usd, tags, worker, expires_at FROM metering_hold")
    assert kept == {
        "usd": Decimal("0.60"),
        "tags": {"env": "prod"},
        "worker": h.WORKER,
        "expires_at": FAR_AWAY,
    }

    assert await settle(books, own_house, admission) == "booked"

    assert await holds(own) == 0
    assert await costs(own) == [Decimal("0.00102")]
    [window] = await ledger.rows(own, "SELECT held, spent FROM metering_limitwindow")
    assert window == {"held": 0, "spent": Decimal("0.00102")}


async def test_the_cost_is_known_before_it_is_durable(books: Books, own_house: House) -> None:
    admission = await hold(books, ledger.call(own_house))

    entry, durable = books.settle(
        admission=admission, result=ledger.answer(), prices=ledger.prices(own_house)
    )

    assert (entry.cost, durable.done()) == (Decimal("0.00102"), False)
    await durable


async def test_a_call_without_limits_is_held_too(books: Books, own: str, own_house: House) -> None:
    admission = await hold(books, ledger.call(own_house))

    assert admission.limited is False
    assert await holds(own) == 1


async def test_a_hard_limit_refuses_with_its_facts(
    books: Books, own: str, own_house: House, budget: list[LimitRow]
) -> None:
    await hold(books, ledger.call(own_house), *budget)

    with pytest.raises(LimitReached) as refusal:
        await hold(books, ledger.call(own_house), *budget)

    reached = refusal.value
    assert (reached.limit_id, reached.reason, reached.period) == (budget[0].id, "usd", "month")
    assert reached.room == Decimal("0.40")
    assert reached.resets_at == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert await holds(own) == 1


async def test_calls_at_the_same_moment_share_one_budget(
    books: Books, own: str, own_house: House, budget: list[LimitRow]
) -> None:
    """Fifty at once, room for one; two workers' books."""
    async with ledger.open_books(own, worker=uuid.uuid4()) as (other, _):
        attempts = [
            hold(worker, ledger.call(own_house), *budget) for _ in range(25) for worker in (books, other)
        ]
        ended = await asyncio.gather(*attempts, return_exceptions=True)

    assert sum(isinstance(end, Admission) for end in ended) == 1
    assert sum(isinstance(end, LimitReached) for end in ended) == 49


async def test_releasing_frees_the_hold_and_books_nothing(
    books: Books, own: str, own_house: House, budget: list[LimitRow]
) -> None:
    admission = await hold(books, ledger.call(own_house), *budget)

    assert await books.release(admission.call) == "released"

    assert (await holds(own), await costs(own)) == (0, [])


async def test_a_window_deleted_under_us_is_opened_again(
    books: Books, own: str, own_house: House, budget: list[LimitRow]
) -> None:
    """The sweeper tidies minute windows away; a worker that knows one by its id finds the new one."""
    admission = await hold(books, ledger.call(own_house), *budget)
    await books.release(admission.call)
    await ledger.execute(own, "DELETE FROM metering_limitwindow")

    assert (await hold(books, ledger.call(own_house), *budget)).held_usd == Decimal("0.60")


async def test_a_limit_deleted_under_us_means_try_again(books: Books, own: str, own_house: House) -> None:
    gone = LimitRow(
        id=999_999,
        team_id=own_house.team,
        api_key_id=None,
        model_id=None,
        unit="usd",
        period="month",
        mode="hard",
    )

    with pytest.raises(LedgerUnavailable, match="limits are being changed"):
        await hold(books, ledger.call(own_house), gone)

    assert await holds(own) == 0


@asynccontextmanager
async def away() -> AsyncIterator[Books]:
    """Books whose PostgreSQL does not exist."""
    pool = ledger.new_pool("host=127.0.0.1 port=1 dbname=none user=none", timeout=0.2)
    await pool.open(wait=False)
    books = Books(pool=pool, zone=h.UTC, worker=h.WORKER)
    books.start()
    try:
        yield books
    finally:
        await books.stop()
        await pool.close()


async def test_nothing_is_promised_while_postgresql_is_unreachable(own_house: House) -> None:
    async with away() as books:
        with pytest.raises(LedgerUnavailable):
            await hold(books, ledger.call(own_house))


async def test_a_connection_that_breaks_loses_no_settlement(books: Books, own: str, own_house: House) -> None:
    admission = await hold(books, ledger.call(own_house))
    warm = await hold(books, ledger.call(own_house))
    await settle(books, own_house, warm)
    await ledger.break_connections(own)

    assert await settle(books, own_house, admission) == "booked"
    assert await costs(own) == [Decimal("0.00102")] * 2


async def test_the_first_call_after_a_broken_connection_is_held_once(
    books: Books, own: str, own_house: House, budget: list[LimitRow]
) -> None:
    await books.release((await hold(books, ledger.call(own_house), *budget)).call)
    await ledger.break_connections(own)

    assert (await hold(books, ledger.call(own_house), *budget)).held_usd == Decimal("0.60")

    assert await holds(own) == 1
    [window] = await ledger.rows(own, "SELECT held FROM metering_limitwindow")
    assert window["held"] == Decimal("0.60")


async def test_a_call_does_not_wait_for_postgresql_that_is_known_to_be_away(own_house: House) -> None:
    """The second: the first found out."""
    async with away() as books:
        for _ in range(2):
            began = asyncio.get_running_loop().time()
            with pytest.raises(LedgerUnavailable):
                await hold(books, ledger.call(own_house))

        assert asyncio.get_running_loop().time() - began < 0.7


# E4: one poisoned row does not take its neighbours with it.

POISON = [
    pytest.param({"route": "a\x00b"}, id="nul"),
    pytest.param({"tags": {"feature": "a\x00b"}}, id="nul in a tag"),
    pytest.param({"route": "\ud800"}, id="surrogate"),
    pytest.param({"route": "x" * 201}, id="too long"),
    pytest.param({"team_id": 999_999}, id="no such team"),
]


@pytest.mark.parametrize("fields", POISON)
async def test_a_hold_that_cannot_be_written_fails_alone(
    books: Books, own: str, own_house: House, fields: dict[str, Any]
) -> None:
    calls = [ledger.call(own_house), ledger.call(own_house, **fields), ledger.call(own_house)]

    ended = await asyncio.gather(*[hold(books, call) for call in calls], return_exceptions=True)

    assert [isinstance(end, Admission) for end in ended] == [True, False, True]
    assert await holds(own) == 2


@pytest.mark.parametrize("fields", POISON)
async def test_an_entry_that_cannot_be_written_fails_alone_and_keeps_its_hold(
    books: Books, own: str, own_house: House, fields: dict[str, Any]
) -> None:
    admissions = [await hold(books, ledger.call(own_house)) for _ in range(3)]
    entries = [
        books_entry(admission, own_house, **(fields if number == 1 else {}))
        for number, admission in enumerate(admissions)
    ]

    ended = await asyncio.gather(*[books.submit(entry) for entry in entries], return_exceptions=True)

    assert [ended[0], ended[2]] == ["booked", "booked"]
    assert isinstance(ended[1], Exception)
    [left] = await ledger.rows(own, "SELECT request_id FROM metering_hold")
    assert left["request_id"] == admissions[1].call.request_id


def books_entry(admission: Admission, house: House, **fields: Any) -> Entry:
    entry = bookkeeping.entry_for(
        admission=admission, result=ledger.answer(), prices=ledger.prices(house), zone=h.UTC
    )
    for name, value in fields.items():
        setattr(entry, name, value)
    return entry


@pytest.mark.parametrize(
    "said",
    [
        {"usage": Usage(input=10**25)},
        {"flags": ("native_finish:" + "x" * 40, "left_out:a\x00b", "\ud800")},
        {"raw_usage": {"count": 10**25}},
        {"raw_usage": {"rate": float("nan")}},
        *(
            {name: "\x00\ud800" + "\U0001f600" * 1_000}
            for name in ("finish_reason", "served_model", "upstream_id", "error_message", "error_class")
        ),
        {"variant": "a tier that nobody ever heard of"},
        {"parts": tuple(Part(f"model-{number}", Usage(input=1)) for number in range(40_000))},
    ],
    ids=lambda said: next(iter(said)),
)
async def test_nothing_that_a_vendor_says_stops_a_booking(
    books: Books, own: str, own_house: House, said: dict[str, Any]
) -> None:
    admission = await hold(books, ledger.call(own_house))

    assert await settle(books, own_house, admission, **said) == "booked"
    assert (await holds(own), len(await costs(own))) == (0, 1)


async def test_a_lost_entry_and_the_real_one_in_the_same_batch_are_booked_one_after_the_other(
    books: Books, own: str, own_house: House
) -> None:
    admission = await hold(books, ledger.call(own_house))
    lost = bookkeeping.lost_entry(
        call=admission.call, held_usd=Decimal("0.60"), held_tokens=150, price_id=None, zone=h.UTC
    )

    ended = await asyncio.gather(books.submit(lost), settle(books, own_house, admission))

    assert ended == ["booked", "late"]
    assert await costs(own) == [None, Decimal("0.00102")]


# E2: callers leave.


@pytest.fixture
async def windows_locked(
    own: str, books: Books, own_house: House, budget: list[LimitRow]
) -> AsyncIterator[Any]:
    """Another session holds the window's lock until told to let go: what is written now must wait."""
    await books.release((await hold(books, ledger.call(own_house), *budget)).call)
    async with await psycopg.AsyncConnection.connect(own) as other:
        await other.execute("SELECT 1 FROM metering_limitwindow FOR UPDATE")
        yield other


async def until_blocked(own: str, sessions: int = 1) -> list[int]:
    """The process ids of those that wait for a lock."""
    query = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
    )
    while len(waiting := await ledger.rows(own, query)) < sessions:  # noqa: ASYNC110 - no Event
        await asyncio.sleep(0.005)
    return [row["pid"] for row in waiting]


async def test_a_hold_whose_connection_broke_is_not_written_twice_though_its_server_process_lived_on(
    books: Books, own: str, own_house: House, budget: list[LimitRow], windows_locked: Any
) -> None:
    """Two sessions write one hold, of which the budget has room for one: both say that it is held."""
    call = ledger.call(own_house)
    async with ledger.open_books(own, worker=uuid.uuid4()) as (outlived, _):
        first = asyncio.ensure_future(hold(books, call, *budget))
        [broken] = await until_blocked(own)
        second = asyncio.ensure_future(hold(outlived, call, *budget))
        await until_blocked(own, sessions=2)
        await ledger.execute(own, "SELECT pg_terminate_backend(%s)", broken)
        while broken in await until_blocked(own, sessions=2):
            pass
        await windows_locked.commit()

        admissions = await asyncio.gather(first, second)

    assert {admission.held_usd for admission in admissions} == {Decimal("0.60")}
    assert await holds(own) == 1
    [window] = await ledger.rows(own, "SELECT held FROM metering_limitwindow")
    assert window["held"] == Decimal("0.60")


async def test_a_hold_that_a_server_process_writes_after_it_was_given_up_is_released_again(
    books: Books, own: str, own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL answers nothing: the worker hangs up twice and gives up; the processes of both go on."""
    monkeypatch.setattr(held_connection, "SILENCE_SECONDS", 0.1)
    monkeypatch.setattr(admitting, "AGAIN_SECONDS", 2.0)
    async with await psycopg.AsyncConnection.connect(own) as other:
        await other.execute("SELECT 1 FROM catalog_team FOR UPDATE")  # who writes a hold waits for its team
        with pytest.raises(LedgerUnavailable):
            await hold(books, ledger.call(own_house))
        await asyncio.wait_for(books.release(ledger.call(own_house)), 3)  # so the first release is written
        assert await holds(own) == 0

    async with asyncio.timeout(5):
        while not await holds(own):  # noqa: ASYNC110 - no Event
            await asyncio.sleep(0.01)
        while await holds(own):  # noqa: ASYNC110 - no Event
            await asyncio.sleep(0.01)


async def test_a_caller_who_leaves_while_waiting_for_its_hold_leaves_no_hold(
    books: Books, own: str, own_house: House, budget: list[LimitRow], windows_locked: Any
) -> None:
    leaving = asyncio.ensure_future(hold(books, ledger.call(own_house), *budget))
    await until_blocked(own)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await windows_locked.commit()

    await books.stop()

    assert (await holds(own), await costs(own)) == (0, [])


async def test_the_settlement_of_a_caller_who_left_is_written(
    books: Books, own: str, own_house: House, budget: list[LimitRow]
) -> None:
    admission = await hold(books, ledger.call(own_house), *budget)
    async with await psycopg.AsyncConnection.connect(own) as other:
        await other.execute("SELECT 1 FROM metering_limitwindow FOR UPDATE")

        async def answer() -> None:
            await settle(books, own_house, admission)

        leaving = asyncio.ensure_future(answer())
        await until_blocked(own)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await other.commit()
    await books.stop()

    assert (await holds(own), await costs(own)) == (0, [Decimal("0.00102")])


async def test_stopping_writes_what_is_waiting(books: Books, own: str, own_house: House) -> None:
    admissions = await asyncio.gather(*[hold(books, ledger.call(own_house)) for _ in range(200)])
    for admission in admissions:
        settle(books, own_house, admission)

    await books.stop()

    assert (await holds(own), len(await costs(own))) == (0, 200)
