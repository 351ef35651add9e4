"""PostgreSQL away: told once when it goes and once when it is back, by each worker.

Whoever fails for want of it says so (``suspect``); then this looks for itself, over a connection of its own,
until PostgreSQL answers. What else is logged meanwhile only follows from it and is left to DEBUG.
"""

import asyncio
import logging
import time
from typing import Any

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict
from structlog.types import EventDict

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
TELL_SECONDS = 30.0  # while it lasts
CONNECT_SECONDS = 3
FALSE_ALARM_SECONDS = 1.0  # at most one line in so long of a server that is there
WORDS_CHARS = 300
GONE = (psycopg.OperationalError, psycopg.InterfaceError, OSError)  # the pool's timeout is one, too

# What tasks say again and again while it is away. Each goes on by itself when it is back.
CONSEQUENCES = frozenset(
    {
        *("reliability_listener_lost", "configuration_listener_lost", "configuration_kept"),
        *("settlement_put_by", "lease_left", "sweep_postponed", "refusals_wait"),
        *("breakers_not_told", "breaker_probe_not_claimed", "breaker_trial_not_claimed"),
        *("credential_findings_wait", "health_checks_postponed", "health_check_not_kept"),
        *("idempotency_ending_waits", "idempotency_purge_postponed"),
        *("notices_postponed", "deliveries_postponed"),
    }
)


class Standing:
    """Of this process: a worker is one. ``watch``: None where nobody watches (commands, tests)."""

    is_away = False
    watch: "Outage | None" = None


standing = Standing()


def suspect(error: BaseException) -> None:
    """Something failed for want of PostgreSQL, or so it seems. Never waits."""
    if standing.watch is not None:
        standing.watch.suspect(error)


def refused(error: BaseException) -> None:
    """A call was refused for want of it."""
    if standing.watch is not None:
        standing.watch.refused(error)


class Outage:
    """One worker's, from ``start`` on. ``conninfo``: libpq's words for the database; its password is never
    logged."""

    def __init__(self, *, conninfo: str) -> None:
        self._conninfo = conninfo
        self._secret = str(conninfo_to_dict(conninfo).get("password") or "")
        self._task: asyncio.Task[None] | None = None
        self._refused = 0

    def start(self) -> None:
        """This process's lines about what follows from an outage are held back from now on."""
        standing.watch = self
        processors = structlog.get_config()["processors"]
        if told_once not in processors:
            processors.insert(0, told_once)

    def suspect(self, error: BaseException) -> None:
        if self._task is None or self._task.done():
            standing.is_away = True
            self._task = asyncio.create_task(self._watch(error), name="outage")

    def refused(self, error: BaseException) -> None:
        """Counted in the next line."""
        self._refused += 1
        self.suspect(error)

    async def stop(self) -> None:
        standing.watch = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self, error: BaseException) -> None:
        began = time.monotonic()
        try:
            problem = await self._problem()
            if problem is None:
                standing.is_away = False
                await asyncio.sleep(FALSE_ALARM_SECONDS)
                log.warning("database_connection_lost", error=self._words(error), refused=self._counted())
                return
            log.error("database_unreachable", error=problem)
            await self._until_back(began)
            log.warning("database_back", seconds=_since(began), refused=self._counted())
        finally:
            standing.is_away = False

    async def _until_back(self, began: float) -> None:
        told = time.monotonic()
        while (problem := await self._problem()) is not None:
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                log.error(
                    "database_still_unreachable",
                    error=problem,
                    seconds=_since(began),
                    refused=self._refused,
                )
            await asyncio.sleep(LOOK_SECONDS)

    async def _problem(self) -> str | None:
        """psycopg's words; None: it answers."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS + 1):
                connection = await psycopg.AsyncConnection.connect(
                    self._conninfo, connect_timeout=CONNECT_SECONDS, application_name="tallygate-worker"
                )
                await connection.close()
        except GONE as error:  # its timeout is an OSError
            return self._words(error)
        return None

    def _words(self, error: BaseException) -> str:
        words = " ".join(str(error).split()) or type(error).__name__
        return (words.replace(self._secret, "[password]") if self._secret else words)[:WORDS_CHARS]

    def _counted(self) -> int:
        refused, self._refused = self._refused, 0
        return refused


def told_once(logger: Any, method: str, event: EventDict) -> EventDict:
    """A processor of structlog's: what follows from an outage is told to those alone who log at DEBUG."""
    follows = standing.is_away and event.get("event") in CONSEQUENCES
    if follows and not logger.isEnabledFor(logging.DEBUG):
        raise structlog.DropEvent
    return event


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)


__all__ = ["CONSEQUENCES", "GONE", "Outage", "refused", "suspect", "told_once"]
