"""One connection per worker that hears of what other workers found out about the vendors.

Triggers send the name of a changed table after commit; who reads that table is called with this same
connection. Whoever listens reads again on every new connection, and every few seconds without being told:
while PostgreSQL is away, what is known goes on being used.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import structlog

from proxy.reliability import outage

log = structlog.get_logger(__name__)

CHANNEL = "tallygate_reliability"
POLL_SECONDS = 5.0
SETTLE_SECONDS = 0.02  # many rows changed at once are read once
RECONNECT_SECONDS = 1.0
CONNECTION: dict[str, Any] = {
    "application_name": "tallygate-listener",
    "connect_timeout": 3,  # seconds
    "tcp_user_timeout": 5_000,  # milliseconds without an acknowledgement: the network is away
}

Read = Callable[[psycopg.AsyncConnection[Any]], Awaitable[None]]


class Listening:
    """``on`` before ``start``: which coroutine reads which table, with an autocommit connection."""

    def __init__(self, *, conninfo: str) -> None:
        self._conninfo = conninfo
        self._readers: list[tuple[str, Read]] = []
        self._task: asyncio.Task[None] | None = None

    def on(self, table: str, read: Read) -> None:
        """``read`` is called one at a time, at the start and whenever ``table`` may have changed."""
        self._readers.append((table, read))

    async def start(self) -> None:
        """Read everything once, then listen. Raises psycopg's errors when PostgreSQL is away already."""
        async with await self._connected() as connection:
            await self._read_all(connection)
        self._task = asyncio.create_task(self._keep(), name="reliability listening")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, **CONNECTION)

    async def _keep(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                outage.suspect(error)
                log.warning("reliability_listener_lost", error=type(error).__name__)
            except Exception:  # a bad row must not end the listening
                log.exception("reliability_listener_failed")
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        async with await self._connected() as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            await self._read_all(connection)  # what changed while nobody listened
            while True:
                told = {
                    note.payload async for note in connection.notifies(timeout=POLL_SECONDS, stop_after=1)
                }
                if not told:
                    await self._read_all(connection)
                    continue
                await asyncio.sleep(SETTLE_SECONDS)
                told |= {note.payload async for note in connection.notifies(timeout=0)}
                for table, read in self._readers:
                    if table in told:
                        await read(connection)

    async def _read_all(self, connection: psycopg.AsyncConnection[Any]) -> None:
        for _, read in self._readers:
            await read(connection)


__all__ = ["CHANNEL", "Listening"]
