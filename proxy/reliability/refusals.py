"""Requests that ended before a vendor was asked: counted by the worker, added up in PostgreSQL afterwards.

Exact: every batch has a number, and PostgreSQL adds each one once, whatever became of its answer. While
PostgreSQL is away they wait in memory; a worker that is killed takes with it what it noted since the last
batch, so the sum may be too small, never too large.
"""

import asyncio
import contextlib
import datetime as dt
import uuid
from collections import Counter
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from proxy.reliability import refusal_store
from proxy.reliability.refusal_store import Key

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 4.0
TIDY_SECONDS = 86_400.0
MOST_TOLD_APART = 1_000  # kinds of refusals that wait; beyond it routes are not told apart,
MOST_TEAMS = 2_000  # and beyond this neither are teams


class Batch(NamedTuple):
    """What is added in one statement. It stays as it is until PostgreSQL said that it has it."""

    number: int
    counts: Counter[Key]


class Refusals:
    """One worker's. ``note`` at any time; ``start`` and ``stop`` the task that writes."""

    def __init__(self, *, pool: AsyncConnectionPool[Any], worker: uuid.UUID) -> None:
        self._pool = pool
        self._worker = worker
        self._counts: Counter[Key] = Counter()
        self._batch = Batch(0, Counter())
        self._task: asyncio.Task[None] | None = None

    def note(self, *, team: int | None, route: str, code: str, at: dt.datetime) -> None:
        """A request that came ``at`` (aware) ended so. Never waits and never fails."""
        key = Key(at.replace(second=0, microsecond=0), team, route, code)
        self._counts[self._kind(key)] += 1

    @property
    def waiting(self) -> int:
        """Requests that PostgreSQL does not know of yet."""
        return self._counts.total() + self._batch.counts.total()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="refusals")

    async def stop(self) -> None:
        """Write what is waiting, if PostgreSQL is there to take it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(psycopg.Error, PoolTimeout, OSError):
            await self.flush()
        if self.waiting:
            log.warning("refusals_lost", calls=self.waiting)

    async def flush(self) -> None:
        """Add up what was noted until now. Raises psycopg's and the pool's errors; nothing is lost then."""
        if self._batch.counts:  # of an earlier time: whether PostgreSQL has it is not known
            await self._write()
        if self._counts:
            self._batch, self._counts = Batch(self._batch.number + 1, self._counts), Counter()
            await self._write()

    async def _write(self) -> None:
        number, counts = self._batch
        async with self._pool.connection() as connection:
            await refusal_store.add(connection, counts, worker=self._worker, number=number)
        self._batch = Batch(number, Counter())

    def _kind(self, key: Key) -> Key:
        """The most telling key that there is room for."""
        for most, kind in ((MOST_TOLD_APART, key), (MOST_TEAMS, key._replace(route=""))):
            if kind in self._counts or len(self._counts) < most:
                return kind
        return key._replace(route="", team=None)

    async def _run(self) -> None:
        tidy_at = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
                if clock() >= tidy_at:
                    await self._tidy()
                    tidy_at = clock() + TIDY_SECONDS
            except (psycopg.Error, PoolTimeout, OSError) as error:
                log.warning("refusals_wait", calls=self.waiting, error=type(error).__name__)
            except Exception:  # a task that ends in silence would leave the page without them
                log.exception("refusals_failed")

    async def _tidy(self) -> None:
        async with self._pool.connection() as connection:
            await refusal_store.forget(connection)


__all__ = ["MOST_TEAMS", "MOST_TOLD_APART", "Refusals"]
