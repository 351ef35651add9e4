"""Group commit: what waits is written together; who leaves loses nothing; one bad item fails alone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from metering.group_commit import GroupCommit


class Writer:
    """Writes numbers: the result is ten times the item; what is in ``refused`` comes back as its exception.

    Each batch waits at ``gate`` so that a test decides when it is durable.
    """

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.refused: dict[int, Exception] = {}
        self.fails: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.before_return: Callable[[], object] = lambda: None

    async def __call__(self, batch: list[int]) -> Sequence[int | Exception]:
        self.batches.append(list(batch))
        await self.gate.wait()
        if self.fails:
            raise self.fails
        self.before_return()
        return [self.refused.get(item, item * 10) for item in batch]


@pytest.fixture
async def writer() -> Writer:
    return Writer()


@pytest.fixture
def abandoned() -> list[tuple[int, int]]:
    return []


@pytest.fixture
async def group(writer: Writer, abandoned: list[tuple[int, int]]) -> AsyncIterator[GroupCommit[int, int]]:
    group: GroupCommit[int, int] = GroupCommit(
        writer, name="test", max_batch=4, abandoned=lambda item, result: abandoned.append((item, result))
    )
    group.start()
    yield group
    writer.gate.set()
    await group.stop()


async def until_writing(writer: Writer, batches: int = 1) -> None:
    while len(writer.batches) < batches:  # noqa: ASYNC110 - the next turn of the loop is waited for
        await asyncio.sleep(0)


async def test_one_item_is_written_at_once(group: GroupCommit[int, int], writer: Writer) -> None:
    assert await group.submit(7) == 70
    assert writer.batches == [[7]]


async def test_what_waits_while_a_batch_is_written_is_the_next_batch(
    group: GroupCommit[int, int], writer: Writer
) -> None:
    writer.gate.clear()
    first = group.submit(1)
    await until_writing(writer)
    rest = [group.submit(number) for number in (2, 3, 4)]
    assert group.waiting == 3
    writer.gate.set()

    assert await asyncio.gather(first, *rest) == [10, 20, 30, 40]
    assert writer.batches == [[1], [2, 3, 4]]


async def test_a_batch_has_a_largest_size_and_keeps_the_order(
    group: GroupCommit[int, int], writer: Writer
) -> None:
    results = await asyncio.gather(*[group.submit(number) for number in range(10)])

    assert results == [number * 10 for number in range(10)]
    assert writer.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_a_refused_item_fails_alone(group: GroupCommit[int, int], writer: Writer) -> None:
    writer.refused = {2: ValueError("two")}

    results = await asyncio.gather(*[group.submit(number) for number in (1, 2, 3)], return_exceptions=True)

    assert [str(result) for result in results] == ["10", "two", "30"]


async def test_a_batch_that_cannot_be_written_fails_for_everyone_in_it(
    group: GroupCommit[int, int], writer: Writer
) -> None:
    writer.fails = OSError("no connection")

    results = await asyncio.gather(*[group.submit(number) for number in (1, 2)], return_exceptions=True)

    assert [str(result) for result in results] == ["no connection", "no connection"]


async def test_the_batch_after_a_failed_one_is_written(group: GroupCommit[int, int], writer: Writer) -> None:
    writer.fails = OSError("no connection")
    with pytest.raises(OSError, match="no connection"):
        await group.submit(1)
    writer.fails = None

    assert await group.submit(2) == 20


async def test_an_item_whose_caller_left_is_written_and_reported_as_abandoned(
    group: GroupCommit[int, int], writer: Writer, abandoned: list[tuple[int, int]]
) -> None:
    writer.gate.clear()
    leaving = asyncio.ensure_future(group.written(2))
    await until_writing(writer)
    leaving.cancel()
    writer.gate.set()

    assert await group.submit(1) == 10
    assert leaving.cancelled()
    assert writer.batches == [[2], [1]]
    assert abandoned == [(2, 20)]


async def test_an_item_whose_caller_left_before_its_batch_began_is_written(
    group: GroupCommit[int, int], writer: Writer, abandoned: list[tuple[int, int]]
) -> None:
    writer.gate.clear()
    group.submit(1)
    await until_writing(writer)
    group.submit(2).cancel()
    writer.gate.set()
    await until_writing(writer, batches=2)
    await asyncio.sleep(0)

    assert writer.batches == [[1], [2]]
    assert abandoned == [(2, 20)]


async def test_a_caller_cancelled_between_the_write_and_its_own_turn_abandons_the_item(
    group: GroupCommit[int, int], writer: Writer, abandoned: list[tuple[int, int]]
) -> None:
    """The result is set, the caller is cancelled, and only then would it run: nobody saw the result."""
    caller = asyncio.ensure_future(group.written(2))
    writer.before_return = lambda: asyncio.get_running_loop().call_soon(caller.cancel)

    with pytest.raises(asyncio.CancelledError):
        await caller

    assert abandoned == [(2, 20)]


async def test_a_refused_item_whose_caller_left_is_not_abandoned(
    group: GroupCommit[int, int], writer: Writer, abandoned: list[tuple[int, int]]
) -> None:
    writer.gate.clear()
    writer.refused = {2: ValueError("two")}
    leaving = group.submit(2)
    await until_writing(writer)
    leaving.cancel()
    writer.gate.set()
    assert await group.submit(3) == 30

    assert abandoned == []


async def test_stop_writes_what_is_waiting(group: GroupCommit[int, int], writer: Writer) -> None:
    writer.gate.clear()
    waiting = [group.submit(number) for number in range(9)]
    await until_writing(writer)
    stopping = asyncio.ensure_future(group.stop())
    writer.gate.set()
    await stopping

    assert [future.result() for future in waiting] == [number * 10 for number in range(9)]


async def test_nothing_is_taken_after_stop(group: GroupCommit[int, int]) -> None:
    await group.stop()

    with pytest.raises(RuntimeError, match="test is closed"):
        group.submit(1)


async def test_stop_without_start_does_nothing(writer: Writer) -> None:
    group: GroupCommit[int, int] = GroupCommit(writer, name="never started")

    await group.stop()

    assert writer.batches == []
