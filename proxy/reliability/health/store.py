"""Whose turn a health check is, and what it found: the table ``proxy_healthcheck``, without the ORM."""

from collections.abc import Mapping
from typing import Any

import psycopg

# One worker over all hosts gets a check: the row is claimed in the statement that finds it due. A claim whose
# worker died is due again one interval later, like any other.
CLAIM = """
WITH wanted AS (
    SELECT w.provider_id, make_interval(secs => w.every) AS every
    FROM unnest(%(providers)s::bigint[], %(every)s::float8[]) AS w (provider_id, every)
)
INSERT INTO proxy_healthcheck AS h (provider_id, claimed_at, detail, in_a_row)
SELECT w.provider_id, clock_timestamp(), '', 0
FROM wanted w JOIN catalog_provider p ON p.id = w.provider_id
    LEFT JOIN proxy_healthcheck c ON c.provider_id = w.provider_id
WHERE c.id IS NULL OR c.claimed_at <= clock_timestamp() - w.every
ORDER BY w.provider_id
ON CONFLICT (provider_id) DO UPDATE SET claimed_at = clock_timestamp()
WHERE h.claimed_at <= clock_timestamp() - (SELECT every FROM wanted w WHERE w.provider_id = h.provider_id)
RETURNING provider_id
"""
RECORD = """
UPDATE proxy_healthcheck SET checked_at = clock_timestamp(), healthy = %(healthy)s,
    latency_ms = %(milliseconds)s, detail = %(detail)s,
    in_a_row = CASE WHEN healthy = %(healthy)s THEN in_a_row + 1 ELSE 1 END
WHERE provider_id = %(provider)s RETURNING in_a_row
"""
# What is not checked any more has no health that could be told.
FORGET = """
DELETE FROM proxy_healthcheck h USING catalog_provider p
WHERE p.id = h.provider_id AND (p.health_check_interval IS NULL OR NOT p.enabled)
"""

Connection = psycopg.AsyncConnection[Any]


async def claim(connection: Connection, every: Mapping[int, float]) -> list[int]:
    """The providers whose check is due and now this worker's. ``every``: seconds between two, by provider."""
    cursor = await connection.execute(CLAIM, {"providers": list(every), "every": list(every.values())})
    return [row[0] for row in await cursor.fetchall()]


async def record(
    connection: Connection, *, provider: int, healthy: bool, milliseconds: int, detail: str
) -> int:
    """Keep what a check found; gives how many in a row found the same (0: it is not checked any more)."""
    cursor = await connection.execute(
        RECORD,
        {"provider": provider, "healthy": healthy, "milliseconds": milliseconds, "detail": detail},
    )
    row = await cursor.fetchone()
    return row[0] if row else 0


async def forget(connection: Connection) -> None:
    """Remove the rows of providers that are not checked any more."""
    await connection.execute(FORGET)
