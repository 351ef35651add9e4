"""What a month's entries come to, added up by everything that a line of a statement can tell apart.

Note [What a reversing entry belongs to]: it takes another entry back, so it is added to the group of that
one: what was corrected within its month cancels out, and what stands is left. An entry of an earlier month,
closed since, is not there to cancel with: then the reversal is an adjustment, with its charge day, beside
the new entry's.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from metering.closing import reading
from metering.corrections import standing
from metering.usage import BUCKETS

ZERO = Decimal(0)


class Key(NamedTuple):
    """``charged`` is the day of use of what belongs to an earlier month; None for the month's own."""

    team_id: int
    model_id: int
    variant: str
    basis: str  # ClosedLine.basis: where the amount comes from
    price_id: int | None
    charged: dt.date | None
    reference: str  # of a correction: its batch, or its note


class Sums(NamedTuple):
    """``counts`` in the order of BUCKETS. ``cost`` leaves out the ``unpriced``, which cost ``exposure`` at
    most.
    """

    entries: int
    unpriced: int
    exposure: Decimal
    cost: Decimal
    counts: tuple[int, ...]

    def plus(self, other: "Sums") -> "Sums":
        return Sums(
            self.entries + other.entries,
            self.unpriced + other.unpriced,
            self.exposure + other.exposure,
            self.cost + other.cost,
            tuple(mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)),
        )


Groups = dict[Key, Sums]
NOTHING = Sums(0, 0, ZERO, ZERO, (0,) * len(BUCKETS))


class Included(NamedTuple):
    """A batch that corrected a team's entries within their own month: it is in the usage already."""

    team_id: int
    batch: int
    kind: str
    reason: str
    author: str
    entries: int
    amount: Decimal


# o: the entry itself, or the one that it takes back. See Note [What a reversing entry belongs to]. What a
# call taken for lost had used after all is priced as any answer is, though it is booked as a correction.
_ADJUSTS = f"""o.kind = 'correction' AND (ob.kind IS NOT DISTINCT FROM 'adjustment'
    OR (o.batch_id IS NULL AND o.note <> '{standing.LATE_NOTE}'))"""
ADDED_UP = f"""
SELECT e.team_id, e.model_id, o.variant,
    CASE WHEN {_ADJUSTS} THEN 'adjustment'
        WHEN o.cost IS NULL THEN 'unpriced'
        WHEN o.cost_reason = 'reported' THEN 'reported'
        WHEN o.cost_reason IN ('not_billed', 'cache_hit') THEN 'not_billed'
        ELSE 'price' END AS basis,
    o.price_id,
    CASE WHEN e.billed_in IS NOT NULL THEN e.day END AS charged,
    CASE WHEN e.kind <> 'correction' OR (e.billed_in IS NULL AND NOT ({_ADJUSTS})) THEN ''
        WHEN e.batch_id IS NOT NULL THEN 'batch ' || e.batch_id || ': ' || left(b.reason, 290)
        ELSE e.note END AS reference,
    count(*),
    count(*) FILTER (WHERE e.cost IS NULL AND e.kind <> 'correction'),
    coalesce(sum(e.exposure), 0), coalesce(sum(e.cost), 0),
    {", ".join(f"coalesce(sum(e.{bucket}), 0)::bigint" for bucket in BUCKETS)}
FROM metering_costentry e
LEFT JOIN metering_costentry c ON c.id = e.corrects_id
LEFT JOIN metering_correctionbatch b ON b.id = e.batch_id
CROSS JOIN LATERAL (SELECT
    {
    ", ".join(
        f"CASE WHEN e.reverses THEN c.{name} ELSE e.{name} END AS {name}"
        for name in ("kind", "batch_id", "note", "variant", "cost", "cost_reason", "price_id")
    )
}) o
LEFT JOIN metering_correctionbatch ob ON ob.id = o.batch_id
WHERE (%(past)s::bigint IS NULL OR e.id > %(past)s) AND (%(last)s::bigint IS NULL OR e.id <= %(last)s)
    AND (%(team)s::bigint IS NULL OR e.team_id = %(team)s) AND {reading.OF_MONTH}
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""  # noqa: S608 - column names are ours
# Entries of the month that a correction, in the same month, gave a cost: they are unknown no more.
PRICED_LATER = f"""
SELECT c.team_id, c.model_id, c.variant, 'unpriced', c.price_id,
    CASE WHEN c.billed_in IS NOT NULL THEN c.day END, '', 0, -count(*), 0::numeric, 0::numeric,
    {", ".join("0" for _ in BUCKETS)}
FROM metering_costentry e JOIN metering_costentry c ON c.id = e.corrects_id
WHERE e.kind = 'correction' AND e.cost IS NOT NULL AND c.kind <> 'correction' AND c.cost IS NULL
    AND metering_period(c.day, c.billed_in) = %(month)s
    AND NOT EXISTS (SELECT 1 FROM metering_costentry x
        WHERE x.corrects_id = c.id AND x.cost IS NOT NULL AND x.id < e.id)
    AND (%(past)s::bigint IS NULL OR e.id > %(past)s) AND (%(last)s::bigint IS NULL OR e.id <= %(last)s)
    AND (%(team)s::bigint IS NULL OR e.team_id = %(team)s) AND {reading.OF_MONTH}
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""  # noqa: S608 - the condition is ours
INCLUDED = f"""
SELECT e.team_id, b.id, b.kind, b.reason, b.author, count(*) FILTER (WHERE e.reverses),
coalesce(sum(e.cost), 0) FROM metering_costentry e JOIN metering_correctionbatch b ON b.id = e.batch_id
WHERE e.kind = 'correction' AND e.billed_in IS NULL AND {reading.OF_MONTH}
    AND (%(team)s::bigint IS NULL OR e.team_id = %(team)s)
GROUP BY e.team_id, b.id ORDER BY e.team_id, b.id
"""  # noqa: S608 - the condition is ours


def added_up(
    *, month: dt.date, past: int | None = None, last: int | None = None, team_id: int | None = None
) -> Groups:
    """The groups of the entries with ids above ``past`` up to ``last``; of one team only, when it is
    named.
    """
    asked = reading.parameters(month) | {"past": past, "last": last, "team": team_id}
    return together([_read(ADDED_UP, asked), _read(PRICED_LATER, asked)])


def together(parts: Iterable[Groups]) -> Groups:
    whole: Groups = {}
    for part in parts:
        for key, sums in part.items():
            whole[key] = whole.get(key, NOTHING).plus(sums)
    return whole


def of_team(groups: Groups) -> dict[int, Sums]:
    """Each team's totals."""
    totals: dict[int, Sums] = {}
    for key, sums in groups.items():
        totals[key.team_id] = totals.get(key.team_id, NOTHING).plus(sums)
    return totals


def included(*, month: dt.date, team_id: int | None = None) -> list[Included]:
    with connection.cursor() as cursor:
        cursor.execute(INCLUDED, reading.parameters(month) | {"team": team_id})
        return [Included(*row) for row in cursor.fetchall()]


def from_row(row: Sequence[Any]) -> tuple[Key, Sums]:
    """``row``: the columns of Key, then those of Sums, the counts one by one."""
    width = len(Key._fields)
    return Key(*row[:width]), _sums(*row[width:])


def _read(query: str, asked: dict[str, Any]) -> Groups:
    with connection.cursor() as cursor:
        cursor.execute(query, asked)
        return dict(map(from_row, cursor.fetchall()))


def _sums(entries: int, unpriced: int, exposure: Decimal, cost: Decimal, *counts: int) -> Sums:
    return Sums(entries, unpriced, exposure, cost, counts)
