"""The sweeper: what dead workers left behind is booked once, what live workers hold is left alone."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from metering import sweeper as sweeping
from metering.books import Books
from metering.entries import Admission
from metering.sweeper import Sweeper
from tests.metering import house as h
from tests.metering import ledger
from tests.metering.house import House
from tests.metering.ledger import BOUNDS, FAR_AWAY

DEAD = uuid.UUID("00000000-0000-4000-8000-00000000dead")
Pool = AsyncConnectionPool[Any]


@pytest.fixture
async def worker(own: str, own_house: House) -> AsyncIterator[tuple[Books, Pool]]:
    """A live worker's books and pool."""
    async with ledger.open_books(own) as (books, pool):
        yield books, pool
    assert ledger.differences() == []


@pytest.fixture
async def sweeper(worker: tuple[Books, Pool]) -> Sweeper:
    books, pool = worker
    sweeper = Sweeper(pool=pool, books=books, worker=h.WORKER, zone=h.UTC)
    await sweeper.sign()
    return sweeper


async def left_behind(
    own: str, house: House, *, signed_ago: float | None, expires_at: dt.datetime = FAR_AWAY, **call: Any
) -> Admission:
    """A hold of another worker, which signed its lease so many seconds ago (None: never)."""
    async with ledger.open_books(own, worker=DEAD) as (books, _):
        limits = await ledger.limits(own, house)
        admission = await books.hold(
            call=ledger.call(house, **call), bounds=BOUNDS, limits=limits, expires_at=expires_at
        )
    if signed_ago is not None:
        await ledger.execute(
            own,
            "INSERT INTO metering_workerlease (id, host, pid, started_at, seen_at)"
            " VALUES (%s, 'there', 1, now(), now() - make_interval(secs => %s))",
            DEAD,
            signed_ago,
        )
    return admission


async def entries(own: str) -> list[dict[str, Any]]:
    return await ledger.rows(own, "SELECT * FROM metering_costentry ORDER BY id")


async def test_a_hold_of_a_worker_whose_lease_ran_out_is_booked_as_lost(
    own: str, own_house: House, sweeper: Sweeper
) -> None:
    admission = await left_behind(
        own,
        own_house,
        signed_ago=sweeping.LEASE_SECONDS + 1,
        route="warm",
        tags={"env": "prod"},
        streamed=True,
    )

    assert await sweeper.sweep() == 1

    [lost] = await entries(own)
    assert (lost["request_id"], lost["attempt"]) == (admission.call.request_id, 1)
    assert (lost["outcome"], lost["cost"], lost["cost_reason"], lost["usage_source"]) == (
        "lost",
        None,
        "lost",
        "unknown",
    )
    assert (lost["exposure"], lost["exposure_tokens"], lost["held"]) == (
        Decimal("0.60"),
        150,
        Decimal("0.60"),
    )
    assert (lost["route"], lost["tags"], lost["streamed"], lost["day"]) == (
        "warm",
        {"env": "prod"},
        True,
        h.AT.date(),
    )
    assert await ledger.rows(own, "SELECT 1 FROM metering_hold") == []


async def test_a_hold_of_a_worker_that_never_signed_is_booked_as_lost(
    own: str, own_house: House, sweeper: Sweeper
) -> None:
    await left_behind(own, own_house, signed_ago=None)

    assert await sweeper.sweep() == 1


async def test_a_hold_of_a_live_worker_is_left_alone(own: str, own_house: House, sweeper: Sweeper) -> None:
    await left_behind(own, own_house, signed_ago=sweeping.LEASE_SECONDS - 5)

    assert await sweeper.sweep() == 0
    assert await entries(own) == []
    assert len(await ledger.rows(own, "SELECT 1 FROM metering_hold")) == 1


async def test_a_hold_that_outlived_its_call_is_booked_though_its_worker_lives(
    own: str, own_house: House, sweeper: Sweeper
) -> None:
    await left_behind(
        own, own_house, signed_ago=0, expires_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    )

    assert await sweeper.sweep() == 1


async def test_what_was_held_becomes_exposure_on_the_limit(
    own: str, own_house: House, monthly: Any, sweeper: Sweeper
) -> None:
    await left_behind(own, own_house, signed_ago=60)

    await sweeper.sweep()

    [window] = await ledger.rows(own, "SELECT held, spent, exposed FROM metering_limitwindow")
    assert window == {"held": 0, "spent": 0, "exposed": Decimal("0.60")}


@pytest.fixture
def monthly(own_house: House) -> Any:
    return h.make_limit(own_house, "1.00")


async def test_the_answer_of_a_worker_that_was_not_dead_after_all_corrects_the_entry(
    own: str, own_house: House, monthly: Any, worker: tuple[Books, Pool], sweeper: Sweeper
) -> None:
    admission = await left_behind(own, own_house, signed_ago=60)
    await sweeper.sweep()

    _, durable = worker[0].settle(
        admission=admission, result=ledger.answer(), prices=ledger.prices(own_house)
    )

    assert await durable == "late"
    [window] = await ledger.rows(own, "SELECT held, spent, exposed FROM metering_limitwindow")
    assert window == {"held": 0, "spent": Decimal("0.00102"), "exposed": 0}


