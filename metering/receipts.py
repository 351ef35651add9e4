"""Who got which answer, and how much it held: the ledger asked by the vendor's id of it."""

from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from metering.errors import LedgerUnavailable

LONGEST_WAIT_SECONDS = 1.0

# The index on upstream_id leaves out the entries without one. Only what the vendor itself counted is known:
# an estimate knows the text that came, not the context before it.
KEPT = """
SELECT m.provider_id, e.model_id,
    CASE WHEN e.usage_source IN ('reported', 'drained') AND e.cost_reason <> 'not_billed' THEN
        e.input + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.audio_input
        + e.output + e.reasoning + e.audio_output
    END AS tokens
FROM metering_costentry e JOIN catalog_languagemodel m ON m.id = e.model_id
WHERE e.upstream_id = %s AND e.upstream_id <> '' AND e.upstream_id LIKE 'resp\\_%%' AND e.team_id = %s
ORDER BY e.id DESC LIMIT 1
"""


class Kept(NamedTuple):
    """An answer that a vendor keeps. ``tokens``: the answer's with all of its context, as its model counts
    them; what a call that continues it is billed for again. None: unknown."""

    provider_id: int
    model_id: int
    tokens: int | None


async def kept(pool: AsyncConnectionPool[Any], *, upstream_id: str, team_id: int) -> Kept | None:
    """The answer ``upstream_id`` that the team got; None when it got none. Raises LedgerUnavailable."""
    try:
        async with (
            pool.connection(timeout=LONGEST_WAIT_SECONDS) as connection,
            connection.cursor(row_factory=class_row(Kept)) as cursor,
        ):
            await cursor.execute(KEPT, (upstream_id, team_id))
            found: Kept | None = await cursor.fetchone()
    except (psycopg.Error, PoolTimeout, OSError) as error:
        raise LedgerUnavailable(str(error)) from error
    return found
