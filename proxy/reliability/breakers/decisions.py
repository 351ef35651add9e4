"""What is decided about several breakers at once, under their locks. Pure: rows go in, rows come out."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from proxy.reliability.breakers import breaker
from proxy.reliability.breakers.circuit import Circuit, Key, Leave, Transition, is_troubled
from proxy.reliability.breakers.counts import Policy
from proxy.reliability.breakers.reports import Report


class Row(NamedTuple):
    """A locked row. ``holder_alive``: whether the worker that has its probe still signs its lease."""

    circuit: Circuit
    holder_alive: bool


@dataclass(slots=True)
class Decision:
    """What to write. ``announced``: other workers should look although no state changed."""

    circuits: dict[Key, Circuit] = field(default_factory=dict)
    transitions: list[tuple[Key, Transition]] = field(default_factory=list)
    leave: Leave = Leave.REFUSED
    announced: bool = False


class Outcome(NamedTuple):
    """``now``: PostgreSQL's clock under the locks. ``circuits``: all that were asked for and exist."""

    now: float
    circuits: Mapping[Key, Circuit]
    decision: Decision


Decide = Callable[[Mapping[Key, Row], float], Decision]


class Rows(Protocol):
    """The breakers that all workers share."""

    async def change(self, keys: Sequence[Key], decide: Decide, *, worker: uuid.UUID) -> Outcome:
        """Lock the rows of ``keys``, let ``decide`` say what becomes of them, and write it durably."""
        ...


def told(rows: Mapping[Key, Row], now: float, *, reports: Mapping[Key, tuple[Policy, Report]]) -> Decision:
    """What a worker saw is added up."""
    decision = Decision()
    for key, row in rows.items():
        policy, report = reports[key]
        changed = breaker.apply(row.circuit, policy, report, now)
        decision.circuits[key] = changed.circuit
        decision.transitions += [(key, transition) for transition in changed.transitions]
        was_troubled = is_troubled(row.circuit, policy, now)
        decision.announced |= is_troubled(changed.circuit, policy, now) and not was_troubled
    return decision


def claimed(
    rows: Mapping[Key, Row],
    now: float,
    *,
    policies: Mapping[Key, Policy],
    worker: uuid.UUID,
    seconds: float,
) -> Decision:
    """Leave from all of them or from none: a probe refused by one does not occupy the other."""
    decision = Decision(leave=Leave.FREE)
    for key, row in rows.items():
        circuit, transitions, leave = breaker.claim_probe(
            row.circuit,
            policies[key],
            worker=worker,
            expires_at=now + seconds,
            holder_alive=row.holder_alive,
            now=now,
        )
        if leave is Leave.REFUSED:
            return Decision()
        decision.leave = Leave.PROBE if leave is Leave.PROBE else decision.leave
        decision.circuits[key] = circuit
        decision.transitions += [(key, transition) for transition in transitions]
    return decision


def tried_out(rows: Mapping[Key, Row], now: float, *, policy: Policy) -> Decision:
    """Leave for one call to go to a drained provider first."""
    decision = Decision()
    for key, row in rows.items():
        circuit, may = breaker.claim_trial(row.circuit, policy, now)
        decision.circuits[key] = circuit
        decision.leave = Leave.PROBE if may else Leave.REFUSED
    return decision


__all__ = ["Decide", "Decision", "Outcome", "Row", "Rows", "claimed", "told", "tried_out"]
