"""How claims end: written at once, or when PostgreSQL is back. Until then the row is in flight.

A worker that dies with an ending unwritten leaves a row that says less, never one that says something wrong:
the ledger, or its spool, knows whether the call was charged (Note [Before the end]).
"""

import asyncio
import uuid

import structlog

from metering.settling import REFUSED, UNAVAILABLE
from proxy.idempotency import store
from proxy.idempotency.claims import Claims
from proxy.idempotency.store import Ending

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 2.0  # the settlement waited for PostgreSQL already; the answer's end waits so much longer
AGAIN_SECONDS = 0.5
MOST_WAITING_CHARS = 64 * 1024 * 1024  # of sealed answers; beyond it only that the call was charged is kept


class Endings:
    """One worker's. ``start`` and ``stop`` the task that writes what could not be written at once. ``room``:
    characters of sealed answers."""

    def __init__(self, claims: Claims, *, room: int = MOST_WAITING_CHARS) -> None:
        self._claims = claims
        self._room = room
        self._waiting: dict[uuid.UUID, Ending] = {}
        self._stuck = False  # the last try did not reach PostgreSQL
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="idempotency-endings")

    async def stop(self) -> None:
        """Write what waits, if PostgreSQL is there to take it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._write_all()
        if self._waiting:
            log.warning("idempotency_endings_lost", calls=len(self._waiting))

    async def write(self, ending: Ending) -> None:
        """Durably, if PostgreSQL takes it now. While it takes none, they all wait, and nobody for them.

        Others that are being written at this moment hold nobody up: an answer's end is behind its own row.
        """
        self.write_later(ending)
        if not self._stuck:
            await self._write(ending)

    def write_later(self, ending: Ending) -> None:
        """Never waits and never fails."""
        self._waiting[ending.request_id] = self._affordable(ending)
        self._wake.set()

    def _affordable(self, ending: Ending) -> Ending:
        held = sum(len(other.sealed) for other in self._waiting.values())
        if held + len(ending.sealed) <= self._room:
            return ending
        return ending._replace(state="charged", sealed="")

    async def _write(self, ending: Ending) -> bool:
        """Whether it need wait no longer."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._claims.connection() as connection:
                await store.end(connection, ending)
        except UNAVAILABLE as error:
            log.warning("idempotency_ending_waits", error=type(error).__name__)
            self._stuck = True
            return False
        except REFUSED:  # the row stays in flight, until it is known as lost
            log.exception("idempotency_ending_refused", request_id=str(ending.request_id))
        self._stuck = False
        self._waiting.pop(ending.request_id, None)
        return True

    async def _write_all(self) -> None:
        for ending in list(self._waiting.values()):
            if not await self._write(ending):
                return

    async def _run(self) -> None:
        """What is being written just now by its own request may be written twice: it changes nothing."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(AGAIN_SECONDS)
            self._wake.clear()
            try:
                await self._write_all()
            except Exception:  # a task that ends in silence would leave rows in flight
                log.exception("idempotency_endings_failed")
            if self._waiting:
                self._wake.set()


__all__ = ["Endings"]
