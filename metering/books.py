"""A worker's way to the ledger: holds before calls, entries after, in groups through one async pool.

``books.hold`` raises LimitReached or LedgerUnavailable and then nothing was set aside. ``settle`` queues
at once, so that no cancellation can lose what was used; its future ends when the entry is durable.
"""

import asyncio
import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from catalog.snapshot import CatalogSnapshot, PriceRow
from metering import bookkeeping, windows
from metering.entries import Admission, Bounds, Call, Entry, Result
from metering.errors import LedgerUnavailable, LimitReached
from metering.group_commit import GroupCommit
from metering.held_connection import HeldConnection
from metering.limit_book import LimitRow

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Written = TypeVar("Written")

UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError)
REFUSED = (psycopg.Error, ValueError, TypeError, OverflowError)  # by PostgreSQL, or no JSON can be made of it
SETTLE_RETRY_SECONDS = (0.05, 0.2, 0.5, *[1.0] * 31)  # PostgreSQL may be away for 30 s
ADMIT = (
    "SELECT verdict, granted, held_usd, limit_id, reason, room, resets_at"
    " FROM metering_admit(%s::jsonb, %s::bigint[])"
)
SETTLE = "SELECT state FROM metering_settle(%s::jsonb)"
OPEN_WINDOW = "SELECT metering_open_window(%s, %s, %s)"


class HoldRequest(NamedTuple):
    call: Call
    bounds: Bounds
    limits: Sequence[LimitRow]
    expires_at: dt.datetime


class Verdict(NamedTuple):
    """A row of metering_admit."""

    verdict: str
    granted: int | None
    held_usd: Any
    limit_id: int | None
    reason: str | None
    room: Any
    resets_at: dt.datetime | None


class Settled(NamedTuple):
    """What was booked for one attempt: its entry, and one more for each other model that worked on it."""

    entries: tuple[Entry, ...]

    @property
    def cost(self) -> Decimal | None:
        """USD over all parts; None when one of them is unknown."""
        return bookkeeping.total_cost(self.entries)


