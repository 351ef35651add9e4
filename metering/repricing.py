"""The calls of a model in groups that the same rows of prices bill, for pricing many at once and exactly.

Cost is linear in the tokens. So PostgreSQL adds up the tokens of all calls that lie in the same stretch of
time between two changes of price, in or out of the same peak hours, on the same side of every threshold, and
use the same kinds of tokens; each sum is then priced once, by the arithmetic of every booking (costing.py).

In the groups is what stands: entries that were not taken back, with a usage, at a price of ours or none yet.
Left out are the vendors' own figures, adjustments by hand and what they adjust, and entries whose price is
not what is missing (another model's usage, a fee that no rate expresses).
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from catalog.snapshot import PriceRow
from metering import costing
from metering.costing import INPUT_ORDER, MARGINAL
from metering.usage import BUCKETS, OTHER_MODEL, UNPRICED, Usage

STANDING = f"""
SELECT e.team_id, e.day, e.started_at, e.cost, {", ".join(f"e.{bucket}" for bucket in BUCKETS)},
    {" + ".join(f"e.{bucket}" for bucket in INPUT_ORDER)} AS all_input
FROM metering_costentry e
WHERE e.model_id = %(model)s AND e.variant = %(variant)s AND e.day BETWEEN %(first)s AND %(last)s
    AND e.usage_source <> 'unknown' AND NOT e.reverses
    AND (e.kind = 'attempt' OR EXISTS (
        SELECT 1 FROM metering_correctionbatch b WHERE b.id = e.batch_id AND b.kind = 're_rate'))
    AND NOT EXISTS (
        SELECT 1 FROM metering_costentry c WHERE c.corrects_id = e.id AND (c.reverses OR c.batch_id IS NULL))
    AND CASE WHEN e.cost IS NOT NULL THEN e.cost_reason = ''
        ELSE e.cost_reason IN ('unpriced', 'unpriced_variant', 'unpriced_component') AND NOT EXISTS (
            SELECT 1 FROM unnest(e.flags) AS flag
            WHERE flag = %(whose)s OR starts_with(flag, %(component)s))
        END
"""  # noqa: S608 - names of columns
MONTH = "date_trunc('month', day::timestamp)::date"  # a timestamp without zone: days have none
SECOND_OF_WEEK = (
    "(extract(isodow FROM started_at AT TIME ZONE 'UTC')::integer - 1) * 86400"
    " + floor(extract(epoch FROM (started_at AT TIME ZONE 'UTC')::time))::integer"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Calls of one team and month that the same rows bill, whichever of those that ``groups`` was given.

    ``at`` and ``input_tokens`` are those of one of them, and stand for all. ``cost`` is what they were booked
    at; None: unknown, for every one. ``above`` has, for each marginal threshold, the input tokens above it.
    """

    team: str
    month: dt.date  # the business month of their days, by its first
    calls: int
    at: dt.datetime
    input_tokens: int
    cost: Decimal | None
    used: dict[str, int]
    above: dict[int, dict[str, int]]

    def rows(self, prices: Sequence[PriceRow], variant: str) -> tuple[PriceRow, ...]:
        return costing.rows_for(prices, at=self.at, variant=variant, input_tokens=self.input_tokens)

    def shares(self, rows: Sequence[PriceRow]) -> tuple[tuple[PriceRow, Usage], ...]:
        """What each of ``rows`` bills of the calls together: costing.split of every one, added up."""
        edges = [self.used, *(self.above[row.above_input_tokens] for row in rows[1:]), {}]
        return tuple(
            (row, Usage(**_less(edges[number], edges[number + 1], whole=number == 0)))
            for number, row in enumerate(rows)
        )


