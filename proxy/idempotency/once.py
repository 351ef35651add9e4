"""What a worker needs so that requests with an ``Idempotency-Key`` are answered once."""

import uuid
from typing import Any

from psycopg_pool import AsyncConnectionPool

from proxy.idempotency.claims import Claims
from proxy.idempotency.endings import Endings
from proxy.idempotency.keeping import Keeping
from proxy.idempotency.purging import Purge


class Once:
    """``start`` before use; ``stop`` writes what is still waiting."""

    def __init__(self, *, pool: AsyncConnectionPool[Any], worker: uuid.UUID, keeping: Keeping) -> None:
        self.claims = Claims(pool=pool, worker=worker, keeping=keeping)
        self.endings = Endings(self.claims)
        self.purge = Purge(pool)

    def start(self) -> None:
        self.endings.start()
        self.purge.start()

    async def stop(self) -> None:
        await self.purge.stop()
        await self.endings.stop()
        await self.claims.stop()
