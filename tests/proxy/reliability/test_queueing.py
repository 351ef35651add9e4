"""Calls that wait for room in a limit, over a real ledger."""

import asyncio
import dataclasses
import datetime as dt
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from metering.books import Books
from metering.entries import Admission, Call
from metering.errors import LimitReached
from metering.limit_book import LimitRow
from metering.models import Limit
from proxy.reliability import queueing
from proxy.reliability.queueing import AdmissionQueue
from tests import factories as f
from tests.metering import house as h
from tests.metering import ledger
from tests.metering.house import House
from tests.metering.ledger import BOUNDS, FAR_AWAY

Door = tuple[AdmissionQueue, Books]


@pytest.fixture
def own_house(own: str) -> House:
    return h.build()


@pytest.fixture
def one_at_once(own_house: House) -> Limit:
    return h.make_limit(own_house, "1", unit="concurrency", period="total", queue_seconds=20.0)


@pytest.fixture
async def limits(own: str, own_house: House, one_at_once: Limit) -> list[LimitRow]:
    return await ledger.limits(own, own_house)


@pytest.fixture
def others(own_house: House, one_at_once: Limit) -> House:
    """Another team, with a limit like it."""
    team = f.make_team("docs")
    house = dataclasses.replace(own_house, team=team.pk, key=f.make_key("docs-ci", team=team).pk)
    h.make_limit(house, "1", unit="concurrency", period="total", queue_seconds=20.0)
    return house


@pytest.fixture
async def limits_of_others(own: str, others: House) -> list[LimitRow]:
    return await ledger.limits(own, others)


@pytest.fixture
async def door(own: str, own_house: House) -> AsyncIterator[Door]:
    async with ledger.open_books(own) as (books, _):
        yield AdmissionQueue(clock=time.monotonic), books
    assert ledger.differences() == []


async def hold(door: Door, call: Call, limits: list[LimitRow], *, within: float = 60.0) -> Admission:
    queue, books = door

    async def begin(counted_from: dt.datetime | None) -> Admission:
        moved = call if counted_from is None else msgspec.structs.replace(call, started_at=counted_from)
        return await books.hold(call=moved, bounds=BOUNDS, limits=limits, expires_at=FAR_AWAY)

    return await queue.run(begin, limits=limits, deadline=time.monotonic() + within)


async def end(door: Door, admission: Admission) -> None:
    """As the calls door ends a call: durably, then those who wait are told."""
    await door[1].release(admission.call)
    door[0].ended(admission.call.team_id)


def waiting(door: Door, house: House, limits: list[LimitRow]) -> "asyncio.Task[Admission]":
    return asyncio.create_task(hold(door, ledger.call(house), limits))


async def in_line(door: Door, number: int) -> None:
    """Until so many wait."""
    async with asyncio.timeout(5.0):
        while door[0].waiting != number:  # noqa: ASYNC110 - nothing is told when somebody joins
            await asyncio.sleep(0.005)


async def test_a_call_waits_for_a_slot_and_gets_it_when_one_comes_free(
    door: Door, own_house: House, limits: list[LimitRow]
) -> None:
    first = await hold(door, ledger.call(own_house), limits)
    second = waiting(door, own_house, limits)
    await in_line(door, 1)

    await end(door, first)

    await end(door, await asyncio.wait_for(second, 5.0))
    assert door[0].waiting == 0


async def test_first_come_first_served(door: Door, own_house: House, limits: list[LimitRow]) -> None:
    admission = await hold(door, ledger.call(own_house), limits)
    order: list[int] = []

    async def one(number: int) -> None:
        mine = await hold(door, ledger.call(own_house), limits)
        order.append(number)
        await end(door, mine)

    calls = []
    for number in range(5):
        calls.append(asyncio.create_task(one(number)))
        await in_line(door, number + 1)
    await end(door, admission)
    await asyncio.wait_for(asyncio.gather(*calls), 10.0)

    assert order == [0, 1, 2, 3, 4]


async def test_a_slot_that_another_worker_frees_is_found_after_a_pause(
    door: Door, own_house: House, limits: list[LimitRow]
) -> None:
    first = await hold(door, ledger.call(own_house), limits)
    second = waiting(door, own_house, limits)
    await in_line(door, 1)

    await door[1].release(first.call)  # nobody here is told

    await end(door, await asyncio.wait_for(second, 5.0))


