"""What a breaker counts: calls in slices of time, the run of failures, samples of errors. Pure values.

Times are seconds since the epoch on PostgreSQL's clock. The same slices are kept by a worker (what it has not
reported yet) and in the shared row, so that adding one to the other loses nothing.
"""

from collections.abc import Iterable
from typing import NamedTuple, Self

import msgspec

from catalog.snapshot import ProviderRow
from proxy.reliability.breakers import teams
from proxy.reliability.breakers.teams import Served, Teams

SLICES = 6  # of the window: the rate is over five to six sixths of it
SAMPLES = 5
ENDPOINT = 0  # in ``failing``: the call did not reach the vendor, so that no model is to blame
SLOW_SHARE = 0.01  # more than this share of a slice slower than the threshold: its p99 is over it


class Policy(NamedTuple):
    """When a breaker opens and how long it rests: a provider's own, as an admin set it. Seconds."""

    failures: int
    failure_rate: float
    window: float
    min_calls: int
    cooldown: float
    slow_seconds: float | None
    slow_rate: float
    slow_p99: float
    slow_for: float

    @classmethod
    def of(cls, provider: ProviderRow) -> Self:
        return cls(
            failures=provider.breaker_failures,
            failure_rate=provider.breaker_failure_rate,
            window=float(provider.breaker_window),
            min_calls=provider.breaker_min_calls,
            cooldown=provider.breaker_cooldown,
            slow_seconds=provider.breaker_slow_seconds,
            slow_rate=provider.breaker_slow_rate,
            slow_p99=provider.slow_p99,
            slow_for=float(provider.slow_for),
        )

    @property
    def slice(self) -> float:
        return self.window / SLICES

    @property
    def pace_slice(self) -> float:
        return self.slow_for / SLICES

    def is_slow(self, first_token: float | None) -> bool:
        return first_token is not None and self.slow_seconds is not None and first_token > self.slow_seconds


class Slice(msgspec.Struct, omit_defaults=True):
    """The calls that ended in one sixth of the window. ``timed``: those whose first token was measured.

    ``failing``, ``slowed``: whose calls failed, and whose were slow.
    """

    start: float
    calls: int = 0
    failures: int = 0
    timed: int = 0
    slow: int = 0
    failing: Teams = {}
    slowed: Teams = {}


class Pace(msgspec.Struct, omit_defaults=True):
    """The streams of one sixth of ``slow_for``; ``late``: slower to their first token than ``slow_p99``.

    ``first``: when the first of them ended.
    """

    start: float
    first: float
    timed: int = 0
    late: int = 0

    @property
    def is_late(self) -> bool:
        return self.late > self.timed * SLOW_SHARE


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One failure as evidence: which request to look up, and the vendor's status and code."""

    request_id: str
    error_class: str
    model: int
    status: int | None = None
    code: str | None = None


class Counts(msgspec.Struct, omit_defaults=True):
    """What the shared row keeps as JSON.

    ``failing``  model id (text, as JSON has it; ENDPOINT for none) to its last failure
    ``run_began`` the first of the ``consecutive`` failures; ``run_blamed`` whose they are: of which models;
    ``run_teams`` of which teams
    ``served``   the teams that were served last, as far as was told
    ``probes``   how many probes went out since the opening: the number of the present one
    ``unreached`` it opened as calls did not reach the vendor: a health check may be its probe
    ``slowed``   it opened as first tokens came late: an answer without one does not show that they do not
    ``fast``     streams in a row that began in time since the provider was drained
    ``tried``    when a drained provider was last given a call to prove itself
    """

    slices: list[Slice] = []
    pace: list[Pace] = []
    consecutive: int = 0
    run_began: float = 0.0
    run_blamed: list[str] = []
    run_teams: Teams = {}
    served: Served = msgspec.field(default_factory=Served)
    failing: dict[str, float] = {}
    samples: list[Sample] = []
    probes: int = 0
    unreached: bool = False
    slowed: bool = False
    fast: int = 0
    tried: float = 0.0


class Totals(NamedTuple):
    calls: int
    failures: int
    timed: int
    slow: int


def slice_start(at: float, width: float) -> float:
    """The slice that ``at`` lies in. Half open: a slice begins at its own start."""
    return at // width * width


def totals(slices: Iterable[Slice]) -> Totals:
    kept = list(slices)
    return Totals(
        calls=sum(one.calls for one in kept),
        failures=sum(one.failures for one in kept),
        timed=sum(one.timed for one in kept),
        slow=sum(one.slow for one in kept),
    )


def slices_within(slices: Iterable[Slice], policy: Policy, now: float) -> list[Slice]:
    """Those of the window, the slice of this moment included."""
    first = slice_start(now, policy.slice) - policy.window
    return [one for one in slices if one.start > first]


def pace_within(pace: Iterable[Pace], policy: Policy, now: float) -> list[Pace]:
    """Those of the last ``slow_for`` seconds, and the one in which they began."""
    first = slice_start(now - policy.slow_for, policy.pace_slice)
    return [one for one in pace if one.start >= first]


def slices_added(mine: Iterable[Slice], others: Iterable[Slice]) -> list[Slice]:
    added = {one.start: msgspec.structs.replace(one) for one in mine}
    for one in others:
        at = added.setdefault(one.start, Slice(one.start))
        at.calls += one.calls
        at.failures += one.failures
        at.timed += one.timed
        at.slow += one.slow
        at.failing = teams.added(at.failing, one.failing)
        at.slowed = teams.added(at.slowed, one.slowed)
    return [added[start] for start in sorted(added)]


def pace_added(mine: Iterable[Pace], others: Iterable[Pace]) -> list[Pace]:
    added = {one.start: msgspec.structs.replace(one) for one in mine}
    for one in others:
        at = added.setdefault(one.start, Pace(one.start, one.first))
        at.first = min(at.first, one.first)
        at.timed += one.timed
        at.late += one.late
    return [added[start] for start in sorted(added)]


__all__ = [
    "ENDPOINT",
    "SAMPLES",
    "SLICES",
    "Counts",
    "Pace",
    "Policy",
    "Sample",
    "Slice",
    "Totals",
    "pace_added",
    "pace_within",
    "slice_start",
    "slices_added",
    "slices_within",
    "totals",
]
