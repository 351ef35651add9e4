"""Who got which answer: the ledger asked by the vendor's id of it."""

from typing import Any

from psycopg_pool import AsyncConnectionPool

# The index on upstream_id is partial: only ids of answers that vendors keep are looked for.
OWNER = """
SELECT m.provider_id FROM metering_costentry e JOIN catalog_languagemodel m ON m.id = e.model_id
WHERE e.upstream_id = %s AND e.upstream_id LIKE 'resp\\_%%' AND e.team_id = %s
ORDER BY e.id DESC LIMIT 1
"""


async def provider_of(pool: AsyncConnectionPool[Any], *, upstream_id: str, team_id: int) -> int | None:
    """The provider whose answer ``upstream_id`` the team got; None when it got none."""
    async with pool.connection() as connection:
        row = await (await connection.execute(OWNER, (upstream_id, team_id))).fetchone()
    return None if row is None else row[0]
