"""Breakers by hand: 3 failures in a row, or half of 10 calls in 60 s, or half of 10 streams over 2 s; 30 s of
rest; drained when over 3 s for 120 s. Times are seconds; the clock starts at T."""

import uuid
from typing import Any

from proxy.reliability.breakers import breaker
from proxy.reliability.breakers.circuit import Changed, Circuit, Leave, State
from proxy.reliability.breakers.counts import ENDPOINT, Policy, Sample
from proxy.reliability.breakers.reports import Probe, Report
from proxy.reliability.breakers.teams import NOBODY

T = 1_800_000_000.0  # divisible by every slice used here
POLICY = Policy(
    failures=3,
    failure_rate=0.5,
    window=60.0,
    min_calls=10,
    cooldown=30.0,
    slow_seconds=2.0,
    slow_rate=0.5,
    slow_p99=3.0,
    slow_for=120.0,
)
WORKER = uuid.UUID(int=1)
OTHER = uuid.UUID(int=2)
SAMPLE = Sample(request_id=str(uuid.UUID(int=7)), error_class="provider", model=1, status=500)


def report(
    calls: str,
    *,
    at: float = T,
    generation: int = 0,
    of: int = 1,
    policy: Policy = POLICY,
    team: int = NOBODY,
    began: float | None = None,
) -> Report:
    """Calls that ended one after another: F failed, E did not reach the vendor, S good, W good but slow.

    ``began``: when they were admitted; None: as they ended."""
    made = Report(generation)
    admitted = at if began is None else began
    for call in calls:
        if call in "FE":
            blamed = of if call == "F" else ENDPOINT
            made.failed(policy, at, blamed=blamed, sample=SAMPLE, team=team, began=admitted)
        else:
            made.succeeded(policy, at, 2.5 if call == "W" else 0.1, team=team, began=admitted)
    return made


def told(circuit: Circuit, calls: str, *, at: float = T, policy: Policy = POLICY, **fields: Any) -> Changed:
    """The circuit after one report for each call. ``fields``: as of ``report``."""
    transitions = []
    for call in calls:
        one = report(call, at=at, generation=circuit.generation, policy=policy, **fields)
        circuit, more = breaker.apply(circuit, policy, one, at)
        transitions += more
    return Changed(circuit, transitions)


def of_model() -> Circuit:
    return Circuit(of_provider=False)


def of_provider() -> Circuit:
    return Circuit(of_provider=True)


def opened(at: float = T) -> Circuit:
    found = told(of_model(), "FFF", at=at).circuit
    assert found.state is State.OPEN
    return found


def claimed(
    circuit: Circuit, at: float, *, worker: uuid.UUID = WORKER, alive: bool = True, **fields: Any
) -> tuple[Circuit, Leave]:
    found, _, leave = breaker.claim_probe(
        circuit,
        fields.get("policy", POLICY),
        worker=worker,
        expires_at=fields.get("expires_at", at + 10),
        holder_alive=alive,
        now=at,
    )
    return found, leave


def probing(at: float = T + 30) -> Circuit:
    found, leave = claimed(opened(), at)
    assert leave is Leave.PROBE
    return found


def ended(circuit: Circuit, failed: bool | None, at: float, *, number: int = 1) -> Changed:
    one = Report(circuit.generation, probe=Probe(number, failed, SAMPLE if failed else None))
    return breaker.apply(circuit, POLICY, one, at)
