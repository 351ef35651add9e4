"""Bulkheads: one provider's calls in flight in one worker."""

import asyncio
import time
from typing import Any

from catalog.snapshot import ProviderRow
from proxy.reliability.bulkheads import Bulkheads, Slot
from tests.proxy import values


def provider(most: int | None, *, queue_seconds: float = 0.0, **fields: Any) -> ProviderRow:
    return values.provider(max_in_flight=most, queue_seconds=queue_seconds, **fields)


async def enter(bulkheads: Bulkheads, of: ProviderRow, *, within: float = 60.0) -> Slot | None:
    return await bulkheads.enter(of, deadline=time.monotonic() + within, now=time.monotonic)


async def entered(bulkheads: Bulkheads, of: ProviderRow) -> Slot:
    slot = await enter(bulkheads, of)
    assert slot is not None
    return slot


async def in_line(bulkheads: Bulkheads, of: ProviderRow, number: int) -> "list[asyncio.Task[Slot | None]]":
    """``number`` calls that wait, in this order."""
    tasks = []
    for position in range(number):
        tasks.append(asyncio.create_task(enter(bulkheads, of)))
        await asyncio.sleep(0)
        assert bulkheads.waiting(of.id) == position + 1
    return tasks


async def test_a_provider_without_a_bound_is_entered_by_all() -> None:
    bulkheads = Bulkheads()
    slots = [await entered(bulkheads, provider(None)) for _ in range(100)]

    assert bulkheads.in_flight(1) == 100
    for slot in slots:
        slot.leave()
    assert bulkheads.in_flight(1) == 0


async def test_a_full_provider_is_passed_over_at_once() -> None:
    bulkheads, of = Bulkheads(), provider(2)
    first, _ = await entered(bulkheads, of), await entered(bulkheads, of)

    assert await enter(bulkheads, of) is None
    first.leave()
    assert await enter(bulkheads, of) is not None


async def test_providers_have_bulkheads_of_their_own() -> None:
    bulkheads = Bulkheads()
    await entered(bulkheads, provider(1))

    assert await enter(bulkheads, provider(1, id=2)) is not None
    assert (bulkheads.in_flight(1), bulkheads.in_flight(2), bulkheads.in_flight(3)) == (1, 1, 0)


async def test_a_slot_is_freed_once_however_often_it_is_left() -> None:
    bulkheads, of = Bulkheads(), provider(2)
    first, _ = await entered(bulkheads, of), await entered(bulkheads, of)
    first.leave()
    first.leave()

    assert bulkheads.in_flight(1) == 1


async def test_who_waits_gets_the_slot_that_comes_free_first_come_first_served() -> None:
    bulkheads, of = Bulkheads(), provider(2, queue_seconds=30.0)
    slots = [await entered(bulkheads, of) for _ in range(2)]
    first, second = await in_line(bulkheads, of, 2)

    slots[0].leave()
    assert await first is not None
    assert not second.done()
    slots[1].leave()
    assert await second is not None
    assert bulkheads.in_flight(1) == 2


async def test_nobody_passes_those_who_wait() -> None:
    bulkheads, of = Bulkheads(), provider(1, queue_seconds=30.0)
    slot = await entered(bulkheads, of)
    [waiting] = await in_line(bulkheads, of, 1)

    slot.leave()  # handed over, not free
    assert await enter(bulkheads, provider(1)) is None
    assert await waiting is not None


async def test_as_many_wait_as_are_in_flight_and_no_more() -> None:
    bulkheads, of = Bulkheads(), provider(2, queue_seconds=30.0)
    slots = [await entered(bulkheads, of) for _ in range(2)]
    waiting = await in_line(bulkheads, of, 2)

    assert await enter(bulkheads, of) is None
    for slot in slots:
        slot.leave()
    assert [slot is not None for slot in await asyncio.gather(*waiting)] == [True, True]


async def test_a_wait_ends_with_the_providers_patience() -> None:
    bulkheads, of = Bulkheads(), provider(1, queue_seconds=0.05)
    slot = await entered(bulkheads, of)

    began = time.monotonic()
    assert await enter(bulkheads, of) is None
    assert 0.04 < time.monotonic() - began < 1.0
    assert bulkheads.waiting(1) == 0
    slot.leave()
    assert bulkheads.in_flight(1) == 0


async def test_a_wait_ends_with_the_requests_deadline() -> None:
    bulkheads, of = Bulkheads(), provider(1, queue_seconds=30.0)
    await entered(bulkheads, of)

    assert await enter(bulkheads, of, within=0.05) is None
    assert await enter(bulkheads, of, within=-1.0) is None


async def test_who_is_cancelled_in_line_leaves_it() -> None:
    bulkheads, of = Bulkheads(), provider(2, queue_seconds=30.0)
    slots = [await entered(bulkheads, of) for _ in range(2)]
    gone, stays = await in_line(bulkheads, of, 2)

    gone.cancel()
    await asyncio.wait({gone})
    assert (gone.cancelled(), bulkheads.waiting(1)) == (True, 1)
    slots[0].leave()
    assert await stays is not None


async def test_who_is_cancelled_in_the_moment_of_his_turn_gives_it_to_the_next() -> None:
    bulkheads, of = Bulkheads(), provider(2, queue_seconds=30.0)
    slots = [await entered(bulkheads, of) for _ in range(2)]
    gone, stays = await in_line(bulkheads, of, 2)

    slots[0].leave()  # the slot is his, but he has not run yet
    gone.cancel()
    assert await asyncio.wait_for(stays, 1.0) is not None
    assert (gone.cancelled(), bulkheads.in_flight(1)) == (True, 2)


async def test_a_larger_size_lets_those_in_who_wait() -> None:
    bulkheads, of = Bulkheads(), provider(1, queue_seconds=30.0)
    await entered(bulkheads, of)
    [waiting] = await in_line(bulkheads, of, 1)

    await entered(bulkheads, provider(3))
    assert await waiting is not None
    assert bulkheads.in_flight(1) == 3


async def test_a_smaller_size_is_reached_as_calls_leave() -> None:
    bulkheads = Bulkheads()
    slots = [await entered(bulkheads, provider(3)) for _ in range(3)]

    assert await enter(bulkheads, provider(1)) is None
    slots[0].leave()
    slots[1].leave()
    assert await enter(bulkheads, provider(1)) is None
    slots[2].leave()
    assert await enter(bulkheads, provider(1)) is not None
