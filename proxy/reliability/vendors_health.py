"""What one worker knows of how the vendors are doing, and whom it asks of it. Started and stopped as one."""

import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from psycopg_pool import AsyncConnectionPool

from catalog.snapshot import ProviderRow
from proxy.reliability.breakers.board import Breakers
from proxy.reliability.breakers.store import PostgresRows
from proxy.reliability.bulkheads import Bulkheads
from proxy.reliability.credentials.choice import Credentials
from proxy.reliability.credentials.sharing import CredentialSharing
from proxy.reliability.health.checks import HealthChecks
from proxy.reliability.listening import Listening
from proxy.reliability.refusals import Refusals
from proxy.reliability.retries import RetryBudgets
from proxy.upstream import Upstream


class VendorsHealth:
    """Breakers and resting credentials are shared by all workers; room and retries are this worker's own."""

    def __init__(
        self,
        *,
        pool: AsyncConnectionPool[Any],
        conninfo: str,
        worker: uuid.UUID,
        upstream: Upstream,
        providers: Callable[[], Mapping[int, ProviderRow]],
        draw: random.Random,
        clock: Callable[[], float],
    ) -> None:
        self.breakers = Breakers(rows=PostgresRows(pool), worker=worker, clock=clock)
        self.credentials = Credentials(draw=draw, clock=clock)
        self.bulkheads = Bulkheads()
        self.retry_budgets = RetryBudgets()
        self.refusals = Refusals(pool=pool, worker=worker)
        self._listening = Listening(conninfo=conninfo)
        self._sharing = CredentialSharing(self.credentials, pool=pool, listening=self._listening)
        self._listening.on("proxy_breaker", self.breakers.read)
        self._checks = HealthChecks(pool=pool, upstream=upstream, board=self.breakers, providers=providers)

    async def start(self) -> None:
        """Raises psycopg's errors while PostgreSQL is away."""
        await self._listening.start()
        self.breakers.start()
        await self._sharing.start()
        await self._checks.start()
        await self.refusals.start()

    async def stop(self) -> None:
        await self._checks.stop()
        await self._listening.stop()
        await self._sharing.stop()
        await self.breakers.stop()
        await self.refusals.stop()