class Books:
    """One worker's books. ``start`` before use, ``stop`` at the end: it writes what is still waiting."""

    def __init__(self, *, pool: AsyncConnectionPool[Any], zone: ZoneInfo, worker: uuid.UUID) -> None:
        self._admitting = HeldConnection(pool)
        self._settling = HeldConnection(pool)
        self._zone = zone
        self._worker = worker
        self._windows: dict[tuple[int, dt.datetime], int] = {}
        self._admissions: GroupCommit[HoldRequest, Verdict] = GroupCommit(
            self._write_holds, name="ledger-admit", abandoned=self._release_abandoned
        )
        self._settlements: GroupCommit[tuple[Entry, ...], str] = GroupCommit(
            self._write_entries, name="ledger-settle"
        )

    def start(self) -> None:
        self._admissions.start()
        self._settlements.start()

    async def stop(self) -> None:
        await self._admissions.stop()
        await self._settlements.stop()
        await self._admitting.drop()
        await self._settling.drop()

    async def hold(
        self, *, call: Call, bounds: Bounds, limits: Sequence[LimitRow], expires_at: dt.datetime
    ) -> Admission:
        """Set the upper bound of ``call`` aside on every limit in scope, durably, before it goes out."""
        request = HoldRequest(call, bounds, limits, expires_at)
        try:
            verdict = await self._admissions.written(request)
            if verdict.verdict == "stale":  # a limit was changed under us
                self._windows.clear()
                verdict = await self._admissions.written(request)
        except UNAVAILABLE as error:
            raise LedgerUnavailable(str(error)) from error
        return self._judge(request, verdict)

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

    def _judge(self, request: HoldRequest, verdict: Verdict) -> Admission:
        if verdict.verdict == "admitted":
            assert verdict.granted is not None
            return Admission(
                call=request.call,
                output_tokens=verdict.granted,
                output_wanted=request.bounds.output_wanted,
                held_usd=verdict.held_usd,
                held_tokens=request.bounds.input_tokens + verdict.granted,
                limited=bool(request.limits),
            )
        if verdict.limit_id is None or verdict.resets_at is None:
            raise LedgerUnavailable("limits are being changed; try again")
        period = next((limit.period for limit in request.limits if limit.id == verdict.limit_id), "")
        raise LimitReached(
            limit_id=verdict.limit_id,
            reason=verdict.reason or "",
            room=verdict.room,
            resets_at=verdict.resets_at,
            period=period,
        )

    # Writing: called by the two writer tasks only.

    async def _write_holds(self, batch: list[HoldRequest]) -> Sequence[Verdict | Exception]:
        try:
            connection = await self._admitting.get()
            items = [await self._hold_item(connection, request) for request in batch]
            windows_in_scope = sorted({window for item in items for window in item["hold"]["window_ids"]})
            cursor = await connection.execute(ADMIT, (_json(items), windows_in_scope), prepare=True)
            return [Verdict(*row) for row in await cursor.fetchall()]
        except UNAVAILABLE:
            await self._admitting.drop()
            raise
        except REFUSED as error:
            return await _one_by_one(self._write_holds, batch, error)

    async def _hold_item(
        self, connection: psycopg.AsyncConnection[Any], request: HoldRequest
    ) -> dict[str, Any]:
        call, bounds = request.call, request.bounds
        hold = msgspec.to_builtins(call, builtin_types=(dt.datetime, uuid.UUID))
        hold.update(
            price_id=bounds.price_id,
            worker=self._worker,
            expires_at=request.expires_at,
            window_ids=sorted(
                [await self._window(connection, limit, call.started_at) for limit in request.limits]
            ),
        )
        return {
            "hold": hold,
            "base_usd": bounds.base_usd,
            "usd_per_output_token": bounds.usd_per_output_token,
            "input_tokens": bounds.input_tokens,
            "output_wanted": bounds.output_wanted,
            "output_least": bounds.output_least,
            "calls": 1 if call.attempt == 1 else 0,
        }

    async def _window(
        self, connection: psycopg.AsyncConnection[Any], limit: LimitRow, at: dt.datetime
    ) -> int:
        starts_at, ends_at = windows.bounds(period=limit.period, at=at, zone=self._zone)
        known = self._windows.get((limit.id, starts_at))
        if known is not None:
            return known
        cursor = await connection.execute(OPEN_WINDOW, (limit.id, starts_at, ends_at))
        row = await cursor.fetchone()
        if row is None or row[0] is None:
            return 0  # the limit is gone: metering_admit answers "stale"
        if len(self._windows) > 10_000:  # minute windows of the past
            self._windows.clear()
        self._windows[limit.id, starts_at] = row[0]
        window: int = row[0]
        return window

    async def _write_entries(self, batch: list[tuple[Entry, ...]]) -> Sequence[str | Exception]:
        for pause in (*SETTLE_RETRY_SECONDS, None):
            try:
                return await self._settle_once(batch)
            except UNAVAILABLE as error:
                await self._settling.drop()
                if pause is None:
                    raise LedgerUnavailable(str(error)) from error
                log.warning("settlement_retried", attempts=len(batch), error=type(error).__name__)
                await asyncio.sleep(pause)
            except REFUSED as error:
                return await _one_by_one(self._write_entries, batch, error)
        raise AssertionError("unreachable")

    async def _settle_once(self, batch: list[tuple[Entry, ...]]) -> list[str]:
        """What became of each attempt: the state of its first part."""
        connection = await self._settling.get()
        entries = [entry for attempt in batch for entry in attempt]
        cursor = await connection.execute(SETTLE, (_json(entries),), prepare=True)
        rows = iter(await cursor.fetchall())
        states = [[next(rows)[0] for _ in attempt] for attempt in batch]
        return [of_attempt[0] for of_attempt in states]

    def _release_abandoned(self, request: HoldRequest, verdict: Verdict) -> None:
        """The caller left while its hold was being written."""
        if verdict.verdict == "admitted":
            self.release(request.call)


def _json(items: Sequence[Any]) -> str:
    return msgspec.json.encode(items).decode()


async def _one_by_one(
    write: Callable[[list[Item]], Awaitable[Sequence[Written | Exception]]],
    batch: list[Item],
    error: Exception,
) -> list[Written | Exception]:
    """One poisoned item must not take its neighbours with it: write each alone.

    The hold of a settlement that PostgreSQL refuses stays, and the sweeper books it as lost.
    """
    if len(batch) == 1:
        refusal = error if isinstance(error, psycopg.Error) else None
        log.error(
            "ledger_refused",
            error=type(error).__name__,
            sqlstate=refusal and refusal.sqlstate,
            detail=refusal and refusal.diag.message_primary,
        )
        return [error]
    return [(await write([item]))[0] for item in batch]
