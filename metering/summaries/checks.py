"""What the summaries must agree with: the entries up to their mark, added up otherwise than they were."""

from typing import NamedTuple

from catalog.rates import PART_OF
from metering.costing import TOKEN_BUCKETS
from metering.usage import BUCKETS

UP_TO = "e.id <= coalesce((SELECT entry FROM metering_summarymark), 0)"
TOKENS = " + ".join(f"coalesce(e.{bucket}, 0)" for bucket in TOKEN_BUCKETS)
CALLS = "CASE WHEN e.attempt = 1 AND e.part = 0 AND e.kind <> 'correction' THEN 1 ELSE 0 END"
ATTEMPTS = "CASE WHEN e.kind = 'attempt' THEN 1 ELSE 0 END"
ANSWERS = "CASE WHEN e.kind = 'attempt' AND e.part = 0 AND e.outcome = 'ok' THEN 1 ELSE 0 END"
FAILED = "CASE WHEN e.outcome IN ('error', 'cut', 'lost') AND e.kind <> 'correction' THEN 1 ELSE 0 END"
UNPRICED = "CASE WHEN e.cost IS NULL AND e.kind <> 'correction' THEN 1 ELSE 0 END"
COST = "coalesce(e.cost, 0)"
WITH_SIZE = f"({ANSWERS}) = 1 AND e.usage_source <> 'unknown'"


class Check(NamedTuple):
    """``query`` gives rows that differ: the group, what is kept, what the ledger has."""

    what: str
    group: tuple[str, ...]
    query: str


def _sums(what: str, table: str, group: dict[str, str], sums: dict[str, str], source: str) -> Check:
    """``group`` and ``sums``: a column of the summary to its expression over entries ``e``."""
    names = ", ".join(group)
    kept = ", ".join(f"sum({name}) AS {name}" for name in sums)
    ledger = ", ".join(f"sum({expression}) AS {name}" for name, expression in sums.items())
    return Check(
        what,
        tuple(group),
        f"""
SELECT {", ".join(f"coalesce(s.{name}, l.{name})" for name in group)},
    ARRAY[{", ".join(f"s.{name}::numeric" for name in sums)}]::text,
    ARRAY[{", ".join(f"l.{name}::numeric" for name in sums)}]::text
FROM (SELECT {names}, {kept} FROM {table} GROUP BY {names}) s
FULL JOIN (SELECT {", ".join(f"{expression} AS {name}" for name, expression in group.items())}, {ledger}
    FROM {source} GROUP BY {", ".join(group.values())}) l USING ({names})
WHERE ({", ".join(f"coalesce(s.{name}, 0)" for name in sums)})
    IS DISTINCT FROM ({", ".join(f"coalesce(l.{name}, 0)" for name in sums)})
""",  # noqa: S608 - column names are ours
    )


ENTRIES = f"(SELECT * FROM metering_costentry e WHERE {UP_TO}) e"  # noqa: S608
WHOSE = {"team_id": "e.team_id", "api_key_id": "e.api_key_id", "model_id": "e.model_id"}
USAGE = _sums(
    "summary by day",
    "metering_dailyusage",
    {"day": "e.day", **WHOSE, "route": "e.route"},
    {
        "calls": CALLS,
        "attempts": ATTEMPTS,
        "answers": ANSWERS,
        "unpriced": UNPRICED,
        **{bucket: f"coalesce(e.{bucket}, 0)" for bucket in BUCKETS},
        "cost": COST,
    },
    ENTRIES,
)
HOURS = _sums(
    "summary by hour",
    "metering_hourlyspend",
    {"hour": "date_trunc('hour', e.started_at, 'UTC')", **WHOSE},
    {
        "calls": CALLS,
        "attempts": ATTEMPTS,
        "failed": FAILED,
        "tokens": TOKENS,
        "cost": COST,
    },
    ENTRIES,
)
TAGS = _sums(
    "summary by tag",
    "metering_dailytagspend",
    {"day": "e.day", **WHOSE, "route": "e.route", "name": "t.key", "value": "t.value"},
    {"calls": CALLS, "attempts": ATTEMPTS, "tokens": TOKENS, "cost": COST},
    f"{ENTRIES} CROSS JOIN LATERAL jsonb_each_text(e.tags) t",
)
SIZES = _sums(
    "sizes of answers",
    "metering_answersizes",
    {"day": "e.day", "team_id": "e.team_id", "model_id": "e.model_id"},
    {"answers": "1", "output": "e.output", "reasoning": "e.reasoning"},
    f"(SELECT * FROM {ENTRIES} WHERE {WITH_SIZE}) e",  # noqa: S608
)
# Priced later: known by its corrections, whenever they came; a summary counts it down with the first of them.
PRICED_LATER = f"""(SELECT DISTINCT e.corrects_id FROM metering_costentry e
    WHERE {UP_TO} AND e.kind = 'correction' AND e.cost IS NOT NULL)"""  # noqa: S608
UNKNOWN = f"CASE WHEN p.corrects_id IS NULL THEN {UNPRICED} ELSE 0 END"
ENDS = _sums(
    "how calls ended",
    "metering_dailyends",
    {
        "day": "e.day",
        "team_id": "e.team_id",
        "route": "e.route",
        "model_id": "e.model_id",
        "kind": "e.kind",
        "first": f"({CALLS}) = 1",
        "whole": "e.part = 0",
        "outcome": "e.outcome",
        "error_class": "e.error_class",
    },
    {
        "entries": "1",
        "cost": COST,
        "unknown": UNKNOWN,
        "exposure": "coalesce(e.exposure, 0)",
        "unbounded": f"CASE WHEN e.exposure IS NULL THEN {UNKNOWN} ELSE 0 END",
    },
    f"{ENTRIES} LEFT JOIN {PRICED_LATER} p ON p.corrects_id = e.id",
)
LATENCIES = _sums(
    "how long answers took",
    "metering_dailylatencies",
    {
        "day": "e.day",
        "team_id": "e.team_id",
        "route": "e.route",
        "model_id": "e.model_id",
        "first_token": "e.first_token",
        "bin": "metering_latency_bin(e.ms)",
    },
    {"answers": "1"},
    f"""(SELECT e.*, false AS first_token, e.latency_ms AS ms FROM {ENTRIES} WHERE ({ANSWERS}) = 1
        UNION ALL SELECT e.*, true, e.first_byte_ms FROM {ENTRIES} WHERE ({ANSWERS}) = 1 AND e.streamed) e
    WHERE e.ms IS NOT NULL""",  # noqa: S608
)


def _at_rate(bucket: str) -> str:
    rate = f"coalesce(p.{bucket}, p.{PART_OF[bucket]})" if bucket in PART_OF else f"p.{bucket}"
    return f"u.{bucket} * (coalesce({rate}, 0) / 1000000.0)"


KEPT = ", ".join(f"u.usd_{bucket}" for bucket in BUCKETS)
AT_RATES = ", ".join([*map(_at_rate, TOKEN_BUCKETS), "u.requests * coalesce(p.per_request, 0)"])
RATES = Check(
    "cost by token type",
    ("day", "team_id", "model_id", "price_id"),
    f"""
SELECT u.day, u.team_id, u.model_id, u.price_id,
    ARRAY[{KEPT}]::text, ARRAY[{AT_RATES}]::text
FROM metering_dailyusage u JOIN catalog_price p ON p.id = u.price_id
WHERE p.tier <> 'marginal' AND ({KEPT}) IS DISTINCT FROM ({AT_RATES})
""",  # noqa: S608
)
ALL = (USAGE, HOURS, TAGS, SIZES, ENDS, LATENCIES, RATES)
