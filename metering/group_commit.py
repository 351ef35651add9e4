"""Group commit: what waits to be written is written together, by one task, in one transaction.

The next batch starts as soon as the last one ends; there are no timers. A caller that stops waiting does not
take its item with it: what was submitted is written.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Turns single submissions into batches for ``write``, which returns one result for each item.

    A result that is an exception is raised to the caller of that item alone; ``write`` raising fails the
    whole batch: every waiting caller gets the exception. ``abandoned`` is told of an item that was written
    although its caller had stopped waiting.
    """

    def __init__(
        self,
        write: Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        name: str,
        max_batch: int = 64,
        abandoned: Callable[[Item, Result], None] | None = None,
    ) -> None:
        self._write = write
        self._name = name
        self._max_batch = max_batch
        self._abandoned = abandoned
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Write what is waiting, then end. Submissions after this are refused."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def submit(self, item: Item) -> "asyncio.Future[Result]":
        """Queue ``item`` at once (no await: nothing can cancel it); the future ends when it is durable."""
        if self._closing:
            raise RuntimeError(f"{self._name} is closed")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._wake.set()
        return future

    async def written(self, item: Item) -> Result:
        """Queue ``item`` and wait until it is durable. Who leaves meanwhile abandons it, however late.

        A caller can be cancelled after its result is there and before it sees it: then nobody but us knows.
        """
        future = self.submit(item)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None and self._abandoned:
                self._abandoned(item, future.result())
            raise

    @property
    def waiting(self) -> int:
        """Items not yet handed to a batch."""
        return len(self._waiting)

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch, self._waiting = self._waiting[: self._max_batch], self._waiting[self._max_batch :]
            await self._commit(batch)

    async def _commit(self, batch: "list[tuple[Item, asyncio.Future[Result]]]") -> None:
        try:
            results = await self._write([item for item, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (item, future), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                if not future.done():
                    future.set_exception(result)
            elif not future.done():
                future.set_result(result)
            elif self._abandoned is not None:
                self._abandoned(item, result)
