"""Proves the books: rollup == ledger, summaries == ledger up to their mark, held == open holds, spent and
exposed == entries (invariant 7).

All are read in one repeatable-read transaction, so a busy gateway verifies as well as a quiet one.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import connection, transaction

from metering.closing import charges
from metering.summaries import checks
from metering.usage import BUCKETS

GROUP = ("day", "team_id", "api_key_id", "model_id", "route", "period")
SUMS = (
    "calls",
    "attempts",
    "failed",
    "unpriced",
    "unbounded",
    "estimated",
    "overruns",
    *BUCKETS,
    "cost",
    "exposure",
    "latency_ms",
    "answered",
)


class Difference(NamedTuple):
    """One number that is kept twice and does not agree."""

    what: str
    where: str
    kept: Any
    ledger: Any


_UNKNOWN = "e.cost IS NULL AND e.kind <> 'correction'"
_FIRST_PRICED = """e.kind = 'correction' AND e.cost IS NOT NULL AND t.cost IS NULL
            AND NOT EXISTS (SELECT 1 FROM metering_costentry c
                WHERE c.corrects_id = t.id AND c.cost IS NOT NULL AND c.id < e.id)"""
_UNBOUNDED = """EXISTS (SELECT 1 FROM metering_costentry b
            WHERE b.request_id = t.request_id AND b.attempt = t.attempt AND b.part = t.part
                AND b.kind <> 'correction' AND b.exposure IS NULL)"""
_TOKEN_SUMS = ", ".join(f"coalesce(sum(e.{bucket}), 0) AS {bucket}" for bucket in BUCKETS)
_LEDGER_GROUP = (
    "e.day",
    "e.team_id",
    "e.api_key_id",
    "e.model_id",
    "e.route",
    "metering_period(e.day, e.billed_in)",
)
LEDGER_BY_GROUP = f"""
SELECT {", ".join(f"{column} AS {name}" for column, name in zip(_LEDGER_GROUP, GROUP, strict=True))},
    count(*) FILTER (WHERE e.attempt = 1 AND e.part = 0 AND e.kind <> 'correction') AS calls,
    count(*) FILTER (WHERE e.kind = 'attempt') AS attempts,
    count(*) FILTER (WHERE e.outcome IN ('error', 'cut', 'lost') AND e.kind <> 'correction') AS failed,
    count(*) FILTER (WHERE {_UNKNOWN}) - count(*) FILTER (WHERE {_FIRST_PRICED}) AS unpriced,
    count(*) FILTER (WHERE {_UNKNOWN} AND e.exposure IS NULL)
        - count(*) FILTER (WHERE {_FIRST_PRICED} AND {_UNBOUNDED}) AS unbounded,
    count(*) FILTER (WHERE e.usage_source = 'estimated' AND e.kind <> 'correction') AS estimated,
    count(*) FILTER (WHERE e.overrun) AS overruns, {_TOKEN_SUMS},
    coalesce(sum(e.cost), 0) AS cost, coalesce(sum(e.exposure), 0) AS exposure,
    coalesce(sum(e.latency_ms), 0) AS latency_ms, count(e.latency_ms) AS answered
FROM metering_costentry e LEFT JOIN metering_costentry t ON t.id = e.corrects_id
GROUP BY {", ".join(_LEDGER_GROUP)}
"""  # noqa: S608 - column names are ours
ROLLUP = f"""
SELECT {", ".join(f"coalesce(d.{c}, l.{c})" for c in GROUP)},
    {", ".join(f"d.{c}" for c in SUMS)}, {", ".join(f"l.{c}" for c in SUMS)}
