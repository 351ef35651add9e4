"""How this worker starts: it waits for PostgreSQL as long as it takes, and says so."""

import asyncio
import time
from collections.abc import Callable

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from proxy.gateway import Gateway
from proxy.reliability.spool_watch import WHAT_TO_DO

log = structlog.get_logger(__name__)

AWAY = (psycopg.OperationalError, PoolTimeout, OSError)
LOOK_SECONDS = 0.5
TELL_SECONDS = 5.0


class Start:
    """``away`` is set when it could not start at once; ``reason`` is for /readyz."""

    def __init__(self, make: Callable[[], Gateway], *, conninfo: str) -> None:
        self._make = make
        self._conninfo = conninfo
        self.away = asyncio.Event()
        self.reason = "worker is starting"
        self._told = 0.0  # monotonic seconds

    async def gateway(self) -> Gateway:
        """A gateway that serves. Raises what is not PostgreSQL's absence."""
        while True:
            try:
                return await self._tried()
            except AWAY as error:
                if isinstance(error, OSError) and error.filename is not None:  # a file: the spool's folder
                    self._no_spool(error)
                else:
                    self._no_database(error)
                self.away.set()
            await asyncio.sleep(LOOK_SECONDS)

    def _no_database(self, error: Exception) -> None:
        self.reason = "worker is starting: PostgreSQL cannot be reached"
        if time.monotonic() - self._told >= TELL_SECONDS:
            self._told = time.monotonic()
            log.warning("waiting_for_postgresql", error=str(error).strip().splitlines()[:1])

    def _no_spool(self, error: OSError) -> None:
        """Whoever cannot even make the folder would keep nothing through an outage: nothing is served."""
        reason = f"worker is starting: SPOOL_DIR cannot be written: {error.strerror or error}"
        if reason != self.reason:
            log.error("spool_not_writable", folder=error.filename, error=str(error), what_to_do=WHAT_TO_DO)
        self.reason = reason

    async def _tried(self) -> Gateway:
        async with await psycopg.AsyncConnection.connect(self._conninfo, connect_timeout=3):
            pass  # only to see whether it is there: a pool would wait, and cannot be opened twice
        gateway = self._make()
        await gateway.start(after_outage=self.away.is_set())
        return gateway


__all__ = ["Start"]
