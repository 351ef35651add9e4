"""The configuration of a worker: one immutable value, swapped whole when PostgreSQL says that it changed.

Triggers on every configuration table send NOTIFY after commit; a listener reloads within a second. While the
listener has no connection, and from time to time anyway, the configuration is read again without being told.
"""

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from catalog import snapshot_loading
from catalog.snapshot import CatalogSnapshot
from metering import limit_book
from metering.limit_book import LimitBook
from proxy.reliability import outage

log = structlog.get_logger(__name__)

CHANNEL = "tallygate_configuration"
POLL_SECONDS = 30.0
SETTLE_SECONDS = 0.05  # many rows changed at once make one reload
RECONNECT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a request sees from start to end."""

    catalog: CatalogSnapshot
    limits: LimitBook
    loaded_at: dt.datetime


class ConfigurationKeeper:
    """Holds the current configuration and keeps it current. ``current`` is replaced, never changed."""

    def __init__(self, *, pool: AsyncConnectionPool[Any], conninfo: str) -> None:
        self._pool = pool
        self._conninfo = conninfo
        self._task: asyncio.Task[None] | None = None
        self.current: Configuration

    async def start(self) -> None:
        """Load once (the worker serves nothing before), then listen."""
        await self.reload()
        self._task = asyncio.create_task(self._keep(), name="configuration")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def reload(self) -> None:
        now = dt.datetime.now(dt.UTC)
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            catalog = await snapshot_loading.load(connection, at=now)
            limits = await limit_book.load(connection)
        self.current = Configuration(catalog=catalog, limits=limits, loaded_at=now)

    async def _keep(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                outage.suspect(error)
                log.warning("configuration_listener_lost", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)
            await self._reload_or_keep()

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            await self._reload_or_keep()  # a change may have come while nobody listened
            while True:
                told = [note async for note in connection.notifies(timeout=POLL_SECONDS, stop_after=1)]
                if told:
                    await asyncio.sleep(SETTLE_SECONDS)
                    _ = [note async for note in connection.notifies(timeout=0)]
                await self._reload_or_keep()

    async def _reload_or_keep(self) -> None:
        """Read again; while PostgreSQL is away, what is known goes on being used."""
        try:
            await self.reload()
        except Exception as error:  # a bad row must not stop the listener: say so and keep the last good one
            if isinstance(error, outage.GONE):
                outage.suspect(error)
            log.error("configuration_kept", error=type(error).__name__, detail=str(error)[:300])
