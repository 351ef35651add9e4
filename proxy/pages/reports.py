"""Everything the reliability page shows for one question, as plain rows."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from django.conf import settings

from catalog.visibility import Visibility
from metering.summaries import summing
from proxy.pages import binned, failures, latencies, ledger_rows, refused, requests
from proxy.pages import ends as counting
from proxy.pages import sources as reading
from proxy.pages.ends import Ends
from proxy.pages.failures import Attempts, Failures
from proxy.pages.filters import Asked
from proxy.pages.latencies import FEW, Latencies, Timed
from proxy.pages.ledger_rows import Sold
from proxy.pages.objectives import Objectives
from proxy.pages.refused import Refused
from proxy.pages.requests import MOST_TOLD_APART, Fate, Requests
from proxy.pages.sources import Sources

Fates = Counter[Fate]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Row:
    """A provider, region or model; ``requests`` that began there, ``attempts`` that went there."""

    value: str
    requests: Requests
    attempts: Attempts
    latencies: Latencies
    objectives: Objectives

    @property
    def allowed(self) -> Decimal:
        """How many of its requests might fail."""
        return self.objectives.allowed(self.requests.judged)

    @property
    def budget_left(self) -> Decimal | None:
        """The share of its error budget; below 0: overspent."""
        return self.objectives.budget_left(failed=self.requests.failed, requests=self.requests.judged)

    @property
    def missed(self) -> bool:
        """Its availability is below the objective."""
        return self.requests.availability is not None and (
            self.requests.availability < self.objectives.availability
        )

    @property
    def slow(self) -> bool:
        whole = self.latencies.whole
        return whole.count >= FEW and whole.p95 is not None and whole.p95 > self.objectives.latency_ms

    @property
    def late(self) -> bool:
        token = self.latencies.first_token
        return token.count >= FEW and token.p95 is not None and token.p95 > self.objectives.first_token_ms


@dataclass(frozen=True, slots=True)
class Tries:
    """Requests that had so many attempts; the last: so many or more. 0: answered from our cache, or refused
    before any."""

    attempts: int
    refused: bool
    requests: Requests
    share: Decimal  # of all requests

    @property
    def words(self) -> str:
        if self.attempts == 0:
            return "none: refused" if self.refused else "none: from our cache"
        return f"{self.attempts} or more" if self.attempts == MOST_TOLD_APART else str(self.attempts)


@dataclass(frozen=True, slots=True)
class Slice:
    """The requests that came from ``since`` on, for one step of the chart."""

    since: dt.datetime
    requests: Requests


@dataclass(frozen=True, slots=True)
class Report:
    """``saved`` requests were answered although their first attempt was not, ``elsewhere`` of them by another
    model; ``hedged`` ones had two attempts side by side."""

    asked: Asked
    objectives: Objectives
    rows: tuple[Row, ...]
    total: Row
    failures: Failures
    refused: tuple[Refused, ...]  # before any attempt: of no provider, so in no row
    tries: tuple[Tries, ...]
    slices: tuple[Slice, ...]
    saved: int
    elsewhere: int
    hedged: int
    regions: tuple[str, ...]  # that had calls in the period, whatever the filters

    @property
    def empty(self) -> bool:
        return self.total.requests.total == 0 and self.total.attempts.total == 0

    @property
    def refusals(self) -> int:
        """Requests that were refused before any attempt: with those of ``rows`` they are all."""
        return sum(row.calls for row in self.refused)

    @property
    def refusals_share(self) -> Decimal | None:
        return self.share(self.refusals)

    @property
    def saved_share(self) -> Decimal | None:
        """Of all requests; None when there was none."""
        return self.share(self.saved)

    @property
    def hedged_share(self) -> Decimal | None:
        return self.share(self.hedged)

    def share(self, count: int) -> Decimal | None:
        whole = self.total.requests.total
        return Decimal(count) / whole if whole else None


def report(*, asked: Asked, visibility: Visibility) -> Report:
    """Six queries that see the ledger, and what was refused before it, at one moment; over a long period ten,
    after what is kept has been brought up to date."""
    if not asked.exact:
        summing.catch_up()
    with ledger_rows.one_look():
        known = ledger_rows.sold()
        sold = {pk: model for pk, model in known.items() if model.matches(asked)}
        sources = reading.sources(asked=asked, visibility=visibility)
        ends = counting.ends(asked=asked, sources=sources)
        again = requests.retried(asked=asked, visibility=visibility)
        timed = _timed(asked, visibility, sources, sold)
        refusals = refused.parts(asked=asked, visibility=visibility)
    fates = Counter(
        {fate: n for fate, n in requests.fates(ends=ends, again=again).items() if fate.model in sold}
    ) + refused.fates(refusals)
    regions = {known[end.model].region for end in ends} | ({asked.region} - {""})
    ends = tuple(end for end in ends if end.model in sold)
    held_to: Objectives = settings.OBJECTIVES
    return Report(
        asked=asked,
        objectives=held_to,
        rows=_rows(asked, sold, ends, fates, timed.groups, held_to),
        total=Row("", _requests(fates), failures.attempts(ends), timed.total, held_to),
        failures=failures.failures(ends, sold=sold),
        refused=refused.by_code(refusals, of=fates.total()),
        tries=_tries(fates),
        slices=_slices(fates),
        saved=_count(fates, lambda fate: fate.saved),
        elsewhere=_count(fates, lambda fate: fate.saved and fate.elsewhere),
        hedged=_count(fates, lambda fate: fate.hedged),
        regions=tuple(sorted(regions)),
    )


def _timed(asked: Asked, visibility: Visibility, sources: Sources, sold: Mapping[int, Sold]) -> Timed:
    """One query."""
    if asked.exact:
        return latencies.latencies(asked=asked, visibility=visibility, models=sold.keys())
    return binned.latencies(asked=asked, sources=sources, sold=sold)


def _rows(
    asked: Asked,
    sold: Mapping[int, Sold],
    ends: Iterable[Ends],
    fates: Fates,
    timed: Mapping[str, Latencies],
    held_to: Objectives,
) -> tuple[Row, ...]:
    """The busiest first. What was refused before any attempt is nobody's."""
    ends_of: dict[str, list[Ends]] = {}
    fates_of: dict[str, Fates] = {}
    for end in ends:
        ends_of.setdefault(sold[end.model].value(asked.by), []).append(end)
    for fate, count in fates.items():
        if fate.model is not None:
            fates_of.setdefault(sold[fate.model].value(asked.by), Counter())[fate] += count
    rows = [
        Row(
            value=value,
            requests=_requests(fates_of.get(value, Counter())),
            attempts=failures.attempts(ends_of.get(value, ())),
            latencies=timed.get(value, Latencies()),
            objectives=held_to,
        )
        for value in ends_of.keys() | fates_of.keys()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.requests.total, -row.attempts.total, row.value)))


def _tries(fates: Fates) -> tuple[Tries, ...]:
    found = _apart(fates, lambda fate: (min(fate.attempts, MOST_TOLD_APART), fate.model is None))
    return tuple(
        Tries(*key, _requests(found[key]), Decimal(found[key].total()) / fates.total())
        for key in sorted(found)
    )


def _slices(fates: Fates) -> tuple[Slice, ...]:
    found = _apart(fates, lambda fate: fate.since)
    return tuple(Slice(since, _requests(found[since])) for since in sorted(found))


def _apart(fates: Fates, key: Callable[[Fate], Key]) -> dict[Key, Fates]:
    found: dict[Key, Fates] = {}
    for fate, count in fates.items():
        found.setdefault(key(fate), Counter())[fate] += count
    return found


def _requests(fates: Fates) -> Requests:
    return requests.added_up(fates.items())


def _count(fates: Fates, wanted: Callable[[Fate], bool]) -> int:
    return sum(count for fate, count in fates.items() if wanted(fate))