async def test_the_first_part_of_an_answer_whose_worker_died_after_the_second_is_booked_as_lost(
    own: str, own_house: House, monthly: Any, sweeper: Sweeper
) -> None:
    """The second was booked alone (today all parts are written at once): the hold stood for the first."""
    admission = await left_behind(own, own_house, signed_ago=60)
    part = h.entry(
        own_house,
        request=admission.call.request_id,
        tokens={"input": 1},
        cost="0.20",
        part=1,
        latency_ms=None,
    )
    await ledger.execute(own, "SELECT metering_settle(%s::jsonb)", h.batch(part))

    assert await sweeper.sweep() == 1

    booked = [(entry["part"], entry["cost"], entry["exposure"]) for entry in await entries(own)]
    assert booked == [(1, Decimal("0.20"), None), (0, None, Decimal("0.60"))]
    [window] = await ledger.rows(own, "SELECT held, spent, exposed FROM metering_limitwindow")
    assert window == {"held": 0, "spent": Decimal("0.20"), "exposed": Decimal("0.60")}
    assert await ledger.rows(own, "SELECT 1 FROM metering_hold") == []


async def test_two_sweepers_at_once_book_each_hold_once(
    own: str, own_house: House, worker: tuple[Books, Pool], sweeper: Sweeper
) -> None:
    for _ in range(5):
        await left_behind(own, own_house, signed_ago=None)
    async with ledger.open_books(own, worker=uuid.uuid4()) as (books, pool):
        other = Sweeper(pool=pool, books=books, worker=uuid.uuid4(), zone=h.UTC)

        swept = await asyncio.gather(sweeper.sweep(), other.sweep())

    assert max(swept) == 5
    assert len(await entries(own)) == 5


async def test_one_sweeps_at_a_time(own: str, own_house: House, sweeper: Sweeper) -> None:
    await left_behind(own, own_house, signed_ago=None)
    async with await psycopg.AsyncConnection.connect(own) as other:
        await other.execute("SELECT pg_advisory_xact_lock(814002)")
        assert await sweeper.sweep() == 0
        await other.commit()

    assert await sweeper.sweep() == 1


async def test_signing_again_keeps_the_lease(own: str, sweeper: Sweeper) -> None:
    await ledger.execute(own, "UPDATE metering_workerlease SET seen_at = now() - interval '1 minute'")

    await sweeper.sign()

    query = "SELECT id, now() - seen_at < interval '5 seconds' AS fresh FROM metering_workerlease"
    assert await ledger.rows(own, query) == [{"id": h.WORKER, "fresh": True}]


async def test_a_worker_that_ends_well_gives_its_lease_up(own: str, sweeper: Sweeper) -> None:
    await sweeper.start()
    await sweeper.stop()

    assert await ledger.rows(own, "SELECT 1 FROM metering_workerlease") == []


async def test_leases_of_long_ago_are_forgotten_and_recent_ones_kept(own: str, sweeper: Sweeper) -> None:
    for number, minutes in ((1, 61), (2, 59)):
        await ledger.execute(
            own,
            "INSERT INTO metering_workerlease (id, host, pid, started_at, seen_at)"
            " VALUES (%s, 'there', 1, now(), now() - make_interval(mins => %s))",
            uuid.UUID(int=number),
            minutes,
        )

    await sweeper.sweep()

    kept = {row["id"] for row in await ledger.rows(own, "SELECT id FROM metering_workerlease")}
    assert kept == {h.WORKER, uuid.UUID(int=2)}


async def test_minute_windows_of_the_past_are_tidied_away_and_others_kept(
    own: str, own_house: House, per_minute: tuple[int, int, int], sweeper: Sweeper
) -> None:
    _past, recent, month = per_minute

    await sweeper.sweep()

    assert {row["id"] for row in await ledger.rows(own, "SELECT id FROM metering_limitwindow")} == {
        recent,
        month,
    }


@pytest.fixture
def per_minute(own_house: House) -> tuple[int, int, int]:
    """Windows: a minute of two hours ago, this minute, and a month of long ago."""
    now = dt.datetime.now(dt.UTC)
    limit = h.make_limit(own_house, "10", unit="requests", period="minute")
    budget = h.make_limit(own_house, "10", period="month")
    return (
        h.open_window(limit, at=now - dt.timedelta(hours=2)),
        h.open_window(limit, at=now),
        h.open_window(budget, at=now - dt.timedelta(days=100)),
    )


async def test_a_sweep_that_cannot_write_does_not_end_the_sweeper(
    own: str, own_house: House, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the worker would stop signing, and the others would take its live calls for lost."""
    monkeypatch.setattr(sweeping, "SIGN_SECONDS", 0.02)
    monkeypatch.setattr("metering.sweeper.REST_SECONDS", 0.05)
    await left_behind(own, own_house, signed_ago=None)
    await ledger.execute(own, "ALTER FUNCTION metering_settle(jsonb) RENAME TO metering_settle_away")
    await ledger.execute(
        own,
        "CREATE FUNCTION metering_settle(batch jsonb) RETURNS TABLE (ordinal int, state text)"
        " LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'away' USING ERRCODE = 'cannot_connect_now'; END $$",
    )
    await sweeper.start()
    await asyncio.sleep(0.2)
    await ledger.execute(own, "DROP FUNCTION metering_settle(jsonb)")
    await ledger.execute(own, "ALTER FUNCTION metering_settle_away(jsonb) RENAME TO metering_settle")

    for _ in range(200):
        if await entries(own):
            break
        await asyncio.sleep(0.02)
    await sweeper.stop()

    assert len(await entries(own)) == 1