def groups(
    *,
    model_id: int,
    variant: str,
    first: dt.date,
    last: dt.date,
    rows: Iterable[PriceRow],
    moments: Iterable[dt.datetime] = (),
) -> list[Group]:
    """The calls of the business days ``first`` to ``last`` as ``rows`` tell them apart. One query.

    ``moments`` tell them apart, too: no group has calls before and after one.
    """
    rows = list(rows)
    thresholds = sorted({row.above_input_tokens for row in rows if row.tier == MARGINAL})
    changes = {moment for row in rows for moment in (row.effective_from, row.effective_to) if moment}
    parameters: dict[str, Any] = {
        "model": model_id,
        "whose": OTHER_MODEL,
        "component": UNPRICED,
        "variant": variant,
        "first": first,
        "last": last,
        "moments": sorted(changes | set(moments)),
        "sides": sorted({row.above_input_tokens for row in rows} | {0}),
    }
    keys = _keys(rows, thresholds, parameters)
    sums = [*BUCKETS, *(_above(bucket, edge) for edge in thresholds for bucket in INPUT_ORDER)]
    query = f"""
        SELECT t.name, g.* FROM (
            SELECT team_id, {MONTH} AS month, count(*), min(started_at), min(all_input), sum(cost),
                ARRAY[{", ".join(f"sum({expression})" for expression in sums)}]::numeric[]
            FROM ({STANDING}) AS standing
            GROUP BY team_id, {MONTH}, cost IS NULL, {", ".join(keys)}
        ) AS g JOIN catalog_team t ON t.id = g.team_id
    """  # noqa: S608 - names of columns, and whole numbers
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [_group(row, thresholds) for row in cursor.fetchall()]


def _keys(rows: Sequence[PriceRow], thresholds: Sequence[int], parameters: dict[str, Any]) -> list[str]:
    """The expressions that tell calls apart. Adds the hours to ``parameters``."""
    hours = sorted(
        {(r.daily_from, r.daily_to, r.weekdays) for r in rows if r.daily_from and r.daily_to}, key=str
    )
    keys = [
        "width_bucket(started_at, %(moments)s::timestamptz[])",
        "width_bucket(all_input - 1, %(sides)s::bigint[])",
    ]
    for number, (begins, ends, weekdays) in enumerate(hours):
        parameters |= {f"from{number}": begins, f"to{number}": ends, f"days{number}": weekdays}
        keys.append(
            f"{SECOND_OF_WEEK} <@ catalog_seconds_of_week("
            f"%(from{number})s::time, %(to{number})s::time, %(days{number})s::text)"
        )
    keys += [f"{bucket} <> 0" for bucket in BUCKETS]
    keys += [f"{_above(bucket, edge)} <> 0" for edge in thresholds for bucket in INPUT_ORDER]
    return keys


def _above(bucket: str, threshold: int) -> str:
    """The tokens of ``bucket`` above ``threshold``, by place in the prompt: see Note [Marginal tiers]."""
    before = " + ".join(["0", *INPUT_ORDER[: INPUT_ORDER.index(bucket)]])
    return f"(greatest({before} + {bucket} - {threshold:d}, 0) - greatest({before} - {threshold:d}, 0))"


def _group(row: Sequence[Any], thresholds: Sequence[int]) -> Group:
    team, _, month, calls, at, input_tokens, cost, sums = row
    counts = [int(count) for count in sums]
    above, place = {}, len(BUCKETS)
    for threshold in thresholds:
        above[threshold] = dict(zip(INPUT_ORDER, counts[place : place + len(INPUT_ORDER)], strict=True))
        place += len(INPUT_ORDER)
    used = dict(zip(BUCKETS, counts, strict=False))
    return Group(team, month, calls, at, input_tokens, cost, used, above)


def _less(used: dict[str, int], above: dict[str, int], *, whole: bool) -> dict[str, int]:
    """``used`` without what is above; ``whole``: with output and fees, which only the lowest row bills."""
    names = BUCKETS if whole else INPUT_ORDER
    return {name: used.get(name, 0) - above.get(name, 0) for name in names}
