"""A breaker as it stands, and what may become of it. Pure values; the rules are in ``breaker``."""

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from proxy.reliability.breakers.counts import Counts, Policy, pace_within, slices_within


class Key(NamedTuple):
    """Whose breaker: of a provider (``model`` 0), or of one of its models. Primary keys."""

    provider: int
    model: int = 0


class State(enum.StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Forced(enum.StrEnum):
    NOT = ""
    OPEN = "open"
    CLOSED = "closed"


class Reason(enum.StrEnum):
    CONSECUTIVE_FAILURES = "consecutive_failures"
    FAILURE_RATE = "failure_rate"
    SLOW_RATE = "slow_rate"
    COOLDOWN_OVER = "cooldown_over"
    PROBE_FAILED = "probe_failed"
    PROBE_SUCCEEDED = "probe_succeeded"
    DRAINED = "drained"
    RETURNED = "returned"
    MANUAL = "manual"


class Leave(enum.Enum):
    """What a call that asks is told."""

    FREE = enum.auto()  # closed: go, as everybody
    PROBE = enum.auto()  # go, and tell how it ended
    REFUSED = enum.auto()


@dataclass(frozen=True, slots=True)
class Circuit:
    """One breaker as it stands: what a row of ``proxy_breaker`` holds. Times: seconds since the epoch.

    ``version`` grows with every write: a row may be read before, and heard of after, it was written.
    """

    of_provider: bool
    state: State = State.CLOSED
    generation: int = 0
    opened_at: float | None = None
    probe_worker: uuid.UUID | None = None
    probe_expires_at: float | None = None
    drained_since: float | None = None
    forced: Forced = Forced.NOT
    note: str = ""
    counts: Counts = field(default_factory=Counts)
    version: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Transition:
    was: State
    now: State
    reason: Reason
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Changed(NamedTuple):
    circuit: Circuit
    transitions: list[Transition]


def is_troubled(circuit: Circuit, policy: Policy, now: float) -> bool:
    """Whether successes matter to others: something in the window may yet open it, or it is drained."""
    counts = circuit.counts
    return (
        circuit.drained_since is not None
        or counts.consecutive > 0
        or any(one.failures or one.slow for one in slices_within(counts.slices, policy, now))
        or any(one.late for one in pace_within(counts.pace, policy, now))
    )


__all__ = [
    "Changed",
    "Circuit",
    "Forced",
    "Key",
    "Leave",
    "Reason",
    "State",
    "Transition",
    "is_troubled",
]
