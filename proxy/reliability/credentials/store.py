"""What all workers know of credentials that rest: the table ``proxy_credentialstate``, without the ORM.

Seconds are counted on PostgreSQL's clock and given as what is left, so that no two clocks are compared.
"""

import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg.rows import dict_row

from proxy.reliability.credentials.rests import Place

log = structlog.get_logger(__name__)

# A longer rest is never shortened, whoever comes first (checks G8). Refusals of calls that were in flight
# together are one refusal; another secret begins anew.
KEEP = """
INSERT INTO proxy_credentialstate AS s (provider_id, credential_id, model_id, reason, since, until, times,
    status, code, request_id, fingerprint)
VALUES (%(provider)s, nullif(%(credential)s, 0), %(model)s, %(reason)s, clock_timestamp(),
    clock_timestamp() + make_interval(secs => %(seconds)s), 1, %(status)s, %(code)s, %(request_id)s,
    %(fingerprint)s)
ON CONFLICT (provider_id, credential_id, model_id) DO UPDATE SET
    reason = EXCLUDED.reason, status = EXCLUDED.status, code = EXCLUDED.code,
    request_id = EXCLUDED.request_id, fingerprint = EXCLUDED.fingerprint,
    since = CASE WHEN s.fingerprint = EXCLUDED.fingerprint THEN s.since ELSE EXCLUDED.since END,
    until = CASE WHEN s.fingerprint = EXCLUDED.fingerprint THEN greatest(s.until, EXCLUDED.until)
        ELSE EXCLUDED.until END,
    times = CASE WHEN s.fingerprint <> EXCLUDED.fingerprint THEN 1
        WHEN s.until > clock_timestamp() THEN s.times ELSE s.times + 1 END
RETURNING times, extract(epoch FROM until - clock_timestamp())::float8 AS seconds
"""
END = """
DELETE FROM proxy_credentialstate WHERE provider_id = %(provider)s
    AND credential_id IS NOT DISTINCT FROM nullif(%(credential)s, 0)
    AND model_id IS NOT DISTINCT FROM %(model)s AND fingerprint = %(fingerprint)s
    AND until <= clock_timestamp()
"""
ALL = """
SELECT provider_id AS provider, coalesce(credential_id, 0) AS credential, model_id AS model, reason, times,
    fingerprint, extract(epoch FROM until - clock_timestamp())::float8 AS seconds
FROM proxy_credentialstate
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """A refusal to tell the others of. ``until`` in monotonic seconds of this worker."""

    place: Place
    reason: str
    until: float
    fingerprint: str
    status: int | None
    code: str
    request_id: uuid.UUID


class Kept(NamedTuple):
    """A row as it stands. ``seconds`` are left of it; negative: it is over."""

    place: Place
    reason: str
    fingerprint: str
    times: int
    seconds: float


async def keep(connection: psycopg.AsyncConnection[Any], finding: Finding, *, now: float) -> Kept | None:
    """Write a finding; gives the row as it stands then, None when its credential is no more.

    Raises psycopg's errors when PostgreSQL is away.
    """
    place = finding.place
    values = {
        **place._asdict(),
        **{
            name: getattr(finding, name) for name in ("reason", "fingerprint", "status", "code", "request_id")
        },
        "seconds": max(0.0, finding.until - now),
    }
    try:
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(KEEP, values)
            row = await cursor.fetchone()
    except psycopg.errors.ForeignKeyViolation:  # deleted in the meantime
        log.info("credential_finding_dropped", provider=place.provider, credential=place.credential)
        return None
    assert row is not None
    return Kept(place, finding.reason, finding.fingerprint, row["times"], row["seconds"])


async def end(connection: psycopg.AsyncConnection[Any], place: Place, *, fingerprint: str) -> None:
    """A call went well after the rest: forget it. One that still runs, or is of another secret, stays."""
    await connection.execute(END, {**place._asdict(), "fingerprint": fingerprint})


async def load(connection: psycopg.AsyncConnection[Any]) -> list[Kept]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(ALL)
        rows = await cursor.fetchall()
    return [
        Kept(
            place=Place(row["provider"], row["credential"], row["model"]),
            reason=row["reason"],
            fingerprint=row["fingerprint"],
            times=row["times"],
            seconds=row["seconds"],
        )
        for row in rows
    ]
