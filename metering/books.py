"""A worker's way to the ledger: holds before calls, entries after, in groups.

``books.hold`` raises LimitReached or LedgerUnavailable and then nothing was set aside. ``settle`` queues
at once, so that no cancellation can lose what was used; its future ends when the entry is durable: in
PostgreSQL, or in the spool while that is away (settling.py).
"""

import asyncio
import contextlib
import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from catalog.snapshot import CatalogSnapshot, PriceRow
from metering import bookkeeping, refusals, room, spool
from metering.admitting import HoldRequest, HoldWriter, Verdict
from metering.entries import Admission, Bounds, Call, Entry, Result
from metering.errors import LedgerUnavailable, LimitReached
from metering.group_commit import GroupCommit
from metering.limit_book import LimitRow
from metering.settling import UNAVAILABLE, EntryWriter
from metering.spool import Key, Spool

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 5.0  # a call waits so long for its hold,
AWAY_PATIENCE_SECONDS = 0.7  # and so long when PostgreSQL could not be reached a moment ago


class Settled(NamedTuple):
    """What was booked for one attempt: its entry, and one more for each other model that worked on it."""

    entries: tuple[Entry, ...]

    @property
    def cost(self) -> Decimal | None:
        """USD over all parts; None when one of them is unknown."""
        return bookkeeping.total_cost(self.entries)


class Books:
    """One worker's books. ``start`` before use, ``stop`` at the end: it writes what is still waiting.

    ``keep_in`` a folder what PostgreSQL cannot take for the moment; without one that waits in memory.
    """

    def __init__(self, *, pool: AsyncConnectionPool[Any], zone: ZoneInfo, worker: uuid.UUID) -> None:
        self._holding = HoldWriter(pool, zone=zone, worker=worker, release=self.release)
        self._writer = EntryWriter(pool)
        self._folder: Path | None = None
        self._pool = pool
        self._zone = zone
        self._worker = worker
        self._admissions: GroupCommit[HoldRequest, Verdict] = GroupCommit(
            self._holding.write, name="ledger-admit", abandoned=self._release_abandoned
        )
        self._settlements: GroupCommit[tuple[Entry, ...], str] = GroupCommit(
            self._writer.write, name="ledger-settle"
        )

    def keep_in(self, folder: Path, *, max_bytes: int = spool.MAX_BYTES) -> None:
        """Before ``start``. ``folder``: of this database (``spool.folder_for``), shared by the workers."""
        self._folder = folder
        self._writer.use(Spool(folder / f"{self._worker}{spool.SUFFIX}", max_bytes=max_bytes))

    def start(self) -> None:
        self._admissions.start()
        self._settlements.start()
        self._writer.start()

    async def stop(self) -> None:
        await self._admissions.stop()
        await self._holding.stop()
        await self._settlements.stop()
        await self._writer.stop()

    async def adopt(self) -> int:
        """Book what dead workers of this host left in their spools; how many attempts."""
        return await self._writer.adopt(self._folder) if self._folder else 0

    def pending(self) -> set[Key]:
        """The attempts that stand in a spool of this host: used, known, and not in PostgreSQL yet."""
        return spool.pending(self._folder) if self._folder else set()

    async def hold(
        self, *, call: Call, bounds: Bounds, limits: Sequence[LimitRow], expires_at: dt.datetime
    ) -> Admission:
        """Set the upper bound of ``call`` aside on every limit in scope, durably, before it goes out."""
        request = HoldRequest(call, bounds, limits, expires_at)
        try:
            verdict = await self._verdict(request)
            if verdict.verdict == "stale":  # a limit was changed under us
                self._holding.forget_windows()
                verdict = await self._verdict(request)
        except UNAVAILABLE as error:
            raise LedgerUnavailable(str(error)) from error
        except psycopg.DataError:  # this call's own values cannot be written, whenever it comes back
            raise
        except psycopg.Error as error:  # a right or a table is missing: as long as that is so, no call starts
            log.error("hold_not_written", error=type(error).__name__, detail=str(error)[:300])
            raise LedgerUnavailable(str(error)) from error
        try:
            return self._judge(request, verdict)
        except LimitReached as error:
            raise await self._named(error, call.model_id) from None

    def settle(
        self,
        *,
        admission: Admission,
        result: Result,
        prices: Sequence[PriceRow],
        catalog: CatalogSnapshot | None = None,
    ) -> "tuple[Settled, asyncio.Future[str]]":
        """Book how the attempt ended. Await the future before the caller gets the end of its answer.

        All parts are written by one statement: they are booked together or, when PostgreSQL refuses one of
        them, not at all. Then the hold stands until the sweeper books the attempt as lost.
        """
        entries = bookkeeping.entries_for(
            admission=admission, result=result, prices=prices, zone=self._zone, catalog=catalog
        )
        return Settled(entries), self._settlements.submit(entries)

    def release(self, call: Call) -> "asyncio.Future[str]":
        """Free the hold of a call that never left us."""
        return self.submit(bookkeeping.release_of(call=call, zone=self._zone))

    def submit(self, entry: Entry) -> "asyncio.Future[str]":
        """Book an entry that is complete already (the sweeper's)."""
        return self._settlements.submit((entry,))

    async def _verdict(self, request: HoldRequest) -> Verdict:
        """Raises TimeoutError; what is written too late is released (GroupCommit's ``abandoned``)."""
        patience = AWAY_PATIENCE_SECONDS if self._holding.is_away else PATIENCE_SECONDS
        async with asyncio.timeout(patience):
            return await self._admissions.written(request)

    def _judge(self, request: HoldRequest, verdict: Verdict) -> Admission:
        columns = (verdict.rate_limits, verdict.rate_amounts, verdict.rate_rooms)
        rates = room.rates(columns, limits=request.limits, at=request.call.started_at, zone=self._zone)
        if verdict.verdict != "admitted":
            raise refusals.of(request, verdict, rates=rates)
        assert verdict.granted is not None
        return Admission(
            call=request.call,
            output_tokens=verdict.granted,
            output_wanted=request.bounds.output_wanted,
            held_usd=verdict.held_usd,
            held_tokens=request.bounds.input_tokens + verdict.granted,
            limited=bool(request.limits),
            rates=rates,
        )

    async def _named(self, error: LimitReached, model_id: int) -> LimitReached:
        """With the model's name, where that is what the caller has to know; it is read only then."""
        if error.reason == "unpriced":
            with contextlib.suppress(*UNAVAILABLE):
                async with self._pool.connection() as connection:
                    error.model = await refusals.name_of(connection, model_id)
        return error

    def _release_abandoned(self, request: HoldRequest, verdict: Verdict) -> None:
        """The caller left while its hold was being written."""
        if verdict.verdict == "admitted":
            self.release(request.call)