FROM metering_dailyspend d FULL JOIN ({LEDGER_BY_GROUP}) l USING ({", ".join(GROUP)})
WHERE ({", ".join(f"d.{c}" for c in SUMS)}) IS DISTINCT FROM ({", ".join(f"l.{c}" for c in SUMS)})
ORDER BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608 - column names are ours
WINDOWS = """
WITH open_holds AS (
    SELECT x.id, sum(x.amount) AS held
    FROM metering_hold h, unnest(h.window_ids, h.window_amounts) AS x(id, amount) GROUP BY x.id
), booked AS (
    SELECT w.id,
        CASE l.unit WHEN 'usd' THEN coalesce(sum(e.cost), 0)
            WHEN 'tokens' THEN coalesce(sum(e.input + e.cache_read + e.cache_write_5m + e.cache_write_1h
                + e.output + e.reasoning + e.audio_input + e.audio_output), 0)
            WHEN 'concurrency' THEN 0
            ELSE count(*) FILTER (WHERE e.attempt = 1 AND e.part = 0 AND e.kind <> 'correction') END AS spent,
        CASE l.unit WHEN 'usd' THEN coalesce(sum(e.exposure), 0)
            WHEN 'tokens' THEN coalesce(sum(e.exposure_tokens), 0) ELSE 0 END AS exposed
    FROM metering_limitwindow w
    JOIN metering_limit l ON l.id = w.limit_id
    LEFT JOIN metering_costentry e ON e.team_id = l.team_id
        AND (l.api_key_id IS NULL OR l.api_key_id = e.api_key_id)
        AND (l.model_id IS NULL OR l.model_id = e.model_id)
        AND (l.tag_name = '' OR e.tags ->> l.tag_name = l.tag_value)
        AND e.started_at >= w.starts_at AND e.started_at < w.ends_at
    GROUP BY w.id, l.unit
)
SELECT w.limit_id, w.starts_at, w.held, coalesce(o.held, 0), w.spent, b.spent, w.exposed, b.exposed
FROM metering_limitwindow w JOIN booked b ON b.id = w.id LEFT JOIN open_holds o ON o.id = w.id
WHERE (w.held, w.spent, w.exposed) IS DISTINCT FROM (coalesce(o.held, 0), b.spent, b.exposed)
ORDER BY w.limit_id, w.starts_at
"""
STRAY_HOLDS = """
SELECT h.request_id, x.id, x.amount
FROM metering_hold h, unnest(h.window_ids, h.window_amounts) AS x(id, amount)
WHERE NOT EXISTS (SELECT 1 FROM metering_limitwindow w WHERE w.id = x.id)
"""


class Report(NamedTuple):
    entries: int
    windows: int
    open_holds: int
    differences: list[Difference]


def verify() -> Report:
    """Compare what is kept twice. Reads only."""
    outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(
            "SELECT (SELECT count(*) FROM metering_costentry), (SELECT count(*) FROM metering_limitwindow),"
            " (SELECT count(*) FROM metering_hold)"
        )
        entries, windows, holds = cursor.fetchone()
        found = [*_rollup(cursor), *_windows(cursor), *_strays(cursor), *_summaries(cursor), *_charges()]
        return Report(entries, windows, holds, found)


def _rollup(cursor: Any) -> Iterator[Difference]:
    cursor.execute(ROLLUP)
    for row in cursor.fetchall():
        day, team, key, model, route, period = row[: len(GROUP)]
        kept, ledger = row[len(GROUP) : len(GROUP) + len(SUMS)], row[len(GROUP) + len(SUMS) :]
        where = f"day {day}, team {team}, key {key}, model {model}, route {route}, billed {period}"
        for name, left, right in zip(SUMS, kept, ledger, strict=True):
            if left != right:
                yield Difference(f"daily {name}", where, left, right)


def _windows(cursor: Any) -> Iterator[Difference]:
    cursor.execute(WINDOWS)
    for limit, starts_at, held, holds, spent, booked, exposed, unknown in cursor.fetchall():
        where = f"limit {limit}, window from {starts_at:%Y-%m-%d %H:%M}"
        for what, kept, ledger in (
            ("held", held, holds),
            ("spent", spent, booked),
            ("exposed", exposed, unknown),
        ):
            if kept != ledger:
                yield Difference(what, where, kept, ledger)


def _strays(cursor: Any) -> Iterator[Difference]:
    cursor.execute(STRAY_HOLDS)
    for request_id, window, amount in cursor.fetchall():
        yield Difference("hold on a missing window", f"request {request_id}, window {window}", amount, None)


def _charges() -> Iterator[Difference]:
    for month, key, kept, ledger in charges.differences():
        yield Difference("summary of statements", f"month {month:%Y-%m}, {key}", kept, ledger)


def _summaries(cursor: Any) -> Iterator[Difference]:
    for check in checks.ALL:
        cursor.execute(check.query)
        for *group, kept, ledger in cursor.fetchall():
            where = ", ".join(f"{name} {value}" for name, value in zip(check.group, group, strict=True))
            yield Difference(check.what, where, kept, ledger)
