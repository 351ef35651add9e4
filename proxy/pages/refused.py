"""Requests that were refused before any vendor was asked: in no ledger, yet their callers got no answer."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum
from django.db.models.functions import TruncDate

from catalog.visibility import Visibility
from proxy.models import Refusal
from proxy.pages import ledger_rows
from proxy.pages.filters import DAY, Asked
from proxy.pages.requests import Fate

WORDS = {
    "circuit_open": "every target's breaker is open",
    "held_open": "taken out of service by hand",
    "upstream_rate_limited": "every credential rests: throttled by the vendor",
    "upstream_credential_rejected": "every credential rests: rejected by the vendor",
    "provider_full": "as many calls at the vendor as it may have",
    "no_target": "no target that may be used",
    "ledger_unavailable": "the ledger could not be written",
    "overloaded": "the worker was full",
    "stopping": "the worker was stopping",
    "internal_error": "our own fault",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Requests of one route that were refused with one code, in one slice of the period."""

    code: str
    route: str
    since: dt.datetime
    calls: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Requests of one route that were refused with one code. ``route`` empty: refused before it was read."""

    code: str
    route: str
    calls: int
    share: Decimal  # of all requests

    @property
    def words(self) -> str:
        return WORDS.get(self.code, self.code)


def parts(*, asked: Asked, visibility: Visibility) -> tuple[Part, ...]:
    """Of the minutes that begin in the period. One query; none when vendors are asked for: of these requests
    no vendor is known."""
    if asked.of_vendors:
        return ()
    rows = Refusal.objects.filter(minute__gte=asked.start, minute__lt=asked.end)
    if asked.team:
        rows = rows.filter(team__name=asked.team)
    if asked.route:
        rows = rows.filter(route=asked.route)
    daily = asked.step >= DAY
    since = TruncDate("minute") if daily else ledger_rows.moment_sliced(asked, "minute")
    found = visibility.restrict(rows).order_by().annotate(since=since).values("code", "route", "since")
    counted = found.annotate(sum_calls=Sum("calls")).values_list("code", "route", "since", "sum_calls")
    moment_of = ledger_rows.moments()
    return tuple(Part(code, route, moment_of(since), int(calls)) for code, route, since, calls in counted)


def fates(found: Iterable[Part]) -> Counter[Fate]:
    """They failed, without an attempt."""
    counts: Counter[Fate] = Counter()
    for part in found:
        counts[Fate(None, part.since, "failed", attempts=0)] += part.calls
    return counts


def by_code(found: Iterable[Part], *, of: int) -> tuple[Refused, ...]:
    """The most frequent first; ``of`` so many requests in all."""
    counts: Counter[tuple[str, str]] = Counter()
    for part in found:
        counts[(part.code, part.route)] += part.calls
    rows = (Refused(code, route, calls, Decimal(calls) / of) for (code, route), calls in counts.items())
    return tuple(sorted(rows, key=lambda row: (-row.calls, row.code, row.route)))
