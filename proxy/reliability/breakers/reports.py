"""What one worker saw of one breaker since it last told the others: grown call by call, added up as a whole.

Bounded, however long PostgreSQL is away: slices of the window, a few runs, a few samples.
"""

from dataclasses import dataclass, field

from proxy.reliability.breakers import teams
from proxy.reliability.breakers.counts import (
    SAMPLES,
    Pace,
    Policy,
    Sample,
    Slice,
    pace_added,
    pace_within,
    slice_start,
    slices_added,
    slices_within,
)
from proxy.reliability.breakers.teams import NOBODY, Served, Teams

RUNS = 64  # alternations kept between two reports; the oldest are dropped: they ended long ago


@dataclass(slots=True)
class Run:
    """Calls in a row with the same end. ``since`` the first of them ended, ``at`` the last.

    ``blamed``: of failures, the model's id (as text) or ENDPOINT to the last one; ``teams``: whose they are.
    """

    failed: bool
    calls: int
    since: float
    at: float
    blamed: dict[str, float] = field(default_factory=dict)
    teams: Teams = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probe:
    """How the one probe ended. ``failed`` None: it told nothing (cancelled, throttled, a caller's fault)."""

    number: int
    failed: bool | None
    sample: Sample | None = None

    def rather_than(self, other: "Probe | None") -> "Probe":
        """The one to tell of: a success above all, else that of the probe that went out last."""
        if other is None or self.failed is False:
            return self
        return other if other.failed is False or other.number > self.number else self


@dataclass(slots=True)
class Report:
    """Results of calls admitted in one ``generation``. Success is cheap: it happens for every good call."""

    generation: int
    slices: list[Slice] = field(default_factory=list)
    pace: list[Pace] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    probe: Probe | None = None
    fast: int = 0  # streams in a row that began in time, of calls admitted while the provider was drained
    late: bool = False  # one of those did not
    served: Served = field(default_factory=Served)
    trial: bool | None = None  # the call that a drained provider was given to prove itself: it was fast

    @property
    def is_empty(self) -> bool:
        return not self.slices and self.probe is None and self.trial is None and not self.fast

    def succeeded(
        self, policy: Policy, at: float, first_token: float | None, *, team: int = NOBODY, began: float = 0.0
    ) -> None:
        """A good answer. ``first_token`` in seconds, None when it was not streamed."""
        current = self._slice(policy, at)
        current.calls += 1
        if first_token is not None:
            current.timed += 1
            if policy.is_slow(first_token):
                current.slow += 1
                teams.add(current.slowed, team, began)
        self.served.add(team, at)
        self._ran(failed=False, at=at)

    def failed(
        self,
        policy: Policy,
        at: float,
        *,
        blamed: int,
        sample: Sample,
        team: int = NOBODY,
        began: float = 0.0,
    ) -> None:
        """A failure that counts. ``blamed``: the model's id, or ENDPOINT. ``began``: when it was admitted."""
        current = self._slice(policy, at)
        current.calls += 1
        current.failures += 1
        teams.add(current.failing, team, began)
        self._ran(failed=True, at=at)
        self.runs[-1].blamed[str(blamed)] = at
        teams.add(self.runs[-1].teams, team, began)
        self.samples = [*self.samples, sample][-SAMPLES:]

    def paced(self, policy: Policy, at: float, first_token: float) -> None:
        """A stream's time to its first token, for the provider's p99."""
        start = slice_start(at, policy.pace_slice)
        if not self.pace or self.pace[-1].start != start:
            self.pace = [*pace_within(self.pace, policy, at), Pace(start, at)]
        self.pace[-1].timed += 1
        self.pace[-1].late += first_token > policy.slow_p99

    def proved(self, *, fast: bool, trial: bool) -> None:
        """A stream of a drained provider began in time, or not. ``trial``: it was let there for that."""
        self.fast, self.late = (self.fast + 1, self.late) if fast else (0, True)
        if trial:
            self.trial = fast

    def added(self, later: "Report") -> "Report":
        """This and what came after it. What another generation counted is over."""
        if later.generation != self.generation:
            return later if later.generation > self.generation else self
        return Report(
            generation=self.generation,
            slices=slices_added(self.slices, later.slices),
            pace=pace_added(self.pace, later.pace),
            runs=[*self.runs, *later.runs][-RUNS:],
            samples=[*self.samples, *later.samples][-SAMPLES:],
            probe=later.probe.rather_than(self.probe) if later.probe else self.probe,
            fast=later.fast if later.late else self.fast + later.fast,
            late=self.late or later.late,
            served=self.served.added(later.served),
            trial=self.trial if later.trial is None else later.trial,
        )

    def _slice(self, policy: Policy, at: float) -> Slice:
        start = slice_start(at, policy.slice)
        if not self.slices or self.slices[-1].start != start:
            self.slices = [*slices_within(self.slices, policy, at), Slice(start)]
        return self.slices[-1]

    def _ran(self, *, failed: bool, at: float) -> None:
        if self.runs and self.runs[-1].failed is failed:
            self.runs[-1].calls += 1
            self.runs[-1].at = at
        else:
            self.runs = [*self.runs[1 - RUNS :], Run(failed, 1, at, at)]


__all__ = ["Probe", "Report", "Run"]
