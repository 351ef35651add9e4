"""Writing entries: to PostgreSQL, or to the spool while it is away, and from the spool when it is back.

Note [Put by, then booked]: what cannot be booked is spooled, and what is settled while anything is in the
spool goes behind it; one task replays it in order. metering_settle answers 'duplicate' for what it has booked
already, so neither a repeated batch nor a replay that died half way books anything twice.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from metering import spool
from metering.entries import Entry
from metering.errors import LedgerUnavailable
from metering.held_connection import HeldConnection
from metering.spool import Line, Spool, SpoolFull

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Written = TypeVar("Written")
Attempt = tuple[Entry, ...]  # all parts of one attempt: booked together or not at all

UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,  # a standby, until it is promoted
    PoolTimeout,
    OSError,
)
REFUSED = (psycopg.Error, ValueError, TypeError, OverflowError)  # by PostgreSQL, or no JSON can be made of it
SETTLE = "SELECT state FROM metering_settle(%s::jsonb)"
SPOOLED = "spooled"  # the state of what is durable on this host and not yet in PostgreSQL
REPLAY_SECONDS = 0.5  # between looks whether PostgreSQL is back
REPLAY_LINES = 64
HEAD_START_SECONDS = 1.0
WAIT_SECONDS = (0.05, 0.2, 0.5, *[1.0] * 31)  # in memory, where there is no spool or no room in it


class EntryWriter:
    """Books batches of attempts. ``write`` is for one task (the group commit's); it shares its connection
    with the replay, in turns."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._held = HeldConnection(pool)
        self._turn = asyncio.Lock()
        self._spool: Spool | None = None
        self._replayed = 0  # offset in the spool: booked up to here
        self._task: asyncio.Task[None] | None = None
        self._spooled = asyncio.Event()

    def use(self, own: Spool) -> None:
        """Keep in ``own`` what PostgreSQL cannot take. Without it that waits in memory."""
        self._spool = own

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_replaying(), name="spool")

    async def stop(self) -> None:
        """After the last ``write``. What cannot be booked now stays in the spool for another worker."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.replay()
        if self._spool is not None:
            self._spool.close()
        await self._held.drop()

    async def write(self, batch: list[Attempt]) -> Sequence[str | Exception]:
        """What became of each attempt: the state of its first part. See Note [Put by, then booked]."""
        if not (self._spool and self._spool.size):
            try:
                async with self._turn:
                    return await self._booked(batch)
            except UNAVAILABLE as error:
                log.warning("settlement_put_by", attempts=len(batch), error=type(error).__name__)
        return await self._put_by(batch)

    async def replay(self) -> int:
        """Book what is spooled, as far as PostgreSQL takes it; how many attempts."""
        if self._spool is None or not self._spool.size:
            return 0
        count, self._replayed = await self._replay(self._spool, self._replayed)
        if not self._spool.size:
            self._replayed = 0
        return count

    async def adopt(self, folder: Path) -> int:
        """Replay what dead workers left in ``folder``; how many attempts."""
        total = 0
        for path in spool.files(folder):
            found = Spool.adopted(path)
            if found is not None:
                try:
                    count, _ = await self._replay(found, 0)
                finally:
                    found.close()
                total += count
        return total

    async def _keep_replaying(self) -> None:
        while True:
            await self._spooled.wait()
            await asyncio.sleep(REPLAY_SECONDS)
            try:
                await self.replay()
            except Exception:  # what is in the spool stays there; the next look may fare better
                log.exception("replay_failed")
            if self._spool is None or not self._spool.size:
                self._spooled.clear()

    async def _replay(self, source: Spool, position: int) -> tuple[int, int]:
        """Attempts booked, and the offset up to which; an empty spool's file is removed."""
        began, count = time.monotonic(), 0
        if not await self._others_had_time():
            return count, position
        while True:
            async with self._turn:
                lines = source.lines(start=position, most=REPLAY_LINES)
                if not lines:
                    _finish(source, position, count, began)
                    return count, position
                try:
                    await self._book_lines(source, lines)
                except UNAVAILABLE:
                    return count, position
            count, position = count + len(lines), lines[-1].end

    async def _others_had_time(self) -> bool:
        """Whether PostgreSQL is there. When it just came back, statements sent before may
        still be running: a hold that is written after its release would stay."""
        try:
            async with self._turn:
                await self._held.get()
        except UNAVAILABLE:
            return False
        await asyncio.sleep(self._held.since + HEAD_START_SECONDS - time.monotonic())
        return True

    async def _book_lines(self, source: Spool, lines: list[Line]) -> None:
        """All at once; when one is refused, each alone. What PostgreSQL never takes is kept aside, loudly."""
        whole = [line for line in lines if line.entries is not None]
        try:
            if whole:
                await self._execute(
                    msgspec.json.encode([entry for line in whole for entry in line.entries or ()])
                )
        except UNAVAILABLE:
            await self._held.drop()
            raise
        except REFUSED as error:
            if len(lines) > 1:
                for line in lines:
                    await self._book_lines(source, [line])
                return
            source.refuse(lines[0])
            log.error("spool_line_refused", path=str(source.path), **_facts(error))
        for line in lines:
            if line.entries is None:
                source.refuse(line)
                log.error("spool_line_damaged", path=str(source.path), bytes=len(line.raw))

    async def _booked(self, batch: list[Attempt]) -> Sequence[str | Exception]:
        """Once, and once more on a fresh connection: the held one may have died unnoticed."""
        try:
            return await self._booked_once(batch)
        except UNAVAILABLE:
            return await self._booked_once(batch)

    async def _booked_once(self, batch: list[Attempt]) -> Sequence[str | Exception]:
        try:
            entries = [entry for attempt in batch for entry in attempt]
            states = iter(await self._execute(msgspec.json.encode(entries)))
            return [[next(states) for _ in attempt][0] for attempt in batch]  # noqa: RUF015 - all are read
        except UNAVAILABLE:
            await self._held.drop()
            raise
        except REFUSED as error:
            return await one_by_one(self._booked, batch, error)

    async def _execute(self, entries: bytes) -> list[str]:
        """The state of each entry of a JSON array."""
        connection = await self._held.get()
        with self._held.not_for_ever():
            cursor = await connection.execute(SETTLE, (entries.decode(),), prepare=True)
            return [row[0] for row in await cursor.fetchall()]

    async def _put_by(self, batch: list[Attempt]) -> Sequence[str | Exception]:
        kept = [attempt for attempt in batch if is_spoolable(attempt)]
        if kept and not await self._spool_takes(kept):
            return await self._wait_in_memory(batch)
        away = LedgerUnavailable("PostgreSQL is away")
        return [SPOOLED if is_spoolable(attempt) else away for attempt in batch]

    async def _spool_takes(self, attempts: list[Attempt]) -> bool:
        if self._spool is None:
            return False
        try:
            async with self._turn:
                await asyncio.to_thread(self._spool.append, attempts)
        except (SpoolFull, OSError) as error:
            log.error("spool_failed", path=str(self._spool.path), error=str(error))
            return False
        self._spooled.set()
        return True

    async def _wait_in_memory(self, batch: list[Attempt]) -> Sequence[str | Exception]:
        for pause in (*WAIT_SECONDS, None):
            try:
                async with self._turn:
                    return await self._booked_once(batch)
            except UNAVAILABLE as error:
                if pause is None:
                    raise LedgerUnavailable(str(error)) from error
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")


