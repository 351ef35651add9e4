"""Running attempts end by their own deadline, or by the one that a stopping worker names."""

import asyncio
import time

import pytest

from proxy.deadlines import Deadlines


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines(time.monotonic)


async def ends_after(deadlines: Deadlines, *, deadline: float) -> float:
    """Seconds until an attempt with ``deadline`` seconds is ended."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with deadlines.within(began + deadline):
            await asyncio.sleep(10)
    return time.monotonic() - began


async def test_an_attempt_ends_at_its_deadline(deadlines: Deadlines) -> None:
    assert 0.1 <= await ends_after(deadlines, deadline=0.1) < 0.5


async def test_an_attempt_that_ends_in_time_is_left_alone(deadlines: Deadlines) -> None:
    async with deadlines.within(time.monotonic() + 10):
        await asyncio.sleep(0)

    assert deadlines.bring_forward(time.monotonic()) == 0


async def test_running_attempts_end_at_the_moment_brought_forward_and_earlier_ones_at_their_own(
    deadlines: Deadlines,
) -> None:
    long = [asyncio.create_task(ends_after(deadlines, deadline=10)) for _ in range(2)]
    short = asyncio.create_task(ends_after(deadlines, deadline=0.05))
    await asyncio.sleep(0)

    assert deadlines.bring_forward(time.monotonic() + 0.2) == 2

    assert all(0.2 <= took < 0.6 for took in await asyncio.gather(*long))
    assert 0.05 <= await short < 0.2


async def test_what_begins_afterwards_ends_at_that_moment_too(deadlines: Deadlines) -> None:
    deadlines.bring_forward(time.monotonic())

    assert await ends_after(deadlines, deadline=10) < 0.4
    assert deadlines.of(time.monotonic() + 10) <= time.monotonic()


async def test_a_moment_brought_forward_is_not_put_off_again(deadlines: Deadlines) -> None:
    deadlines.bring_forward(time.monotonic())
    deadlines.bring_forward(time.monotonic() + 10)

    assert await ends_after(deadlines, deadline=10) < 0.4
