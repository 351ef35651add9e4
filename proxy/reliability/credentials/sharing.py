"""Tells the other workers which credentials rest, and learns it from them. Never on the way of a call."""

import asyncio
import contextlib
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from proxy.reliability.credentials import store
from proxy.reliability.credentials.choice import Credentials
from proxy.reliability.credentials.rests import Place, Rest
from proxy.reliability.credentials.store import Finding, Kept
from proxy.reliability.listening import Listening

log = structlog.get_logger(__name__)

TABLE = "proxy_credentialstate"
RETRY_SECONDS = 1.0


class CredentialSharing:
    """The task that writes a worker's findings. Reading is the listener's (``listening``)."""

    def __init__(
        self, credentials: Credentials, *, pool: AsyncConnectionPool[Any], listening: Listening
    ) -> None:
        self._credentials = credentials
        self._pool = pool
        self._wake = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()  # what was just written is not read over with what was before
        self._task: asyncio.Task[None] | None = None
        credentials.wake = self._wake.set
        listening.on(TABLE, self.read)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="credential sharing")

    async def stop(self) -> None:
        """Tell what is still to be told, if PostgreSQL is there to hear it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(psycopg.Error, PoolTimeout, OSError):
            await self.tell()

    async def read(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """What all workers know by now."""
        async with self._one_at_a_time:
            kept = await store.load(connection)
            self._credentials.learn({one.place: self._rest(one) for one in kept})

    async def tell(self) -> None:
        """Write every finding and forget what good answers ended. Raises psycopg's and the pool's errors."""
        if not (self._credentials.found or self._credentials.over):
            return
        async with self._pool.connection() as connection, self._one_at_a_time:
            for finding in list(self._credentials.found.values()):
                await self._tell_one(connection, finding)
            for place, fingerprint in list(self._credentials.over.items()):
                await self._end_one(connection, place, fingerprint)

    async def _tell_one(self, connection: psycopg.AsyncConnection[Any], finding: Finding) -> None:
        now = self._credentials.clock()
        kept = await store.keep(connection, finding, now=now)
        self._credentials.told(finding, self._rest(kept) if kept else None)

    async def _end_one(
        self, connection: psycopg.AsyncConnection[Any], place: Place, fingerprint: str
    ) -> None:
        await store.end(connection, place, fingerprint=fingerprint)
        self._credentials.over.pop(place, None)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.tell()
            except (psycopg.Error, PoolTimeout, OSError) as error:
                log.warning("credential_findings_wait", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()
            except Exception:  # a task that ends in silence would leave the others without a word
                log.exception("credential_findings_failed")

    def _rest(self, kept: Kept) -> Rest:
        """On this worker's clock."""
        return Rest(self._credentials.clock() + kept.seconds, kept.reason, kept.fingerprint, kept.times)


__all__ = ["CredentialSharing"]
