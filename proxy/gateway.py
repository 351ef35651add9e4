"""What one worker holds while it serves: its connections, its books, its configuration, its breakers."""

import random
import time
import uuid
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

from psycopg_pool import AsyncConnectionPool

from metering.books import Books
from metering.sweeper import Sweeper
from proxy.breakers import Breakers
from proxy.configuration import ConfigurationKeeper
from proxy.links.fetching import Links
from proxy.links.guard import OpenNetwork
from proxy.pace import Pace
from proxy.upstream import Upstream

POOL_CONNECTIONS = 5  # holds and settlements keep one each; the sweeper, the configuration, /readyz


class Gateway:
    """Started once in the worker's event loop; ``stop`` writes what is still waiting to be booked."""

    def __init__(self, *, conninfo: str, zone: ZoneInfo, link_networks: tuple[OpenNetwork, ...] = ()) -> None:
        self.worker = uuid.uuid4()
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
            kwargs={"autocommit": True, "application_name": "tallygate-worker"},
        )
        self.books = Books(pool=self.pool, zone=zone, worker=self.worker)
        self.sweeper = Sweeper(pool=self.pool, books=self.books, worker=self.worker, zone=zone)
        self.keeper = ConfigurationKeeper(pool=self.pool, conninfo=conninfo)
        self.upstream = Upstream()
        self.links = Links(opened=link_networks)
        self.breakers = Breakers()
        self.counting_pace = Pace()

    async def start(self) -> None:
        await self.pool.open(wait=True, timeout=30)
        self.books.start()
        await self.sweeper.start()
        await self.keeper.start()
        await self.upstream.start()
        await self.links.start()

    async def stop(self) -> None:
        await self.keeper.stop()
        await self.links.stop()
        await self.upstream.stop()
        await self.books.stop()
        await self.sweeper.stop()
        await self.pool.close()

    @staticmethod
    def clock() -> float:
        """Monotonic seconds: for durations and breakers, never for the books."""
        return time.monotonic()
