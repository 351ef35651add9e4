"""Forgetting keys whose time is over: in small batches, so that nobody waits for it."""

import asyncio
from typing import Any

import structlog
from psycopg_pool import AsyncConnectionPool

from metering.settling import UNAVAILABLE
from proxy.idempotency import store

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
BATCH = 200
PAUSE_SECONDS = 0.05  # between batches


class Purge:
    """One worker's task; workers leave to each other what another one is at."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="idempotency-purge")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def purge(self) -> int:
        """How many keys were forgotten. Raises psycopg's and the pool's errors."""
        total = 0
        while True:
            async with self._pool.connection() as connection:
                gone = await store.purge(connection, most=BATCH)
            total += gone
            if gone < BATCH:
                return total
            await asyncio.sleep(PAUSE_SECONDS)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.purge()
            except UNAVAILABLE as error:
                log.warning("idempotency_purge_postponed", error=type(error).__name__)
            except Exception:  # a task that ends in silence would let the table grow
                log.exception("idempotency_purge_failed")


__all__ = ["Purge"]
