"""The SQL of keys that were used. Every statement stands alone and may be repeated after a lost answer."""

import datetime as dt
import uuid
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row

from metering.sweeper import LEASE_SECONDS
from proxy.idempotency.keys import Asked

Connection = psycopg.AsyncConnection[Any]

# The caller's own row that a lost answer left behind counts as claimed; an expired one as not there.
CLAIM = """
INSERT INTO proxy_idempotentcall AS known (team_id, path, route, key, fingerprint, request_id, worker, state,
    lost_after, streamed, sealed, created_at, expires_at)
VALUES (%(team_id)s, %(path)s, %(route)s, %(key)s, %(fingerprint)s, %(request_id)s, %(worker)s, 'in_flight',
    now() + %(lasts)s, false, '', now(), now() + greatest(%(keep)s, %(lasts)s))
ON CONFLICT (team_id, path, route, key) DO UPDATE SET fingerprint = excluded.fingerprint,
    request_id = excluded.request_id, worker = excluded.worker, state = excluded.state,
    lost_after = excluded.lost_after, status = NULL, streamed = false, sealed = '',
    created_at = excluded.created_at, expires_at = excluded.expires_at
WHERE known.expires_at <= now() OR known.request_id = excluded.request_id
RETURNING id
"""
WHICH = "team_id = %(team_id)s AND path = %(path)s AND route = %(route)s AND key = %(key)s"
# Lost: its worker signs no more, or no call lasts as long; and what it had held was booked or swept. Charged:
# the ledger knows what it used; see Note [Before the end].
FIND = f"""
SELECT known.fingerprint, known.request_id, known.state, known.status, known.streamed, known.sealed,
    CASE WHEN known.state = 'in_flight' THEN
        (known.lost_after < now() OR NOT EXISTS (
            SELECT 1 FROM metering_workerlease w
            WHERE w.id = known.worker AND w.seen_at > now() - make_interval(secs => {LEASE_SECONDS})
        )) AND NOT EXISTS (SELECT 1 FROM metering_hold h WHERE h.request_id = known.request_id)
    ELSE false END AS lost,
    CASE WHEN known.state = 'in_flight' THEN EXISTS (
        SELECT 1 FROM metering_costentry e WHERE e.request_id = known.request_id
            AND e.cost_reason <> 'not_billed' AND (e.usage_source <> 'unknown' OR e.outcome = 'ok')
    ) ELSE true END AS charged
FROM proxy_idempotentcall known WHERE {WHICH}
"""  # noqa: S608 - of our own words
TAKE_OVER = f"""
UPDATE proxy_idempotentcall SET request_id = %(request_id)s, worker = %(worker)s,
    lost_after = now() + %(lasts)s, expires_at = greatest(expires_at, now() + %(lasts)s)
WHERE {WHICH} AND request_id = %(lost)s AND state = 'in_flight' RETURNING id
"""  # noqa: S608
# A call that was taken for lost may have been marked as charged before its worker came to say more.
END = f"""
UPDATE proxy_idempotentcall SET state = %(state)s, status = %(status)s, streamed = %(streamed)s,
    sealed = %(sealed)s, lost_after = NULL
WHERE {WHICH} AND request_id = %(request_id)s AND state IN ('in_flight', 'charged')
"""  # noqa: S608
RELEASE = f"""
DELETE FROM proxy_idempotentcall WHERE {WHICH} AND request_id = %(request_id)s AND state = 'in_flight'
"""  # noqa: S608
PURGE = """
DELETE FROM proxy_idempotentcall WHERE id IN (
    SELECT id FROM proxy_idempotentcall WHERE expires_at <= now()
    ORDER BY expires_at, id LIMIT %s FOR UPDATE SKIP LOCKED
)
"""


class Found(NamedTuple):
    """A row, and what became of a request in flight. ``charged``: the ledger knows what it used."""

    fingerprint: bytes
    request_id: uuid.UUID
    state: str
    status: int | None
    streamed: bool
    sealed: str
    lost: bool
    charged: bool


class Ending(NamedTuple):
    """How a claim ends. ``state`` None: it is given up, and the key is as if never used."""

    asked: Asked
    request_id: uuid.UUID
    state: str | None
    status: int | None = None
    streamed: bool = False
    sealed: str = ""


class Run(NamedTuple):
    """One request on its way: whose claim, of which worker, how long it and its answer last at most."""

    request_id: uuid.UUID
    worker: uuid.UUID
    lasts: dt.timedelta
    keep: dt.timedelta


async def claim(connection: Connection, asked: Asked, run: Run) -> bool:
    """Whether ``run`` is the one to answer."""
    cursor = await connection.execute(CLAIM, asked._asdict() | run._asdict(), prepare=True)
    return await cursor.fetchone() is not None


async def find(connection: Connection, asked: Asked) -> Found | None:
    async with connection.cursor(row_factory=class_row(Found)) as cursor:
        await cursor.execute(FIND, asked._asdict())
        return await cursor.fetchone()


async def take_over(connection: Connection, asked: Asked, run: Run, *, lost: uuid.UUID) -> bool:
    """Whether ``run`` is the one to answer in place of the request ``lost``."""
    cursor = await connection.execute(TAKE_OVER, asked._asdict() | run._asdict() | {"lost": lost})
    return await cursor.fetchone() is not None


async def end(connection: Connection, ending: Ending) -> None:
    """Nothing happens where another request has taken over meanwhile."""
    statement = RELEASE if ending.state is None else END
    await connection.execute(statement, ending._asdict() | ending.asked._asdict(), prepare=True)


async def purge(connection: Connection, *, most: int) -> int:
    """Forget what is expired; how many rows. What another worker is about to forget is left to it."""
    return (await connection.execute(PURGE, (most,))).rowcount
