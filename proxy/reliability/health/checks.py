"""Active health checks: every so often one worker asks a vendor for its list of models.

A check is no call of anybody: it holds no money, is in no ledger and no budget, and costs nothing at the
vendor (checks H14). What it finds counts for the provider's breaker.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from catalog.snapshot import ProviderRow
from proxy.adapters.base import ErrorClass, VendorError
from proxy.reliability.health import requests, store
from proxy.upstream import Upstream

log = structlog.get_logger(__name__)

TICK_SECONDS = 0.5  # how late a check may be

Providers = Callable[[], Mapping[int, ProviderRow]]


class Board(Protocol):
    """Who is told of a check: the breakers."""

    def checked(self, provider: ProviderRow, error: VendorError | None, seconds: float) -> None: ...


class HealthChecks:
    """A worker's part of the checks. ``providers``: those that are configured at this moment."""

    def __init__(
        self,
        *,
        pool: AsyncConnectionPool[Any],
        upstream: Upstream,
        board: Board,
        providers: Providers,
    ) -> None:
        self._pool = pool
        self._upstream = upstream
        self._board = board
        self._providers = providers
        self._checked: frozenset[int] | None = None
        self._running: dict[int, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="health checks")

    async def stop(self) -> None:
        tasks = [task for task in (self._task, *self._running.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.begin_due()
            except (psycopg.Error, PoolTimeout, OSError) as error:
                log.warning("health_checks_postponed", error=type(error).__name__)
            except Exception:  # a task that ends in silence would leave the vendors unchecked
                log.exception("health_checks_failed")
            await asyncio.sleep(TICK_SECONDS)

    async def begin_due(self) -> None:
        """Begin those checks that are due and whose turn is this worker's. Raises psycopg's errors."""
        wanted = {
            provider.id: provider for provider in self._providers().values() if provider.health_check_interval
        }
        if frozenset(wanted) != self._checked:
            await self._forget(frozenset(wanted))
        every = {
            number: provider.health_check_interval or 0.0
            for number, provider in wanted.items()
            if number not in self._running  # a vendor that hangs is not asked again meanwhile
        }
        if not every:
            return
        async with self._pool.connection() as connection:
            claimed = await store.claim(connection, every)
        for number in claimed:
            self._begin(wanted[number])

    async def _forget(self, wanted: frozenset[int]) -> None:
        async with self._pool.connection() as connection:
            await store.forget(connection)
        self._checked = wanted

    def _begin(self, provider: ProviderRow) -> None:
        task = asyncio.create_task(self._checked_once(provider), name=f"health check of {provider.name}")
        self._running[provider.id] = task
        task.add_done_callback(lambda _: self._running.pop(provider.id, None))

    async def _checked_once(self, provider: ProviderRow) -> None:
        try:
            await self._check(provider)
        except (psycopg.Error, PoolTimeout, OSError) as error:
            log.warning("health_check_not_kept", provider=provider.name, error=type(error).__name__)
        except Exception:  # nobody waits for this task
            log.exception("health_check_failed", provider=provider.name)

    async def _check(self, provider: ProviderRow) -> None:
        began = time.monotonic()
        failure = await self._asked(provider)
        seconds = time.monotonic() - began
        self._board.checked(provider, failure, seconds)
        await self._record(provider, failure, seconds)

    async def _asked(self, provider: ProviderRow) -> VendorError | None:
        """The vendor's failure, if any. It takes an interval at most: checks of one vendor do not pile up."""
        secret = provider.api_key
        request = requests.request_for(provider, secret=secret)
        try:
            async with (
                asyncio.timeout(provider.health_check_interval),
                self._upstream.send(request, provider) as response,
            ):
                body = await response.body()
        except TimeoutError:
            return VendorError(
                error_class=ErrorClass.TRANSPORT,
                message="the check took longer than its interval",
                code="health_check_timeout",
            )
        except VendorError as error:
            return error
        failure = requests.failure_in(provider, status=response.status, headers=response.headers, body=body)
        if failure is not None:
            failure.scrub(secret)
        return failure

    async def _record(self, provider: ProviderRow, failure: VendorError | None, seconds: float) -> None:
        healthy = not requests.is_down(failure)
        detail = requests.words_for(failure)
        milliseconds = round(seconds * 1000)
        async with self._pool.connection() as connection:
            in_a_row = await store.record(
                connection, provider=provider.id, healthy=healthy, milliseconds=milliseconds, detail=detail
            )
        if in_a_row == 1:  # it changed; every check would be a flood
            (log.info if healthy else log.warning)(
                "health_check",
                kind="probe",
                by="operator",
                provider=provider.name,
                healthy=healthy,
                detail=detail or None,
                milliseconds=milliseconds,
            )


__all__ = ["HealthChecks"]
