"""What a drill found: figures from the callers' samples, the vendors' own log and the ledger. No IO."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from proxy.drills.traffic import DURING, PHASES, Sample


class Transition(NamedTuple):
    """A breaker's; ``at``: seconds since the start of the traffic."""

    at: float
    breaker: str  # provider, or provider/model
    was: str
    now: str
    reason: str


class Booked(NamedTuple):
    """What the ledger says when all is settled."""

    entries: frozenset[str]  # request id - attempt
    failed: int
    failed_cost: Decimal  # USD that is known
    failed_exposure: Decimal  # USD at most, where the cost is unknown
    open_holds: int
    differences: str  # verify_ledger's, empty: none


@dataclass(frozen=True, slots=True)
class Findings:
    """``calls``: the vendors' log (GET /control/calls)."""

    samples: Sequence[Sample]
    calls: Sequence[dict[str, Any]]
    transitions: Sequence[Transition]
    booked: Booked

    @property
    def requests(self) -> int:
        return len(self.samples)

    @property
    def answered(self) -> int:
        return sum(sample.whole for sample in self.samples)

    @property
    def errors(self) -> int:
        return self.requests - self.answered

    @property
    def errors_by_code(self) -> list[tuple[str, int]]:
        """``502 upstream_error`` and how often, the most frequent first."""
        failed = (sample for sample in self.samples if not sample.whole)
        return Counter(f"{sample.status} {sample.code}".strip() for sample in failed).most_common()

    @property
    def retried(self) -> int:
        return sum(sample.attempts > 1 for sample in self.samples)

    @property
    def fell_over(self) -> int:
        """Answered by another provider than the one that serves in good times."""
        good = Counter(
            sample.provider for sample in self.samples if sample.whole and sample.phase == PHASES[0]
        )
        usual = good.most_common(1)[0][0] if good else ""
        return sum(sample.whole and sample.provider != usual for sample in self.samples)

    @property
    def calls_per_request(self) -> float:
        """The vendors' calls a request while the fault lasted."""
        asked = {sample.request_id for sample in self.samples if sample.phase == DURING}
        calls = sum(call["client_request_id"][:36] in asked for call in self.calls)
        return calls / max(1, sum(sample.phase == DURING for sample in self.samples))

    def percentiles(self, phase: str) -> tuple[float, float, float]:
        """p50, p95 and p99 in milliseconds of all calls of a phase, failed ones too."""
        taken = sorted(sample.milliseconds for sample in self.samples if sample.phase == phase)
        return quantile(taken, 0.50), quantile(taken, 0.95), quantile(taken, 0.99)

    @property
    def late_p50(self) -> float:
        """Milliseconds; of the second half of the fault."""
        during = [sample for sample in self.samples if sample.phase == DURING]
        return statistics.median([sample.milliseconds for sample in during[len(during) // 2 :]] or [0.0])

    def phase_errors(self, phase: str) -> int:
        return sum(sample.phase == phase and not sample.whole for sample in self.samples)

    def phase_answered(self, phase: str) -> int:
        return sum(sample.phase == phase and sample.whole for sample in self.samples)

    def served(self, phase: str, provider: str) -> int:
        """Calls of a phase that a provider answered."""
        return sum(
            sample.whole and sample.phase == phase and sample.provider == provider for sample in self.samples
        )

    def opened(self, *providers: str) -> bool:
        """Whether a breaker of one of the providers, or of a model of theirs, opened."""
        return any(
            change.now == "open" and change.breaker.partition("/")[0] in providers
            for change in self.transitions
        )

    @property
    def lost_probes(self) -> int:
        """Breakers that were left half open: a probe went out and nothing came of it."""
        last = {change.breaker: change.now for change in self.transitions}
        return sum(state == "half_open" for state in last.values())

    @property
    def plain_errors(self) -> int:
        return sum(not sample.stream and not sample.whole for sample in self.samples)

    @property
    def told_cuts(self) -> int:
        """Streams that began and ended with an error."""
        return sum(sample.status == 200 and not sample.whole and bool(sample.code) for sample in self.samples)

    @property
    def silent_cuts(self) -> int:
        """Streams that began and ended with nothing."""
        return sum(sample.status == 200 and not sample.whole and not sample.code for sample in self.samples)

    @property
    def false_ends(self) -> int:
        """Streams that ended as if they were whole, though their vendor did not send all of it."""
        ends = {call["client_request_id"]: call["outcome"] for call in self.calls}
        whole = (sample for sample in self.samples if sample.stream and sample.whole)
        return sum(ends.get(f"{each.request_id}-{each.attempts}") != "complete" for each in whole)

    @property
    def unbooked_calls(self) -> int:
        return sum(call["client_request_id"] not in self.booked.entries for call in self.calls)

    @property
    def open_holds(self) -> int:
        return self.booked.open_holds

    @property
    def ledger_differences(self) -> str:
        return self.booked.differences


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank quantile; 0 of nothing."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
