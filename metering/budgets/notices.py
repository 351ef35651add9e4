"""Which thresholds budgets have crossed: each is noticed once a period, whatever the number of workers.

Used is what is booked, and what calls of unknown cost may have cost; holds are not, as most of a hold is
given back. A crossed threshold and the deliveries of its notice are written in one transaction: a crash loses
none.

Note [One standing notice]: a notice stands until a higher ceiling (the amount and its raises) leaves less
than its threshold used; then it is rearmed, and the next crossing is a new notice. A unique index allows one
standing notice for each limit, period and threshold, so no two workers can give the same.
"""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from metering import locks, windows
from metering.models import Limit

LEADER = f"SELECT pg_try_advisory_xact_lock({locks.NOTICES})"  # others would only wait for its rows
USED = """
SELECT l.id AS limit_id, w.starts_at, w.ends_at, w.spent + w.exposed AS used, l.amount + w.raised AS ceiling,
    l.notify_at
FROM metering_limit l
JOIN unnest(%(periods)s::text[], %(starts)s::timestamptz[]) p(period, starts_at) ON p.period = l.period
JOIN metering_limitwindow w ON w.limit_id = l.id AND w.starts_at = p.starts_at
WHERE l.unit = 'usd' AND l.enabled
"""
REARM = f"""
WITH u AS ({USED})
UPDATE metering_budgetnotice n SET rearmed_at = now() FROM u
WHERE n.kind = 'threshold' AND n.rearmed_at IS NULL AND n.limit_id = u.limit_id AND n.starts_at = u.starts_at
    AND u.ceiling > n.ceiling AND u.used * 100 < n.threshold * u.ceiling
"""  # noqa: S608 - of our own parts
NOTICE = f"""
WITH u AS ({USED})
INSERT INTO metering_budgetnotice (event_id, kind, limit_id, starts_at, ends_at, threshold, used, ceiling,
    created_at)
SELECT gen_random_uuid(), 'threshold', u.limit_id, u.starts_at, u.ends_at, x.threshold, u.used, u.ceiling,
    now()
FROM u CROSS JOIN LATERAL (SELECT DISTINCT unnest(u.notify_at) AS threshold) x
WHERE u.used > 0 AND u.used * 100 >= x.threshold * u.ceiling
    AND NOT EXISTS (SELECT 1 FROM metering_budgetnotice n WHERE n.kind = 'threshold' AND n.rearmed_at IS NULL
        AND n.limit_id = u.limit_id AND n.starts_at = u.starts_at AND n.threshold = x.threshold)
ORDER BY u.limit_id, x.threshold
ON CONFLICT (limit_id, starts_at, threshold) WHERE kind = 'threshold' AND rearmed_at IS NULL DO NOTHING
RETURNING id
"""  # noqa: S608 - of our own parts
# The team's leads and whom the limit names beside them.
TO_PEOPLE = """
INSERT INTO metering_noticedelivery (notice_id, channel, address, state, tries, next_try_at, last_answer)
SELECT n.id, 'email', told.address, 'waiting', 0, now(), ''
FROM metering_budgetnotice n JOIN metering_limit l ON l.id = n.limit_id
CROSS JOIN LATERAL (
    SELECT unnest(l.notify_emails) AS address
    UNION SELECT u.email FROM catalog_team_leads tl JOIN auth_user u ON u.id = tl.user_id
    WHERE tl.team_id = l.team_id AND u.is_active AND u.email <> ''
) told
WHERE n.id = ANY (%s)
"""
TO_WEBHOOKS = """
INSERT INTO metering_noticedelivery (notice_id, channel, address, webhook_id, state, tries, next_try_at,
    last_answer)
SELECT n.id, 'webhook', w.url, w.id, 'waiting', 0, now(), ''
FROM metering_budgetnotice n JOIN metering_limit l ON l.id = n.limit_id
JOIN metering_webhook w ON w.enabled AND (w.team_id IS NULL OR w.team_id = l.team_id)
WHERE n.id = ANY (%s)
"""


async def look(connection: AsyncConnection[Any], *, at: dt.datetime, zone: ZoneInfo) -> int:
    """Notice what was crossed in the periods that are open ``at`` the moment and in those before them, as
    calls are booked behind the end of theirs; how many. Nothing while another worker looks."""
    async with connection.transaction():
        row = await (await connection.execute(LEADER)).fetchone()
        if row is None or not row[0]:
            return 0
        of = _periods(at, zone)
        await connection.execute(REARM, of)
        found = [id for (id,) in await (await connection.execute(NOTICE, of)).fetchall()]
        if found:
            await connection.execute(TO_PEOPLE, (found,))
            await connection.execute(TO_WEBHOOKS, (found,))
    return len(found)


def _periods(at: dt.datetime, zone: ZoneInfo) -> dict[str, list[Any]]:
    """The windows to look at: of each period the open one, and the one before it."""
    starts = []
    for period in Limit.Period.values:
        start, _ = windows.bounds(period=period, at=at, zone=zone)
        before, _ = windows.bounds(period=period, at=start - dt.timedelta(microseconds=1), zone=zone)
        starts += [(period, start), (period, before)]
    starts = list(dict.fromkeys(starts))  # a total has no period before it
    return {"periods": [period for period, _ in starts], "starts": [start for _, start in starts]}
