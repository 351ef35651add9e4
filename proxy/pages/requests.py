"""Requests as their callers saw them, whatever it took to answer them.

Most requests have one attempt: its end is theirs. PostgreSQL groups by request only those that had more; they
are taken out of the counts of first attempts and put back with what became of them. A request belongs to the
model it was first tried on, as the rollup counts calls (decision 0012).
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from catalog.visibility import Visibility
from proxy.adapters.base import ErrorClass
from proxy.pages import ledger_rows, verdicts
from proxy.pages.ends import Ends
from proxy.pages.filters import Asked

MOST_TOLD_APART = 4  # attempts; more are counted together


class Fate(NamedTuple):
    """What became of requests of one kind. ``attempts`` 0: answered from our cache, or refused."""

    model: int | None  # of the first attempt; None: refused before any
    since: dt.datetime
    verdict: str  # answered | failed | left | mistaken
    attempts: int = 1
    saved: bool = False  # answered, although the first attempt was not
    elsewhere: bool = False  # by another model than the first
    hedged: bool = False


@dataclass(frozen=True, slots=True)
class Requests:
    """``left`` (the caller went away) and ``mistaken`` (the caller's error) say nothing of availability."""

    answered: int = 0
    failed: int = 0
    left: int = 0
    mistaken: int = 0

    @property
    def judged(self) -> int:
        return self.answered + self.failed

    @property
    def total(self) -> int:
        return self.judged + self.left + self.mistaken

    @property
    def availability(self) -> Decimal | None:
        """The share of judged requests that was answered; None when there was none."""
        return Decimal(self.answered) / self.judged if self.judged else None


class Retried(NamedTuple):
    """Requests with several attempts that went the same way; ``first_*`` is the earliest that is booked."""

    first_model: int
    since: dt.datetime
    first: bool
    first_outcome: str
    first_class: str
    answered: bool
    elsewhere: bool
    left: bool
    last_class: str
    attempts: int
    hedged: bool
    number: int


RETRIED = """
SELECT models[1], since, first = 1, outcomes[1], classes[1], answered,
    coalesce(answering <> models[1], false), gone, classes[attempts], attempts, hedged, count(*)
FROM (
    SELECT min(attempt) AS first, count(*) AS attempts, min(since) AS since,
        bool_or(outcome = 'ok') AS answered, bool_or(outcome = 'client_closed') AS gone,
        array_agg(model_id ORDER BY attempt) AS models, array_agg(outcome ORDER BY attempt) AS outcomes,
        array_agg(error_class ORDER BY attempt) AS classes,
        min(model_id) FILTER (WHERE outcome = 'ok') AS answering, bool_or('hedge' = ANY (flags)) AS hedged
    FROM ({attempts}) e WHERE request_id = ANY (ARRAY(SELECT request_id FROM ({again}) again))
    GROUP BY request_id
) requests GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""


def retried(*, asked: Asked, visibility: Visibility) -> tuple[Retried, ...]:
    """The requests of the period with an attempt beside the first. One query, which looks up these few alone:
    as a join it might read every entry of the period (in an array they are found by their index)."""
    rows = ledger_rows.entries(asked=asked, visibility=visibility).filter(kind="attempt", part=0)
    columns = ("request_id", "attempt", "outcome", "error_class", "model_id", "flags", "since")
    attempts = rows.annotate(since=ledger_rows.slice_of(asked)).values(*columns)
    again = rows.filter(attempt__gt=1).values("request_id")
    sql, parameters = attempts.query.sql_with_params()
    again_sql, again_parameters = again.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(RETRIED.format(attempts=sql, again=again_sql), (*parameters, *again_parameters))
        moment_of = ledger_rows.moments()
        found = (Retried(*row) for row in cursor.fetchall())
        return tuple(row._replace(since=moment_of(row.since)) for row in found)


def fates(*, ends: Iterable[Ends], again: Iterable[Retried]) -> Counter[Fate]:
    """How many requests fared how."""
    alone: Counter[tuple[int, dt.datetime, str, str, str]] = Counter()
    for end in ends:
        if end.first:
            alone[(end.model, end.since, end.kind, end.outcome, end.error_class)] += end.count
    found: Counter[Fate] = Counter()
    for request in again:
        found[_fate(request)] += request.number
        if request.first:
            key = (request.first_model, request.since, "attempt", request.first_outcome, request.first_class)
            alone[key] -= request.number
    for (model, since, kind, outcome, error_class), count in alone.items():
        verdict = _verdict(outcome == verdicts.ANSWERED, outcome == verdicts.LEFT, error_class)
        found[Fate(model, since, verdict, attempts=0 if kind == "cache_hit" else 1)] += count
    return +found


def added_up(fates: Iterable[tuple[Fate, int]]) -> Requests:
    counts: Counter[str] = Counter()
    for fate, count in fates:
        counts[fate.verdict] += count
    return Requests(**counts)


def _fate(request: Retried) -> Fate:
    return Fate(
        request.first_model,
        request.since,
        _verdict(request.answered, request.left, request.last_class),
        attempts=request.attempts,
        saved=request.answered and request.first_outcome != verdicts.ANSWERED,
        elsewhere=request.elsewhere,
        hedged=request.hedged,
    )


def _verdict(answered: bool, left: bool, error_class: str) -> str:
    if answered:
        return "answered"
    if left:
        return "left"
    return "mistaken" if error_class == ErrorClass.CALLER else "failed"
