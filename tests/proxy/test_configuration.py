"""A worker's configuration follows the database by itself, and outlives its absence."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from proxy.configuration import Configuration, ConfigurationKeeper
from tests import factories as f


@pytest.fixture
def key(own: str) -> str:
    return f.make_key("ci", team=f.make_team("search")).prefix


@pytest.fixture
async def keeper(own: str, key: str) -> AsyncIterator[ConfigurationKeeper]:
    async with AsyncConnectionPool[Any](
        own, min_size=1, open=False, kwargs={"autocommit": True}, check=AsyncConnectionPool.check_connection
    ) as pool:
        keeper = ConfigurationKeeper(pool=pool, conninfo=own)
        await keeper.start()
        await until(lambda: _listening(own))
        yield keeper
        await keeper.stop()


async def _listening(own: str) -> bool:
    return bool(
        await execute(
            own, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = current_database()"
        )
    )


async def execute(own: str, statement: str) -> int:
    async with await psycopg.AsyncConnection.connect(own, autocommit=True) as connection:
        return (await connection.execute(statement)).rowcount


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)


async def test_a_worker_serves_nothing_before_it_has_a_configuration(
    keeper: ConfigurationKeeper, key: str
) -> None:
    assert list(keeper.current.catalog.keys) == [key]


async def test_a_revoked_key_is_gone_within_a_second(own: str, keeper: ConfigurationKeeper) -> None:
    await execute(own, "UPDATE catalog_apikey SET revoked_at = now()")

    await until(lambda: not keeper.current.catalog.keys)


async def test_a_new_limit_is_there_within_a_second(own: str, keeper: ConfigurationKeeper) -> None:
    await execute(
        own,
        "INSERT INTO metering_limit (team_id, unit, amount, period, mode, enabled, created_at)"
        " SELECT id, 'usd', 1, 'day', 'hard', true, now() FROM catalog_team",
    )

    await until(lambda: keeper.current.limits.by_team)


async def test_a_request_keeps_the_configuration_it_began_with(
    own: str, keeper: ConfigurationKeeper, key: str
) -> None:
    began_with: Configuration = keeper.current

    await execute(own, "UPDATE catalog_apikey SET revoked_at = now()")
    await until(lambda: keeper.current is not began_with and not keeper.current.catalog.keys)

    assert list(began_with.catalog.keys) == [key]


async def test_a_listener_that_lost_its_connection_listens_again_and_catches_up(
    own: str, keeper: ConfigurationKeeper
) -> None:
    await execute(
        own,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    await execute(own, "UPDATE catalog_apikey SET revoked_at = now()")

    await until(lambda: not keeper.current.catalog.keys, seconds=5)
