"""A month's entries, added up by PostgreSQL to what one unit price each can express, as a stream.

Note [What has one unit price]: entries of one price row, whose cost is exactly tokens x its rates, are added
up: the rates of their sums give the sum of their costs. Entries at a marginal tier are split one by one
(metering.focus.marginal). Costs that came as amounts (a vendor's own figure, an adjustment by hand) are added
up apart.

Note [What is left out]: an entry whose cost is unknown has no row, because FOCUS has no unknown cost and 0
would be a lie; nor has the entry that takes it back, for it was told in no file. Calls that cost nothing
because no vendor bills them (refused, or answered from our cache) have no row either.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from catalog.rates import PART_OF
from metering.closing import reading
from metering.costing import TOKEN_BUCKETS
from metering.focus.asked import Export
from metering.usage import BUCKETS

AT_A_TIME = 2_000  # groups fetched at once


class Key(NamedTuple):
    """What one row is about. ``price_id`` is None where ``basis`` is not ``price``."""

    day: dt.date  # of the charge
    team_id: int
    api_key_id: int
    model_id: int
    variant: str
    nature: str  # usage | reversal | rebooking | adjustment
    basis: str  # price | reported | amount
    price_id: int | None
    corrects: bool  # the month of ``day`` was closed before: FOCUS's ChargeClass
    tags: str  # JSON; empty unless rows are told apart by tags


class Group(NamedTuple):
    """``counts`` in the order of BUCKETS; ``entries`` less those that were taken back."""

    key: Key
    entries: int
    cost: Decimal
    counts: tuple[int, ...]


class MarginalEntry(NamedTuple):
    """One entry at a marginal tier, with the key of its group (``price_id``: the marginal row)."""

    key: Key
    started_at: dt.datetime
    cost: Decimal
    counts: tuple[int, ...]


class Sums(NamedTuple):
    """The ledger's own: what the rows of a file must add up to, and what has none. USD.

    ``unpriced`` entries are of unknown cost, at most ``exposure`` together; ``unbounded`` of them state none.
    """

    cost: Decimal
    unpriced: int
    exposure: Decimal
    unbounded: int


def _billed(bucket: str) -> str:
    """Millionths of a dollar at the entry's price row; NULL where it has no rate for what was used."""
    rate = f"coalesce(p.{bucket}, p.{PART_OF[bucket]})" if bucket in PART_OF else f"p.{bucket}"
    return f"CASE WHEN coalesce(e.{bucket}, 0) = 0 THEN 0 ELSE e.{bucket} * {rate} END"


# numeric x 0.000001 is exact, numeric / 1000000 need not be.
_AT_RATES = f"""coalesce(e.cost = ({" + ".join(_billed(bucket) for bucket in TOKEN_BUCKETS)}) * 0.000001
    + CASE WHEN coalesce(e.requests, 0) = 0 THEN 0 ELSE e.requests * p.per_request END, false)"""
_NATURE = """CASE WHEN e.reverses THEN 'reversal'
    WHEN e.kind <> 'correction' OR (e.batch_id IS NULL AND e.note = 'settled after the sweep') THEN 'usage'
    WHEN b.kind = 're_rate' THEN 'rebooking' ELSE 'adjustment' END"""
_KEY = (
    "day",
    "team_id",
    "api_key_id",
    "model_id",
    "variant",
    "nature",
    "basis",
    "price_id",
    "corrects",
    "tags",
)
_FROM = f"""
FROM metering_costentry e
LEFT JOIN metering_costentry c ON c.id = e.corrects_id
LEFT JOIN metering_correctionbatch b ON b.id = e.batch_id
LEFT JOIN catalog_price p ON p.id = e.price_id
CROSS JOIN LATERAL (
    SELECT p.tier IS NOT DISTINCT FROM 'marginal' AND e.cost_reason <> 'reported' AS marginal) m
CROSS JOIN LATERAL (SELECT {_NATURE} AS nature, e.billed_in IS NOT NULL AS corrects,
    CASE WHEN m.marginal THEN 'price' WHEN e.cost_reason = 'reported' THEN 'reported'
        WHEN {_AT_RATES} THEN 'price' ELSE 'amount' END AS basis,
    CASE WHEN %(by_tags)s THEN e.tags::text ELSE '' END AS tags) x
WHERE {reading.OF_MONTH} AND (%(teams)s::bigint[] IS NULL OR e.team_id = ANY(%(teams)s))
    AND e.cost IS NOT NULL AND e.cost_reason NOT IN ('not_billed', 'cache_hit')
    AND NOT (e.reverses AND c.cost IS NULL)
"""  # noqa: S608 - column names are ours
_COLUMNS = """e.day, e.team_id, e.api_key_id, e.model_id, e.variant COLLATE "C", x.nature COLLATE "C",
    x.basis COLLATE "C", CASE WHEN x.basis = 'price' THEN e.price_id END, x.corrects, x.tags COLLATE "C" """
