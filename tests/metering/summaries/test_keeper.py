"""The task that keeps the summaries up to date: in rounds, beside others, and gone without a trace."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from django.db import connection

from metering.summaries import keeper
from metering.summaries.keeper import SummaryKeeper
from metering.summaries.summing import Round
from tests.metering import house as h
from tests.metering.house import House
from tests.metering.ledger import new_pool

LOCKS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 814001 AND mode = 'ExclusiveLock'"
)


@pytest.fixture
async def running(own: str, own_house: House) -> AsyncIterator[SummaryKeeper]:
    async with new_pool(own) as pool:
        yield SummaryKeeper(pool=pool)


async def booked(house: House, number: int) -> None:
    def book() -> None:
        for _ in range(number):
            h.settle(h.entry(house, tokens={"input": 10}, cost="0.5"))
        connection.close()

    await asyncio.to_thread(book)


async def test_rounds_follow_until_nothing_is_left(running: SummaryKeeper, own_house: House) -> None:
    await booked(own_house, 3)

    assert [await running.look(), await running.look()] == [Round(3, behind=False), Round(0, behind=False)]


async def test_started_it_adds_up_what_is_booked(
    running: SummaryKeeper, own: str, own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.02)
    running.start()
    await booked(own_house, 2)

    async with await psycopg.AsyncConnection.connect(own, autocommit=True) as reader:
        for _ in range(200):
            cursor = await reader.execute("SELECT sum(cost) FROM metering_dailyusage")
            [cost] = await cursor.fetchone() or [None]
            if cost == 1:
                break
            await asyncio.sleep(0.02)
    await running.stop()
    assert cost == 1


async def test_left_in_the_middle_it_keeps_no_lock_from_the_calls(
    running: SummaryKeeper, own: str, own_house: House
) -> None:
    await booked(own_house, 1)
    async with await psycopg.AsyncConnection.connect(own) as settling:
        await settling.execute("SELECT pg_advisory_xact_lock_shared(814001)")
        looking = asyncio.create_task(running.look())
        await asyncio.sleep(0.03)  # it looks for its moment
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        cursor = await settling.execute(LOCKS)
        assert await cursor.fetchone() == (0,)
    await booked(own_house, 1)
    assert await running.look() == Round(2, behind=False)
