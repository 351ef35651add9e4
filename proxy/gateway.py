"""What one worker holds while it serves: its connections, its books, its configuration, its breakers."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from psycopg_pool import AsyncConnectionPool

from catalog.guard import OpenNetwork
from metering import spool
from metering.books import Books
from metering.budgets.notifier import Notifier
from metering.summaries.keeper import SummaryKeeper
from metering.sweeper import Sweeper
from proxy.configuration import ConfigurationKeeper
from proxy.deadlines import Deadlines
from proxy.idempotency.keeping import Keeping
from proxy.idempotency.once import Once
from proxy.links.fetching import Links
from proxy.pace import Pace
from proxy.reliability.queueing import AdmissionQueue
from proxy.reliability.vendors_health import VendorsHealth
from proxy.upstream import Upstream

T = TypeVar("T")

# A worker has at most nine connections: these, one each for holds, settlements and Idempotency-Keys (when the
# first comes), and two that listen.
POOL_CONNECTIONS = 4  # the sweeper, the configuration, breakers and credentials, /readyz
CONNECTIONS = {
    "autocommit": True,
    "application_name": "tallygate-worker",
    "connect_timeout": 3,  # seconds
    "tcp_user_timeout": 5_000,  # milliseconds without an acknowledgement: the network is away
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}


class Gateway:
    """Started once in the worker's event loop; ``stop`` writes what is still waiting to be booked."""

    def __init__(
        self,
        *,
        conninfo: str,
        zone: ZoneInfo,
        link_networks: tuple[OpenNetwork, ...] = (),
        spool_dir: Path | None = None,
        region: str = "",
        keep_alive_seconds: float = 10.0,
        keeping: Keeping | None = None,
    ) -> None:
        self.worker = uuid.uuid4()
        self.keep_alive_seconds = keep_alive_seconds
        self.region = region  # where this gateway runs, in the words of the providers' regions
        self._background: set[asyncio.Task[Any]] = set()
        self.zone = zone
        self.draw = random.Random()  # noqa: S311 - spreads load, keeps no secret
        self.draining = 0
        self.in_flight = 0
        self.in_flight_of_key: Counter[int] = Counter()
        self.body_bytes = 0  # of all requests in flight
        self.pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            conninfo,
            min_size=2,
            max_size=POOL_CONNECTIONS,
            timeout=5.0,
            check=AsyncConnectionPool.check_connection,  # idle ones die with a restart
            open=False,
            reconnect_timeout=1.0,  # then whoever asks tries at once: no ever longer pauses after an outage
            kwargs=CONNECTIONS,
        )
        self.books = Books(pool=self.pool, zone=zone, worker=self.worker)
        self.sweeper = Sweeper(pool=self.pool, books=self.books, worker=self.worker, zone=zone)
        self.notifier = Notifier(pool=self.pool, zone=zone)
        self.summaries = SummaryKeeper(pool=self.pool)
        self.once = Once(pool=self.pool, worker=self.worker, keeping=keeping or Keeping())
        self.keeper = ConfigurationKeeper(pool=self.pool, conninfo=conninfo)
        self.upstream = Upstream()
        self.links = Links(opened=link_networks)
        self.counting_pace = Pace()
        self.vendors = VendorsHealth(
            pool=self.pool,
            conninfo=conninfo,
            worker=self.worker,
            upstream=self.upstream,
            providers=lambda: self.keeper.current.catalog.providers,
            draw=self.draw,
            clock=self.clock,
        )
        self.deadlines = Deadlines(self.clock)
        self._spool_dir = spool_dir
        self.queue = AdmissionQueue(clock=self.clock)

    async def start(self, *, after_outage: bool = False) -> None:
        """Raises PoolTimeout and psycopg's errors; then nothing runs. ``after_outage``: see the sweeper's."""
        await self.pool.open(wait=True, timeout=5)
        try:
            await self._open_books()
            await self.sweeper.start(after_outage=after_outage)
            await self.keeper.start()
            await self.upstream.start()
            await self.vendors.start()
        except BaseException:
            await self.keeper.stop()
            await self.upstream.stop()
            await self.books.stop()
            await self.sweeper.stop()
            await self.pool.close()
            raise
        await self.links.start()
        self.once.start()
        self.notifier.start()
        self.summaries.start()

    async def _open_books(self) -> None:
        """With what dead workers of this host left behind."""
        if self._spool_dir is not None:
            async with self.pool.connection() as connection:
                self.books.keep_in(await spool.folder_for(self._spool_dir, connection))
        self.books.start()
        await self.books.adopt()

    async def stop(self) -> None:
        if self._background:
            await asyncio.wait(self._background)
        await self.notifier.stop()
        await self.summaries.stop()
        await self.vendors.stop()
        await self.keeper.stop()
        await self.links.stop()
        await self.upstream.stop()
        self.sweeper.retire()
        await self.books.stop()
        await self.once.stop()
        await self.sweeper.stop()
        await self.pool.close()

    def in_background(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """A task that nobody's leaving cancels; ``stop`` waits for it."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._forget)
        return task

    def occupied_by(self, task: "asyncio.Task[Any]", *, key_id: int, size: int) -> None:
        """A call that goes on behind its caller's answer stays in flight until it ends. ``size``: bytes."""
        self._occupy(key_id, 1, size)
        task.add_done_callback(lambda _: self._occupy(key_id, -1, -size))

    def _occupy(self, key_id: int, calls: int, size: int) -> None:
        self.in_flight += calls
        self.in_flight_of_key[key_id] += calls
        self.body_bytes += size

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever waits; when nobody does any more, it was logged as an attempt

    @staticmethod
    def clock() -> float:
        """Monotonic seconds: for durations and breakers, never for the books."""
        return time.monotonic()
