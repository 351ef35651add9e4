"""Keys whose time is over are forgotten, in small batches."""

import psycopg

from proxy.idempotency import purging
from proxy.idempotency.keys import Asked
from proxy.idempotency.once import Once
from tests.proxy.idempotency.conftest import sql

MANY = """
INSERT INTO proxy_idempotentcall (team_id, path, route, key, fingerprint, request_id, worker, state, streamed,
    sealed, created_at, expires_at)
SELECT %s, '/v1/messages', 'warm', key, '', gen_random_uuid(), gen_random_uuid(), 'charged', false, '',
    now() - interval '24 hours', now() + lasts
FROM (SELECT 'old-' || n AS key, interval '0' AS lasts FROM generate_series(1, %s) n
    UNION ALL SELECT 'new', interval '1 minute') AS given
"""


def left(own: str) -> list[str]:
    return [row["key"] for row in sql(own, "SELECT key FROM proxy_idempotentcall ORDER BY id")]


async def test_what_is_over_goes_and_the_rest_stays(own: str, once: Once, asked: Asked) -> None:
    sql(own, MANY, asked.team_id, purging.BATCH + 1)

    assert await once.purge.purge() == purging.BATCH + 1
    assert left(own) == ["new"]


async def test_what_another_worker_is_at_is_left_to_it(own: str, once: Once, asked: Asked) -> None:
    sql(own, MANY, asked.team_id, 2)
    with psycopg.connect(own) as connection:
        connection.execute("SELECT 1 FROM proxy_idempotentcall WHERE key = 'old-1' FOR UPDATE")

        assert await once.purge.purge() == 1
    assert left(own) == ["old-1", "new"]
