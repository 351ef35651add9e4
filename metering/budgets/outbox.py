"""Deliveries that wait: claimed, tried, and marked. At least once, and never on a call's way.

A claim moves the next try on before the first byte is sent: when the worker dies meanwhile, another one tries
then. The pauses double from 15 s to an hour; after a day a delivery is given up, and can be sent again by
hand.
"""

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

FIRST_PAUSE_SECONDS = 15  # longer than any try takes
LONGEST_PAUSE_SECONDS = 3600
MOST_TRIES = 32  # a day
AT_ONCE = 20

CLAIM = """
WITH claimed AS (
    UPDATE metering_noticedelivery d SET tries = d.tries + 1,
        next_try_at = now() + make_interval(secs => least(%(longest)s, %(first)s * 2 ^ least(d.tries, 10)))
    WHERE d.id IN (SELECT id FROM metering_noticedelivery WHERE state = 'waiting' AND next_try_at <= now()
        ORDER BY next_try_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED)
    RETURNING d.*
)
SELECT c.id, c.channel, coalesce(w.url, c.address) AS address, c.tries, coalesce(w.enabled, true) AS enabled,
    w.secret_encrypted, n.event_id, n.kind, n.starts_at, n.ends_at, n.threshold, n.used, n.ceiling,
    n.created_at, l.id AS limit_id, l.amount, l.period, l.mode, t.name AS team,
    CASE WHEN l.api_key_id IS NOT NULL THEN 'key' WHEN l.model_id IS NOT NULL THEN 'model'
        WHEN l.tag_name <> '' THEN 'tag' ELSE 'team' END AS scope,
    coalesce(k.name, p.name || '/' || m.name, nullif(l.tag_name || '=' || l.tag_value, '='), t.name) AS named,
    r.amount AS raise_amount, r.reason AS raise_reason, r.state AS raise_state, r.note AS raise_note,
    asked.username AS asked_by, decided.username AS decided_by
FROM claimed c
JOIN metering_budgetnotice n ON n.id = c.notice_id
JOIN metering_limit l ON l.id = n.limit_id
JOIN catalog_team t ON t.id = l.team_id
LEFT JOIN catalog_apikey k ON k.id = l.api_key_id
LEFT JOIN catalog_languagemodel m ON m.id = l.model_id
LEFT JOIN catalog_provider p ON p.id = m.provider_id
LEFT JOIN metering_webhook w ON w.id = c.webhook_id
LEFT JOIN metering_limitraise r ON r.id = n.limit_raise_id
LEFT JOIN auth_user asked ON asked.id = r.asked_by_id
LEFT JOIN auth_user decided ON decided.id = r.decided_by_id
ORDER BY c.id
"""
MARK = """
UPDATE metering_noticedelivery SET state = %(state)s::text, last_answer = left(%(answer)s::text, 300),
    delivered_at = CASE WHEN %(state)s::text = 'delivered' THEN now() END
WHERE id = %(id)s AND state = 'waiting'
"""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A claimed delivery with all that its message says. USD are decimals; moments are aware."""

    id: int
    channel: str  # email | webhook
    address: str
    tries: int
    enabled: bool
    secret_encrypted: str | None
    event_id: uuid.UUID
    kind: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    threshold: int | None
    used: Decimal | None
    ceiling: Decimal | None
    created_at: dt.datetime
    limit_id: int
    amount: Decimal
    period: str
    mode: str
    team: str
    scope: str
    named: str
    raise_amount: Decimal | None
    raise_reason: str | None
    raise_state: str | None
    raise_note: str | None
    asked_by: str | None
    decided_by: str | None


async def claim(connection: AsyncConnection[Any]) -> list[Dispatch]:
    """Those whose time has come; each is this worker's until its next try."""
    async with connection.cursor(row_factory=class_row(Dispatch)) as cursor:
        await cursor.execute(
            CLAIM,
            {"first": FIRST_PAUSE_SECONDS, "longest": LONGEST_PAUSE_SECONDS, "most": AT_ONCE},
        )
        return await cursor.fetchall()


async def mark(
    connection: AsyncConnection[Any], dispatch: Dispatch, *, arrived: bool, final: bool, answer: str
) -> None:
    """What came of a try. ``final``: another one would end alike."""
    given_up = final or dispatch.tries >= MOST_TRIES
    state = "delivered" if arrived else "given_up" if given_up else "waiting"
    await connection.execute(MARK, {"id": dispatch.id, "state": state, "answer": answer})
