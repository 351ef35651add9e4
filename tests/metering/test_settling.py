"""What cannot be booked goes to the spool and from there, in order and once, into the ledger."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from metering import bookkeeping, spool
from metering.books import Books
from metering.entries import Admission, Entry
from metering.errors import LedgerUnavailable
from metering.spool import Spool
from metering.sweeper import Sweeper
from tests.metering import house as h
from tests.metering import ledger
from tests.metering.house import House
from tests.metering.ledger import BOUNDS, FAR_AWAY

DEAD = uuid.UUID("00000000-0000-4000-8000-00000000dead")


@pytest.fixture
async def keeping(own: str, tmp_path: Path) -> AsyncIterator[tuple[Books, Any]]:
    """Books with a spool, and their pool."""
    async with ledger.open_books(own, folder=tmp_path) as (books, pool):
        yield books, pool
    assert ledger.differences() == []


@pytest.fixture
def books(keeping: tuple[Books, Any]) -> Books:
    return keeping[0]


@contextmanager
def settling_away(own: str) -> Iterator[None]:
    """PostgreSQL answers every settlement as it does while it starts up."""
    with psycopg.connect(own, autocommit=True) as owner:
        owner.execute("ALTER FUNCTION metering_settle(jsonb) RENAME TO metering_settle_away")
        owner.execute(
            "CREATE FUNCTION metering_settle(batch jsonb) RETURNS TABLE (ordinal int, state text)"
            " LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'away' USING ERRCODE = 'cannot_connect_now'; END $$"
        )
        try:
            yield
        finally:
            owner.execute("DROP FUNCTION metering_settle(jsonb)")
            owner.execute("ALTER FUNCTION metering_settle_away(jsonb) RENAME TO metering_settle")


async def held(books: Books, house: House) -> Admission:
    return await books.hold(call=ledger.call(house), bounds=BOUNDS, limits=[], expires_at=FAR_AWAY)


def settle(books: Books, house: House, admission: Admission) -> "asyncio.Future[str]":
    _, durable = books.settle(admission=admission, result=ledger.answer(), prices=ledger.prices(house))
    return durable


def entry_of(admission: Admission, house: House, **fields: Any) -> Entry:
    entry = bookkeeping.entry_for(
        admission=admission, result=ledger.answer(), prices=ledger.prices(house), zone=h.UTC
    )
    for name, value in fields.items():
        setattr(entry, name, value)
    return entry


async def booked(own: str) -> list[uuid.UUID]:
    return [
        row["request_id"]
        for row in await ledger.rows(own, "SELECT request_id FROM metering_costentry ORDER BY id")
    ]


async def until_empty(folder: Path) -> None:
    for _ in range(200):
        if not spool.files(folder):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the spool is not empty")


async def test_what_is_settled_during_an_outage_is_durable_at_once_and_booked_in_order_afterwards(
    books: Books, own: str, own_house: House, tmp_path: Path
) -> None:
    admissions = [await held(books, own_house) for _ in range(3)]
    with settling_away(own):
        states = [await settle(books, own_house, admission) for admission in admissions]
        assert states == ["spooled", "spooled", "spooled"]
        assert await booked(own) == []
        assert len(spool.pending(tmp_path)) == 3

    await until_empty(tmp_path)

    assert await booked(own) == [admission.call.request_id for admission in admissions]
    assert await ledger.rows(own, "SELECT 1 FROM metering_hold") == []


async def test_after_the_replay_settlements_go_straight_to_postgresql(
    books: Books, own: str, own_house: House, tmp_path: Path
) -> None:
    first, second = await held(books, own_house), await held(books, own_house)
    with settling_away(own):
        await settle(books, own_house, first)
    await until_empty(tmp_path)

    assert await settle(books, own_house, second) == "booked"


async def test_a_release_waits_in_the_spool_too(
    books: Books, own: str, own_house: House, tmp_path: Path
) -> None:
    admission = await held(books, own_house)
    with settling_away(own):
        assert await books.release(admission.call) == "spooled"
    await until_empty(tmp_path)

    assert await ledger.rows(own, "SELECT 1 FROM metering_hold") == []
    assert await booked(own) == []


async def test_a_replay_that_is_repeated_changes_nothing(
    books: Books, own: str, own_house: House, tmp_path: Path
) -> None:
    """A worker that dies after the replay and before the file is gone: another replays it again."""
    admission = await held(books, own_house)
    _left_by_a_dead_worker(tmp_path, entry_of(admission, own_house))
    again = (tmp_path / f"{DEAD}.spool").read_bytes()
    assert await books.adopt() == 1
    daily = await ledger.rows(own, "SELECT * FROM metering_dailyspend")
    (tmp_path / f"{DEAD}.spool").write_bytes(again)

    assert await books.adopt() == 1

    assert await booked(own) == [admission.call.request_id]
    assert await ledger.rows(own, "SELECT * FROM metering_dailyspend") == daily


def _left_by_a_dead_worker(folder: Path, *entries: Entry) -> None:
    file = Spool(folder / f"{DEAD}.spool")
    file.append([(entry,) for entry in entries])
    file.close()


async def test_what_a_dead_worker_left_is_booked_and_not_swept_as_lost(
    keeping: tuple[Books, Any], own: str, own_house: House, tmp_path: Path
) -> None:
    books, pool = keeping
    async with ledger.open_books(own, worker=DEAD) as (theirs, _):
        admission = await held(theirs, own_house)
    _left_by_a_dead_worker(tmp_path, entry_of(admission, own_house))
    sweeper = Sweeper(pool=pool, books=books, worker=h.WORKER, zone=h.UTC)

    assert await sweeper.sweep() == 0

    [row] = await ledger.rows(own, "SELECT kind, cost FROM metering_costentry")
    assert row == {"kind": "attempt", "cost": Decimal("0.00102")}
    assert spool.files(tmp_path) == []


async def test_a_hold_whose_entry_stands_in_the_spool_of_a_living_worker_is_not_swept(
    keeping: tuple[Books, Any], own: str, own_house: House, tmp_path: Path
) -> None:
    """It could not sign while PostgreSQL was away; its replay is about to begin."""
    books, pool = keeping
    async with ledger.open_books(own, worker=DEAD) as (theirs, _):
        spooled, lost = await held(theirs, own_house), await held(theirs, own_house)
    living = Spool(tmp_path / f"{DEAD}.spool")
    living.append([(entry_of(spooled, own_house),)])
    sweeper = Sweeper(pool=pool, books=books, worker=h.WORKER, zone=h.UTC)

    assert await sweeper.sweep() == 1

    assert await booked(own) == [lost.call.request_id]
    living.close()


async def test_a_poisoned_line_is_kept_aside_and_its_neighbours_are_booked(
    books: Books, own: str, own_house: House, tmp_path: Path
) -> None:
    admissions = [await held(books, own_house) for _ in range(3)]
    entries = [entry_of(admission, own_house) for admission in admissions]
    entries[1].route = "a\x00b"
    _left_by_a_dead_worker(tmp_path, *entries)

    await books.adopt()

    assert await booked(own) == [admissions[0].call.request_id, admissions[2].call.request_id]
    refused = (tmp_path / f"{DEAD}.refused").read_bytes()
    assert str(entries[1].request_id).encode() in refused
    assert refused.count(b"\n") == 1
    assert spool.files(tmp_path) == []


async def test_a_damaged_line_and_a_torn_one_cost_no_other(
    books: Books, own: str, own_house: House, tmp_path: Path
) -> None:
    admissions = [await held(books, own_house) for _ in range(4)]
    _left_by_a_dead_worker(tmp_path, *[entry_of(admission, own_house) for admission in admissions])
    path = tmp_path / f"{DEAD}.spool"
    data = bytearray(path.read_bytes()[:-5])  # the last line is torn
    data[50] ^= 1  # and the first one damaged
    path.write_bytes(data)

    await books.adopt()

    assert await booked(own) == [admission.call.request_id for admission in admissions[1:3]]
    assert spool.files(tmp_path) == []


async def test_beyond_the_bound_settlements_wait_in_memory(
    own: str, own_house: House, tmp_path: Path
) -> None:
    async with ledger.open_books(own, folder=tmp_path, max_bytes=1_500) as (books, _):
        first, second = await held(books, own_house), await held(books, own_house)
        with settling_away(own):
            assert await settle(books, own_house, first) == "spooled"
            waiting = settle(books, own_house, second)
            await asyncio.sleep(0.3)
            assert not waiting.done()

        assert await waiting == "booked"
        await until_empty(tmp_path)
    assert sorted(await booked(own)) == sorted([first.call.request_id, second.call.request_id])


async def test_a_stop_while_postgresql_is_away_leaves_everything_in_the_spool(
    own: str, own_house: House, tmp_path: Path
) -> None:
    async with ledger.open_books(own, worker=DEAD, folder=tmp_path) as (books, _):
        admissions = [await held(books, own_house) for _ in range(100)]
        with settling_away(own):
            for admission in admissions:
                settle(books, own_house, admission)
            await books.stop()
            assert len(spool.pending(tmp_path)) == 100

    async with ledger.open_books(own, folder=tmp_path) as (others, _):
        assert await others.adopt() == 100

    assert await booked(own) == [admission.call.request_id for admission in admissions]


async def test_what_the_sweeper_takes_for_lost_is_not_spooled(
    books: Books, own: str, own_house: House, tmp_path: Path
) -> None:
    admission = await held(books, own_house)
    lost = bookkeeping.lost_entry(
        call=admission.call, held_usd=Decimal("0.60"), held_tokens=150, price_id=None, zone=h.UTC
    )
    with settling_away(own):
        with pytest.raises(LedgerUnavailable):
            await books.submit(lost)
        assert spool.files(tmp_path) == []
