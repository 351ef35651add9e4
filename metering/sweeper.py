"""The sweeper: holds that a dead worker left behind become cost entries of unknown cost.

Every worker signs a lease; a hold is swept when its worker stopped signing, or when the hold outlived the
longest that its call may last. One worker sweeps at a time (advisory lock). What dead workers of this host
left in their spools is booked first, and what stands in a spool is not lost. An answer that arrives after all
is booked as a correction (metering_settle, 'late').
"""

import asyncio
import os
import socket
import time
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import structlog
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from metering import bookkeeping, locks
from metering.books import Books
from metering.entries import Call
from metering.errors import LedgerUnavailable
from metering.spool import Key

log = structlog.get_logger(__name__)

SIGN_SECONDS = 2.0
LEASE_SECONDS = 10.0  # a worker silent for longer is taken for dead
REST_SECONDS = LEASE_SECONDS  # after PostgreSQL was away: nobody could sign, so the living get time to do it
SWEEP_BATCH = 500
STOP_SECONDS = 2.0  # for giving the lease up
AWAY = (psycopg.Error, PoolTimeout, OSError, LedgerUnavailable)

SIGN = """
INSERT INTO metering_workerlease (id, host, pid, started_at, seen_at) VALUES (%s, %s, %s, now(), now())
ON CONFLICT (id) DO UPDATE SET seen_at = now()
"""
LEFT_BEHIND = """
SELECT h.request_id, h.attempt, h.team_id, h.api_key_id, h.model_id, h.route, h.started_at, h.streamed,
    h.client_request_id, h.tags, h.usd, h.tokens, h.price_id,
    t.name AS team, p.name || '/' || m.name AS model
FROM metering_hold h LEFT JOIN metering_workerlease w ON w.id = h.worker
    JOIN catalog_team t ON t.id = h.team_id JOIN catalog_languagemodel m ON m.id = h.model_id
    JOIN catalog_provider p ON p.id = m.provider_id
WHERE h.expires_at < now() OR w.id IS NULL OR w.seen_at < now() - make_interval(secs => %s)
ORDER BY h.started_at LIMIT %s
"""
SWEEP_LOCK = f"SELECT pg_try_advisory_xact_lock({locks.SWEEP})"
FORGET = """
DELETE FROM metering_workerlease w WHERE w.seen_at < now() - interval '1 hour'
    AND NOT EXISTS (SELECT 1 FROM metering_hold h WHERE h.worker = w.id)
"""
# Past minute windows say nothing that the ledger does not; keep the last hour for the pages.
TIDY = """
DELETE FROM metering_limitwindow w USING metering_limit l WHERE l.id = w.limit_id AND l.period = 'minute'
    AND w.ends_at < now() - interval '1 hour' AND w.held = 0
    AND NOT EXISTS (SELECT 1 FROM metering_hold h WHERE w.id = ANY (h.window_ids))
"""


class Sweeper:
    """Signs this worker's lease and, when it is this worker's turn, sweeps."""

    def __init__(
        self, *, pool: AsyncConnectionPool[Any], books: Books, worker: uuid.UUID, zone: ZoneInfo
    ) -> None:
        self._pool = pool
        self._books = books
        self._worker = worker
        self._zone = zone
        self._task: asyncio.Task[None] | None = None
        self._not_before = 0.0  # monotonic seconds
        self._sweeps = True

    async def start(self, *, after_outage: bool = False) -> None:
        """Sign once before the first hold can name this worker, then keep signing.

        ``after_outage``: PostgreSQL was away just now, so that other workers could not sign.
        """
        await self.sign()
        if after_outage:
            self._rest()
        self._task = asyncio.create_task(self._run(), name="sweeper")

    def retire(self) -> None:
        """Go on signing, sweep no more: the books are about to close."""
        self._sweeps = False

    async def stop(self) -> None:
        """Stop signing and give the lease up: a worker that ends well leaves nothing to sweep.

        While PostgreSQL is away the lease stays, and runs out.
        """
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with self._pool.connection(timeout=STOP_SECONDS) as connection:
                await connection.execute("DELETE FROM metering_workerlease WHERE id = %s", (self._worker,))
        except AWAY as error:
            log.warning("lease_left", error=type(error).__name__)

    async def sign(self) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(SIGN, (self._worker, socket.gethostname(), os.getpid()))

    async def sweep(self) -> int:
        """Book what dead workers left behind; returns how many holds. Does nothing while another sweeps."""
        await self._books.adopt()
        async with self._pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(SWEEP_LOCK)
            row = await cursor.fetchone()
            if row is None or not row[0]:
                return 0
            async with connection.cursor(row_factory=dict_row) as found:
                await found.execute(LEFT_BEHIND, (LEASE_SECONDS, SWEEP_BATCH))
                holds = self._not_pending(await found.fetchall())
            await asyncio.gather(*[self._books.submit(self._lost(hold)) for hold in holds])
            await connection.execute(FORGET)
            await connection.execute(TIDY)
        for hold in holds:
            log.warning(
                "hold_swept",
                request_id=str(hold["request_id"]),
                attempt=hold["attempt"],
                route=hold["route"],
                model=hold["model"],
                team=hold["team"],
            )
        return len(holds)

    def _not_pending(self, holds: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Without those whose entries stand in a spool: their worker lives, and is about to book them."""
        pending = self._books.pending() if holds else set()
        return [hold for hold in holds if Key(hold["request_id"], hold["attempt"]) not in pending]

    def _lost(self, hold: dict[str, Any]) -> Any:
        call = Call(**{name: hold[name] for name in Call.__struct_fields__})
        return bookkeeping.lost_entry(
            call=call,
            held_usd=hold["usd"],
            held_tokens=hold["tokens"],
            price_id=hold["price_id"],
            zone=self._zone,
        )

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(SIGN_SECONDS)
            try:
                await self.sign()
                if self._sweeps and time.monotonic() >= self._not_before:
                    await self.sweep()
            except AWAY as error:
                log.warning("sweep_postponed", error=type(error).__name__)
                self._rest()
            except Exception:  # a sweeper that ends in silence would let this worker's lease run out
                log.exception("sweep_failed")

    def _rest(self) -> None:
        self._not_before = time.monotonic() + REST_SECONDS


__all__ = ["LEASE_SECONDS", "SIGN_SECONDS", "Sweeper"]
