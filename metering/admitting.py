"""Writing holds: many at once, each decided by metering_admit in the transaction that writes it.

Note [Held or not]: when the connection breaks while holds are written, nobody knows whether they were. They
are looked for and the rest is written again (a hold is unique by request and attempt, so no race can write it
twice); when PostgreSQL is gone altogether, each is released, and the release waits in the spool. A server
process that outlived its connection (it froze, or waited for a lock) may write a hold after its release: so
each is released once more, when such a process has come to an end.
"""

import asyncio
import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from psycopg_pool import AsyncConnectionPool

from metering import windows
from metering.entries import Bounds, Call
from metering.held_connection import HeldConnection
from metering.limit_book import LimitRow
from metering.settling import REFUSED, UNAVAILABLE, one_by_one
from metering.spool import Key

ADMIT = (
    "SELECT verdict, granted, held_usd, limit_id, reason, room, resets_at, amount, rate_limits, rate_amounts,"
    " rate_rooms, spent, held, exposed FROM metering_admit(%s::jsonb, %s::bigint[])"
)
FIND = """
SELECT h.request_id, h.attempt, h.tokens, h.usd FROM metering_hold h
JOIN unnest(%s::uuid[], %s::int[]) AS x(request_id, attempt) USING (request_id, attempt)
"""
OPEN_WINDOW = "SELECT metering_open_window(%s, %s, %s)"
AGAIN_SECONDS = 30.0  # until a release is repeated


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
    amount: Any = None
    rate_limits: list[int] | None = None
    rate_amounts: list[Decimal] | None = None
    rate_rooms: list[Decimal] | None = None
    spent: Decimal | None = None
    held: Decimal | None = None
    exposed: Decimal | None = None


class HoldWriter:
    """For one task, the group commit's. ``release`` frees a hold that may have been written in vain."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        *,
        zone: ZoneInfo,
        worker: uuid.UUID,
        release: Callable[[Call], object],
    ) -> None:
        self._held = HeldConnection(pool)
        self._zone = zone
        self._worker = worker
        self._release = release
        self._windows: dict[tuple[int, dt.datetime], int] = {}
        self._again: list[asyncio.TimerHandle] = []

    @property
    def is_away(self) -> bool:
        """Whether PostgreSQL could not be reached a moment ago."""
        return self._held.away

    def forget_windows(self) -> None:
        """A limit was changed: look again."""
        self._windows.clear()

    async def stop(self) -> None:
        """What is still to be released again is the sweeper's: the worker's lease ends."""
        for timer in self._again:
            timer.cancel()
        await self._held.drop()

    async def write(self, batch: list[HoldRequest]) -> Sequence[Verdict | Exception]:
        """One verdict for each. See Note [Held or not]."""
        try:
            connection = await self._held.get()
            try:
                return await self._admit(connection, batch)
            except UNAVAILABLE:
                await self._held.drop()
                return await self._admit_again(batch)
        except UNAVAILABLE:
            raise
        except REFUSED as error:
            if isinstance(error, psycopg.errors.UniqueViolation) and len(batch) == 1:
                return await self._admit_again(batch)
            return await one_by_one(self.write, batch, error)

    async def _admit_again(self, batch: list[HoldRequest]) -> Sequence[Verdict]:
        try:
            connection = await self._held.get()
            found = await _written_holds(connection, batch)
            missing = [request for request in batch if _key(request) not in found]
            if not missing:
                return [found[_key(request)] for request in batch]
            keys = map(_key, missing)
            verdicts = dict(zip(keys, await self._admit(connection, missing), strict=True)) | found
            # a server process that outlived its connection may have held it meanwhile, and so used the room
            verdicts |= await _written_holds(connection, batch)
            return [verdicts[_key(request)] for request in batch]
        except UNAVAILABLE:
            await self._held.drop()
            self._release_all(batch)
            raise

    def _release_all(self, batch: list[HoldRequest]) -> None:
        """Now, and once more later: see Note [Held or not]. A release without a hold does nothing."""
        loop = asyncio.get_running_loop()
        self._again = [timer for timer in self._again if timer.when() > loop.time()]
        for request in batch:
            self._release(request.call)
            self._again.append(loop.call_later(AGAIN_SECONDS, self._release, request.call))

    async def _admit(
        self, connection: psycopg.AsyncConnection[Any], batch: list[HoldRequest]
    ) -> list[Verdict]:
        items = [await self._hold_item(connection, request) for request in batch]
        windows_in_scope = sorted({window for item in items for window in item["hold"]["window_ids"]})
        text = msgspec.json.encode(items).decode()
        with self._held.not_for_ever():
            cursor = await connection.execute(ADMIT, (text, windows_in_scope), prepare=True)
            return [Verdict(*row) for row in await cursor.fetchall()]

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


async def _written_holds(
    connection: psycopg.AsyncConnection[Any], batch: list[HoldRequest]
) -> dict[Key, Verdict]:
    """The verdicts of those that are in the ledger, as they were given."""
    keys = [_key(request) for request in batch]
    ids, attempts = [key.request_id for key in keys], [key.attempt for key in keys]
    cursor = await connection.execute(FIND, (ids, attempts))
    rows = {Key(*row[:2]): row[2:] for row in await cursor.fetchall()}
    return {
        key: Verdict("admitted", tokens - request.bounds.input_tokens, usd, *[None] * 4)
        for key, request in zip(keys, batch, strict=True)
        for tokens, usd in ([rows[key]] if key in rows else [])
    }


def _key(request: HoldRequest) -> Key:
    return Key(request.call.request_id, request.call.attempt)
