"""A connection that one writer task keeps for itself, beside the pool.

The pool looks whether a connection still lives before it hands it out: a round trip (0.057 ms, against
0.008 ms without; measured) that the caller of every batch would wait for. And after an outage it tries again
ever more rarely, while this one is opened anew by the first batch that finds PostgreSQL back.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

CONNECT_SECONDS = 3.0
PAUSE_SECONDS = 0.25  # after a failure nobody need ask again so soon
SILENCE_SECONDS = 5.0  # a server that takes longer over a statement is taken for gone


class HeldConnection:
    """Not for sharing between tasks. ``drop`` it after an error; the next ``get`` brings another.

    It leads where ``pool`` leads. ``away``: the last attempt to connect failed.
    """

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._not_before = 0.0  # monotonic seconds
        self.away = False
        self.since = 0.0  # monotonic seconds: when it was opened

    async def get(self) -> psycopg.AsyncConnection[Any]:
        """The connection. Raises psycopg's errors and OSError when there is none to be had."""
        if self._connection is None or self._connection.closed:
            await self.drop()
            self._connection = await self._connected()
        return self._connection

    async def drop(self) -> None:
        """Close it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()

    @contextlib.contextmanager
    def not_for_ever(self) -> Iterator[None]:
        """Around a statement that may be repeated: hangs up on a server that falls silent, so that it
        fails as if the network had. (To cancel a statement, psycopg waits for that very server.)"""
        hang_up = asyncio.get_running_loop().call_later(SILENCE_SECONDS, self._hang_up)
        try:
            yield
        finally:
            hang_up.cancel()

    def _hang_up(self) -> None:
        if self._connection is not None and not self._connection.closed:
            with (
                contextlib.suppress(OSError),
                socket.socket(fileno=os.dup(self._connection.fileno())) as line,
            ):
                line.shutdown(socket.SHUT_RDWR)

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if time.monotonic() < self._not_before:
            raise psycopg.OperationalError("PostgreSQL could not be reached a moment ago")
        pool = self._pool
        assert isinstance(pool.conninfo, str)  # as ours is
        assert isinstance(pool.kwargs, dict)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(
                    pool.conninfo, **pool.kwargs
                )
        except (psycopg.Error, OSError):
            self.away = True
            self._not_before = time.monotonic() + PAUSE_SECONDS
            raise
        self.away, self.since = False, time.monotonic()
        return connection


__all__ = ["HeldConnection"]