def is_spoolable(attempt: Attempt) -> bool:
    """Whether a replay can do no harm: a correction would be booked again each time, and what the sweeper
    takes for lost is not known to be."""
    return all(entry.kind != "correction" and entry.cost_reason != "lost" for entry in attempt)


async def one_by_one(
    write: Callable[[list[Item]], Awaitable[Sequence[Written | Exception]]],
    batch: list[Item],
    error: Exception,
) -> list[Written | Exception]:
    """One poisoned item must not take its neighbours with it: write each alone.

    The hold of a settlement that PostgreSQL refuses stays, and the sweeper books it as lost.
    """
    if len(batch) == 1:
        log.error("ledger_refused", **_facts(error))
        return [error]
    return [(await write([item]))[0] for item in batch]


def _facts(error: Exception) -> dict[str, str | None]:
    refusal = error if isinstance(error, psycopg.Error) else None
    return {
        "error": type(error).__name__,
        "sqlstate": refusal.sqlstate if refusal else None,
        "detail": refusal.diag.message_primary if refusal else None,
    }


def _finish(source: Spool, position: int, count: int, began: float) -> None:
    """Tell what was replayed, and what a crash tore off, and remove the file."""
    if source.size > position:
        log.error("spool_torn", path=str(source.path), bytes=source.size - position)
    log.warning(
        "spool_replayed", path=str(source.path), attempts=count, seconds=round(time.monotonic() - began, 3)
    )
    with contextlib.suppress(OSError):
        source.clear()


__all__ = ["REFUSED", "SPOOLED", "UNAVAILABLE", "EntryWriter", "is_spoolable", "one_by_one"]