_PLACES = ", ".join(str(place) for place in range(1, len(_KEY) + 1))

GROUPS = f"""
SELECT {_COLUMNS}, sum(CASE WHEN e.reverses THEN -1 ELSE 1 END), sum(e.cost),
    {", ".join(f"coalesce(sum(e.{bucket}), 0)::bigint" for bucket in BUCKETS)}
{_FROM} AND NOT m.marginal GROUP BY {_PLACES} ORDER BY {_PLACES}
"""
MARGINAL = f"""
SELECT {_COLUMNS}, e.started_at, e.cost, {", ".join(f"coalesce(e.{bucket}, 0)" for bucket in BUCKETS)}
{_FROM} AND m.marginal ORDER BY {_PLACES}, e.id
"""
# An unknown cost ends with the first correction that states one: see metering_settle.
_ENDS = """e.kind = 'correction' AND e.cost IS NOT NULL AND c.cost IS NULL
    AND metering_period(c.day, c.billed_in) = %(month)s
    AND NOT EXISTS (SELECT 1 FROM metering_costentry x
        WHERE x.corrects_id = c.id AND x.cost IS NOT NULL AND x.id < e.id)"""
SUMS = f"""
SELECT coalesce(sum(e.cost), 0),
    count(*) FILTER (WHERE e.cost IS NULL AND e.kind <> 'correction') - count(*) FILTER (WHERE {_ENDS}),
    coalesce(sum(e.exposure)
        FILTER (WHERE c.id IS NULL OR metering_period(c.day, c.billed_in) = %(month)s), 0),
    count(*) FILTER (WHERE e.cost IS NULL AND e.exposure IS NULL AND e.kind <> 'correction')
        - count(*) FILTER (WHERE c.exposure IS NULL AND {_ENDS})
FROM metering_costentry e LEFT JOIN metering_costentry c ON c.id = e.corrects_id
WHERE {reading.OF_MONTH} AND (%(teams)s::bigint[] IS NULL OR e.team_id = ANY(%(teams)s))
"""  # noqa: S608 - column names are ours


def groups(export: Export) -> Iterator[Group]:
    """In the order of their keys, which is the same each time. See Note [What has one unit price]."""
    for row in _streamed(GROUPS, export):
        entries, cost, *counts = row[len(_KEY) :]
        yield Group(Key(*row[: len(_KEY)]), int(entries), cost, tuple(counts))


def marginal_entries(export: Export) -> Iterator[MarginalEntry]:
    """In the order of their groups' keys, then of their ids."""
    for row in _streamed(MARGINAL, export):
        started_at, cost, *counts = row[len(_KEY) :]
        yield MarginalEntry(Key(*row[: len(_KEY)]), started_at, cost, tuple(counts))


def sums(export: Export) -> Sums:
    with connection.cursor() as cursor:
        cursor.execute(SUMS, _parameters(export))
        return Sums(*cursor.fetchone())


def _streamed(query: str, export: Export) -> Iterator[tuple[Any, ...]]:
    """Rows by a cursor on the server: memory stays flat, whatever their number."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, _parameters(export))
        while rows := cursor.fetchmany(AT_A_TIME):
            yield from rows


def _parameters(export: Export) -> dict[str, Any]:
    teams = None if export.teams is None else sorted(export.teams)
    return {**reading.parameters(export.month), "teams": teams, "by_tags": export.by_tags}
