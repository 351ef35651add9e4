"""Tells the other workers what happened here, by one task: what comes meanwhile waits for the next time.

What is bad is told at once. While something is wrong, what is good is told too, every half second.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from functools import partial

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from proxy.reliability.breakers import decisions
from proxy.reliability.breakers.circuit import Key
from proxy.reliability.breakers.decisions import Outcome, Rows
from proxy.reliability.breakers.watch import Watch

log = structlog.get_logger(__name__)

TELL_SECONDS = 0.5
RETRY_SECONDS = 0.5
AWAY = (psycopg.Error, PoolTimeout, OSError, TimeoutError)


class Teller:
    """``learn`` is given PostgreSQL's answer to each report."""

    def __init__(self, rows: Rows, *, worker: uuid.UUID, learn: Callable[[Outcome], None]) -> None:
        self._rows = rows
        self._worker = worker
        self._learn = learn
        self._waiting: dict[Key, Watch] = {}
        self._wake, self._urgent = asyncio.Event(), asyncio.Event()
        self._telling = asyncio.Lock()

    def note(self, watch: Watch, *, urgent: bool) -> None:
        """``watch`` has something to tell: at once, or soon."""
        self._waiting[watch.key] = watch
        self._wake.set()
        if urgent:
            self._urgent.set()

    async def tell(self) -> None:
        """Raises psycopg's errors when PostgreSQL is away; what was to be told is kept for the next time."""
        async with self._telling:
            waiting, self._waiting = self._waiting, {}
            told = [waiting[key] for key in sorted(waiting) if not waiting[key].report.is_empty]
            if not told:
                return
            reports = {watch.key: (watch.policy, watch.hand_over()) for watch in told}
            decide = partial(decisions.told, reports=reports)
            try:
                outcome = await self._rows.change(list(reports), decide, worker=self._worker)
            except BaseException:
                for watch in told:
                    watch.keep()
                self._waiting = {watch.key: watch for watch in told} | self._waiting
                raise
            for watch in told:
                watch.sent()
            self._learn(outcome)

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TELL_SECONDS):
                    await self._urgent.wait()
            self._wake.clear()
            self._urgent.clear()
            try:
                await self.tell()
            except AWAY as error:
                log.warning("breakers_not_told", error=type(error).__name__)
                await self._rest()
            except Exception:  # breakers whose ends nobody hears of would stay open for ever
                log.exception("breakers_failed")
                await self._rest()

    async def _rest(self) -> None:
        await asyncio.sleep(RETRY_SECONDS)
        self._wake.set()


__all__ = ["AWAY", "RETRY_SECONDS", "Teller"]
