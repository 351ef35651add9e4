"""A worker's claims in a database of their own."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from proxy.gateway import CONNECTIONS
from proxy.idempotency.keeping import Keeping
from proxy.idempotency.keys import Asked
from proxy.idempotency.once import Once
from tests import factories as f

SECONDS = 60.0


@pytest.fixture
def asked(own: str) -> Asked:
    return Asked(f.make_team().id, "/v1/messages", "warm", "order-1", b"\x01" * 32)


NewOnce = Callable[..., Any]


@pytest.fixture
async def new_once(own: str) -> AsyncIterator[NewOnce]:
    """Makes workers that are not started: their tests do by hand what their tasks would."""
    made: list[tuple[Once, AsyncConnectionPool[Any]]] = []

    async def make(*, conninfo: str = own, lease: bool = True, **keeping: Any) -> Once:
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            conninfo, open=False, min_size=1, max_size=2, kwargs=CONNECTIONS
        )
        if conninfo == own:
            await pool.open(wait=True)
        worker = uuid.uuid4()
        made.append((Once(pool=pool, worker=worker, keeping=Keeping(**keeping)), pool))
        if lease:
            sign(own, worker)
        return made[-1][0]

    yield make
    for once, pool in made:
        await once.claims.stop()
        await pool.close()


@pytest.fixture
async def once(new_once: NewOnce) -> Once:
    made: Once = await new_once()
    return made


def sql(own: str, statement: str, *parameters: Any) -> list[dict[str, Any]]:
    with psycopg.connect(own, autocommit=True, row_factory=dict_row) as connection:
        found = connection.execute(statement, parameters)
        return found.fetchall() if found.description else []


def sign(own: str, worker: uuid.UUID) -> None:
    sql(
        own,
        "INSERT INTO metering_workerlease (id, host, pid, started_at, seen_at)"
        " VALUES (%s, 'h', 1, now(), now())",
        worker,
    )


def die(own: str) -> None:
    """All workers stopped signing."""
    sql(own, "UPDATE metering_workerlease SET seen_at = now() - %s", dt.timedelta(seconds=11))
