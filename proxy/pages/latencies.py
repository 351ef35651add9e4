"""Percentiles of latency and of time to first token, by PostgreSQL, from every entry: never from averages.

Over long periods: proxy.pages.binned.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import connection
from django.db.models import CharField, F, Value
from django.db.models.functions import Concat

from catalog.visibility import Visibility
from proxy.pages import ledger_rows
from proxy.pages.filters import Asked

FEW = 20  # calls; with fewer, p95 and p99 are the slowest of them by another name
FEWEST = 100  # the same of p99.9
GROUPS = {
    "provider": F("model__provider__name"),
    "region": F("model__provider__region"),
    "model": Concat("model__provider__name", Value("/"), "model__name", output_field=CharField()),
}
PERCENTILES = """
SELECT grouping(name), name, count(latency_ms),
    percentile_disc(ARRAY[0.5, 0.95, 0.99, 0.999]) WITHIN GROUP (ORDER BY latency_ms),
    count(first_byte_ms) FILTER (WHERE streamed),
    percentile_disc(ARRAY[0.5, 0.95, 0.99, 0.999]) WITHIN GROUP (ORDER BY first_byte_ms)
        FILTER (WHERE streamed)
FROM ({answers}) answers GROUP BY GROUPING SETS ((), (name))
"""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds: the least value that so many of ``count`` calls did not exceed, or the middle of its bin
    (proxy.pages.binned). None: not known."""

    count: int = 0
    p50: int | None = None
    p95: int | None = None
    p99: int | None = None
    p999: int | None = None

    @property
    def too_few(self) -> bool:
        """For p99.9."""
        return 0 < self.count < FEWEST


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of answers. ``first_token`` is of streams alone: their first byte."""

    whole: Percentiles = Percentiles()
    first_token: Percentiles = Percentiles()


@dataclass(frozen=True, slots=True)
class Timed:
    """The latencies of all answers together, and of each group that has any."""

    total: Latencies
    groups: Mapping[str, Latencies]


def latencies(*, asked: Asked, visibility: Visibility, models: Collection[int]) -> Timed:
    """Of the attempts on ``models`` that were answered, by ``asked.by``. One query."""
    rows = ledger_rows.entries(asked=asked, visibility=visibility)
    answers = rows.filter(kind="attempt", part=0, outcome="ok").annotate(name=GROUPS[asked.by])
    if asked.of_vendors:  # else all of them: thousands, that need not be named
        answers = answers.filter(model__in=sorted(models))
    if not models:
        return Timed(Latencies(), {})
    sql, parameters = answers.values(
        "name", "latency_ms", "first_byte_ms", "streamed"
    ).query.sql_with_params()
    total, groups = Latencies(), {}
    with connection.cursor() as cursor:
        cursor.execute(PERCENTILES.format(answers=sql), parameters)
        for together, name, *figures in cursor.fetchall():
            found = Latencies(_percentiles(*figures[:2]), _percentiles(*figures[2:]))
            if together:
                total = found
            else:
                groups[name or ledger_rows.NO_REGION] = found
    return Timed(total, groups)


def _percentiles(count: int, values: list[int | None] | None) -> Percentiles:
    p50, p95, p99, p999 = values or [None] * 4
    return Percentiles(count, p50, p95, p99, None if count < FEWEST else p999)
