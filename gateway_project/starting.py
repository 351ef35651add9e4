"""How this worker starts: it waits for PostgreSQL as long as it takes, and says so."""

import asyncio
import time
from collections.abc import Callable

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from proxy.gateway import Gateway

log = structlog.get_logger(__name__)

AWAY = (psycopg.OperationalError, PoolTimeout, OSError)
LOOK_SECONDS = 0.5
TELL_SECONDS = 5.0


class Start:
    """``away`` is set when PostgreSQL could not be reached; ``reason`` is for /readyz."""

    def __init__(self, make: Callable[[], Gateway], *, conninfo: str) -> None:
        self._make = make
        self._conninfo = conninfo
        self.away = asyncio.Event()
        self.reason = "worker is starting"

    async def gateway(self) -> Gateway:
        """A gateway that serves. Raises what is not PostgreSQL's absence."""
        told = 0.0
        while True:
            try:
                return await self._tried()
            except AWAY as error:
                self.reason = "worker is starting: PostgreSQL cannot be reached"
                if time.monotonic() - told >= TELL_SECONDS:
                    told = time.monotonic()
                    log.warning("waiting_for_postgresql", error=str(error).strip().splitlines()[:1])
                self.away.set()
            await asyncio.sleep(LOOK_SECONDS)

    async def _tried(self) -> Gateway:
        async with await psycopg.AsyncConnection.connect(self._conninfo, connect_timeout=3):
            pass  # only to see whether it is there: a pool would wait, and cannot be opened twice
        gateway = self._make()
        await gateway.start(after_outage=self.away.is_set())
        return gateway


__all__ = ["Start"]
