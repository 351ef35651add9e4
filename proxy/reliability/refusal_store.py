"""The SQL of refusals: adding a worker's batch up, once, and removing what is old."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import psycopg

KEPT = dt.timedelta(days=400)  # a year, and the month that it is compared with


class Key(NamedTuple):
    """What refused requests have in common. ``minute``: its beginning; ``team`` None: not known."""

    minute: dt.datetime
    team: int | None
    route: str
    code: str


# The batch's number goes up in the same statement: after an answer that was lost, asking again adds nothing.
# In the order of the unique index, so that two workers never wait for each other. A team that was deleted
# meanwhile is not known any more.
ADD = """
WITH fresh AS (
    INSERT INTO proxy_refusalbatch AS known (worker, number, at) VALUES (%(worker)s, %(number)s, now())
    ON CONFLICT (worker) DO UPDATE SET number = excluded.number, at = excluded.at
        WHERE known.number < excluded.number
    RETURNING worker
)
INSERT INTO proxy_refusal AS kept (minute, team_id, route, code, calls)
SELECT told.minute, team.id, told.route, told.code, sum(told.calls)
FROM fresh CROSS JOIN unnest(
    %(minutes)s::timestamptz[], %(teams)s::bigint[], %(routes)s::text[], %(codes)s::text[],
    %(calls)s::bigint[]
) AS told (minute, team_id, route, code, calls)
LEFT JOIN catalog_team team ON team.id = told.team_id
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
ON CONFLICT (minute, team_id, route, code) DO UPDATE SET calls = kept.calls + excluded.calls
"""
FORGET = (
    "DELETE FROM proxy_refusal WHERE minute < now() - %s",
    "DELETE FROM proxy_refusalbatch WHERE at < now() - %s",
)


async def add(
    connection: psycopg.AsyncConnection[Any], counts: Mapping[Key, int], *, worker: uuid.UUID, number: int
) -> None:
    """Add ``counts`` up, unless this batch of ``worker`` was added already. In one statement."""
    minutes, teams, routes, codes = zip(*counts, strict=True)
    await connection.execute(
        ADD,
        {
            "worker": worker,
            "number": number,
            "minutes": list(minutes),
            "teams": list(teams),
            "routes": list(routes),
            "codes": list(codes),
            "calls": list(counts.values()),
        },
    )


async def forget(connection: psycopg.AsyncConnection[Any]) -> None:
    """Remove what is older than KEPT."""
    for statement in FORGET:
        await connection.execute(statement, (KEPT,))
