"""The task of a worker that keeps the summaries up to date, some seconds behind the calls.

Every worker has one; a round that another worker is at, or has done, costs one small query. It shares
nothing with calls but the pool, and rests between rounds, so that a long backlog (a restore, an upgrade)
leaves PostgreSQL to them.
"""

import asyncio
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from metering.summaries.summing import SUMMARISE, Round

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
REST_SECONDS = 0.25  # while there is more to add up
AT_ONCE = 5_000  # entries in one transaction: about 140 ms
AWAY = (psycopg.Error, PoolTimeout, OSError)


class SummaryKeeper:
    def __init__(self, *, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="summaries")

    async def stop(self) -> None:
        """A round that is under way is taken back whole, and done by whoever looks next."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> Round:
        """Add up what was booked since the last round, up to a bound."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SUMMARISE, [AT_ONCE])
            row = await cursor.fetchone()
            assert row is not None
            return Round(*row)

    async def _run(self) -> None:
        pause = LOOK_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = LOOK_SECONDS
            try:
                found = await self.look()
                pause = REST_SECONDS if found.summed == AT_ONCE else LOOK_SECONDS
            except AWAY as error:
                log.warning("summaries_postponed", error=type(error).__name__)
            except Exception:  # a task that ends in silence would leave the pages behind for good
                log.exception("summaries_failed")
