"""Who answers a request that may have been sent before. See Note [Before the end]."""

import asyncio
import contextlib
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from psycopg_pool import AsyncConnectionPool

from catalog.vault import CredentialUnreadable
from metering.books import AWAY_PATIENCE_SECONDS, PATIENCE_SECONDS
from metering.entries import Result
from metering.errors import LedgerUnavailable
from metering.held_connection import HeldConnection
from metering.settling import UNAVAILABLE
from proxy.idempotency import conflicts, sealing, store
from proxy.idempotency.keeping import Keeping
from proxy.idempotency.keys import Asked
from proxy.idempotency.sealing import Answer
from proxy.idempotency.store import Found, Run

OK = 200
LOOKS = 3  # a row may be given up between two statements


@dataclass(slots=True)
class Claim:
    """This request answers for its key. ``charged``: the ledger is told of something that it used."""

    asked: Asked
    request_id: uuid.UUID
    charged: bool = False

    def booked(self, result: Result) -> None:
        """An attempt of it goes into the books. An answer may come without any usage."""
        used = result.usage is not None and not result.not_billed
        self.charged = self.charged or used or result.outcome == "ok"


class Claims:
    """One worker's. One statement at a time, over a connection that is opened when the first key comes."""

    def __init__(self, *, pool: AsyncConnectionPool[Any], worker: uuid.UUID, keeping: Keeping) -> None:
        self._held = HeldConnection(pool)
        self._turn = asyncio.Lock()
        self._worker = worker
        self.keeping = keeping

    async def stop(self) -> None:
        await self._held.drop()

    async def of(
        self, asked: Asked, *, request_id: uuid.UUID, streams: bool, seconds: float
    ) -> Claim | Answer:
        """The claim of a request that lasts at most ``seconds``, or the answer that an earlier one was given.

        ``streams``: the caller wants a stream. Raises Conflict, KeyReused and LedgerUnavailable; after the
        last a row may have been written.
        """
        lasts, keep = dt.timedelta(seconds=seconds), dt.timedelta(hours=self.keeping.hours)
        run = Run(request_id, self._worker, lasts, keep)
        patience = AWAY_PATIENCE_SECONDS if self._held.away else PATIENCE_SECONDS  # as for a hold
        try:
            async with asyncio.timeout(patience):
                found = await self._found_twice(asked, run)
        except UNAVAILABLE as error:
            raise LedgerUnavailable(str(error)) from error
        return Claim(asked, request_id) if found is None else await _answer(found, streams=streams)

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[store.Connection]:
        """In turns. Raises psycopg's errors and OSError."""
        async with self._turn:
            try:
                with self._held.not_for_ever():
                    yield await self._held.get()
            except (*UNAVAILABLE, asyncio.CancelledError):
                await self._held.drop()
                raise

    async def _found_twice(self, asked: Asked, run: Run) -> Found | None:
        """On a fresh connection, when the held one has died unnoticed."""
        with contextlib.suppress(*UNAVAILABLE):
            async with self.connection() as connection:
                return await self._found(connection, asked, run)
        async with self.connection() as connection:
            return await self._found(connection, asked, run)

    async def _found(self, connection: store.Connection, asked: Asked, run: Run) -> Found | None:
        """The earlier request, where it was answered in the form asked for; None: ``run`` is to answer."""
        first = run.request_id
        for _ in range(LOOKS):
            if await store.claim(connection, asked, run):
                return None
            found = await store.find(connection, asked)
            if found is None:
                continue
            first = found.request_id
            if found.fingerprint != asked.fingerprint:
                raise conflicts.reused(first)
            if found.state != "in_flight":
                return found
            if not found.lost:
                raise conflicts.in_flight(first)
            if found.charged:
                await store.end(connection, store.Ending(asked, first, "charged"))
                return found._replace(state="charged")
            if await store.take_over(connection, asked, run, lost=first):
                return None
        raise conflicts.in_flight(first)


async def _answer(found: Found, *, streams: bool) -> Answer:
    """Raises Conflict. (An error is told whole, whatever was asked for.)"""
    if found.state == "too_large":
        raise conflicts.too_large(found.request_id)
    if found.state == "charged":
        raise conflicts.already_charged(found.request_id, found.status)
    if found.status == OK and found.streamed != streams:
        raise conflicts.other_form(found.request_id, streamed=found.streamed)
    try:
        return await sealing.opened(found.sealed)
    except CredentialUnreadable:
        raise conflicts.already_charged(found.request_id, found.status) from None


__all__ = ["Claim", "Claims"]