async def test_a_wait_in_vain_ends_with_the_limits_refusal(
    door: Door, own_house: House, one_at_once: Limit, limits: list[LimitRow]
) -> None:
    first = await hold(door, ledger.call(own_house), limits)

    began = time.monotonic()
    with pytest.raises(LimitReached) as refused:
        await hold(door, ledger.call(own_house), limits, within=0.3)  # the request's deadline

    assert 0.25 < time.monotonic() - began < 3.0
    assert (refused.value.limit_id, refused.value.reason) == (one_at_once.pk, "concurrency")
    assert door[0].waiting == 0
    await end(door, first)


async def test_who_leaves_the_line_lets_the_next_one_through(
    door: Door, own_house: House, limits: list[LimitRow]
) -> None:
    first = await hold(door, ledger.call(own_house), limits)
    gone, stays = waiting(door, own_house, limits), waiting(door, own_house, limits)
    await in_line(door, 2)

    gone.cancel()
    await asyncio.wait({gone})
    await end(door, first)

    await end(door, await asyncio.wait_for(stays, 5.0))
    assert door[0].waiting == 0


async def test_no_more_wait_than_the_worker_has_room_for(
    door: Door, own_house: House, limits: list[LimitRow]
) -> None:
    door = AdmissionQueue(clock=time.monotonic, most=1), door[1]
    first = await hold(door, ledger.call(own_house), limits)
    second = waiting(door, own_house, limits)
    await in_line(door, 1)

    with pytest.raises(LimitReached):
        await hold(door, ledger.call(own_house), limits)

    await end(door, first)
    await end(door, await asyncio.wait_for(second, 5.0))


async def test_one_team_leaves_room_in_the_line_to_the_others(
    door: Door, own_house: House, limits: list[LimitRow], others: House, limits_of_others: list[LimitRow]
) -> None:
    door = AdmissionQueue(clock=time.monotonic, most=3, most_of_team=1), door[1]
    first = await hold(door, ledger.call(own_house), limits)
    first_of_others = await hold(door, ledger.call(others), limits_of_others)
    second = waiting(door, own_house, limits)
    await in_line(door, 1)

    with pytest.raises(LimitReached):
        await asyncio.wait_for(hold(door, ledger.call(own_house), limits), 2.0)
    second_of_others = waiting(door, others, limits_of_others)
    await in_line(door, 2)

    for admission in (first, first_of_others):
        await end(door, admission)
    for waited in (second, second_of_others):
        await end(door, await asyncio.wait_for(waited, 5.0))


class TestWithoutAQueue:
    @pytest.fixture
    def one_at_once(self, own_house: House) -> Limit:
        return h.make_limit(own_house, "1", unit="concurrency", period="total")

    async def test_a_call_is_refused_at_once(
        self, door: Door, own_house: House, limits: list[LimitRow]
    ) -> None:
        first = await hold(door, ledger.call(own_house), limits)
        began = time.monotonic()

        with pytest.raises(LimitReached):
            await hold(door, ledger.call(own_house), limits)

        assert time.monotonic() - began < queueing.PAUSE_SECONDS
        await end(door, first)


class TestOfTokens:
    """150 tokens are asked for."""

    @pytest.fixture
    def one_at_once(self, own_house: House) -> Limit:
        return h.make_limit(own_house, "149", unit="tokens", period="minute", queue_seconds=20.0)

    async def test_what_never_fits_does_not_wait(
        self, door: Door, own_house: House, limits: list[LimitRow]
    ) -> None:
        with pytest.raises(LimitReached):
            await asyncio.wait_for(hold(door, ledger.call(own_house), limits), 2.0)


class TestOfAMinute:
    @pytest.fixture
    def one_at_once(self, own_house: House) -> Limit:
        return h.make_limit(own_house, "1", unit="requests", period="minute", queue_seconds=20.0)

    async def test_a_call_that_waited_into_the_next_minute_counts_there(
        self, door: Door, own_house: House, limits: list[LimitRow]
    ) -> None:
        """The limit was reached in a minute that is over now."""
        before = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
        await door[1].hold(
            call=ledger.call(own_house, started_at=before), bounds=BOUNDS, limits=limits, expires_at=FAR_AWAY
        )

        admission = await asyncio.wait_for(hold(door, ledger.call(own_house, started_at=before), limits), 5.0)

        assert dt.datetime.now(dt.UTC) - admission.call.started_at < dt.timedelta(seconds=5)
        assert [rate.room for rate in admission.rates] == [0]
