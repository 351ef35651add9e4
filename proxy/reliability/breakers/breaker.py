"""The state machine of a circuit breaker. Pure: values in, values out, and the time is given.

::

    state      what happens                                   then        reason
    CLOSED     ``failures`` in a row                          OPEN        consecutive_failures
    CLOSED     ``failure_rate`` of >= ``min_calls`` calls     OPEN        failure_rate
    CLOSED     ``slow_rate`` of >= ``min_calls`` streams      OPEN        slow_rate (a model's only)
    OPEN       a call, ``cooldown`` after the opening         HALF_OPEN   cooldown_over: it is the probe
    HALF_OPEN  the probe fails                                OPEN        probe_failed: a new cool-down
    HALF_OPEN  the probe succeeds                             CLOSED      probe_succeeded
    HALF_OPEN  the probe tells nothing, expires, its worker   HALF_OPEN   (the next call is the probe)
               is dead
    any        a person holds it open, or closed              that one    manual
    CLOSED     first tokens too late for ``slow_for``         CLOSED      drained (a provider's only)
    any        fast again                                     unchanged   returned

Every opening and closing begins a new generation; results of calls admitted in an earlier one do not count. A
provider's breaker opens only when failures do not come from one model alone, or did not reach the vendor. No
breaker opens for failures, or slow streams, of one team alone while another is being served (``teams``).
"""

import dataclasses
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from proxy.reliability.breakers import drain, teams
from proxy.reliability.breakers.circuit import Changed, Circuit, Forced, Leave, Reason, State, Transition
from proxy.reliability.breakers.counts import (
    ENDPOINT,
    SAMPLES,
    Counts,
    Policy,
    Slice,
    slices_added,
    slices_within,
    totals,
)
from proxy.reliability.breakers.reports import Probe, Report, Run
from proxy.reliability.breakers.teams import Served, Teams


def apply(circuit: Circuit, policy: Policy, report: Report, now: float) -> Changed:
    """The circuit after what a worker tells of it."""
    if report.generation != circuit.generation:
        return Changed(circuit, [])
    if report.probe is not None:
        return _probe_ended(circuit, report.probe, now)
    if circuit.state is not State.CLOSED:
        return Changed(circuit, [])
    counted, too_long = _counted(circuit, policy, report, now)
    reason = None if circuit.forced is Forced.CLOSED else _reason(counted, policy, report, too_long, now)
    if reason is not None:
        return _opened(counted, reason, _evidence(counted, policy, now), now)
    return _drained_or_returned(counted, policy, report, now)


def claim_probe(
    circuit: Circuit, policy: Policy, *, worker: uuid.UUID, expires_at: float, holder_alive: bool, now: float
) -> tuple[Circuit, list[Transition], Leave]:
    """Ask for leave to make one call. ``holder_alive``: whether the worker that has the probe is."""
    if circuit.state is State.CLOSED:
        return circuit, [], Leave.FREE
    if not may_probe(circuit, policy, holder_alive=holder_alive, now=now):
        return circuit, [], Leave.REFUSED
    probing = dataclasses.replace(
        circuit,
        state=State.HALF_OPEN,
        probe_worker=worker,
        probe_expires_at=expires_at,
        counts=msgspec.structs.replace(circuit.counts, probes=circuit.counts.probes + 1),
    )
    if circuit.state is State.HALF_OPEN:
        return probing, [], Leave.PROBE
    rested = {"rested_seconds": round(now - (circuit.opened_at or now), 3)}
    return (
        probing,
        [Transition(State.OPEN, State.HALF_OPEN, Reason.COOLDOWN_OVER, rested)],
        Leave.PROBE,
    )


def may_probe(circuit: Circuit, policy: Policy, *, holder_alive: bool, now: float) -> bool:
    if circuit.forced is not Forced.NOT or circuit.opened_at is None:
        return False
    if circuit.state is State.OPEN:
        return now - circuit.opened_at >= policy.cooldown
    expires_at = circuit.probe_expires_at
    return expires_at is None or expires_at <= now or not holder_alive


def claim_trial(circuit: Circuit, policy: Policy, now: float) -> tuple[Circuit, bool]:
    """Whether one call may be let to a drained provider first, once per cool-down."""
    since = circuit.drained_since
    if since is None or not drain.may_try(circuit.counts, policy, drained_since=since, now=now):
        return circuit, False
    return dataclasses.replace(circuit, counts=msgspec.structs.replace(circuit.counts, tried=now)), True


def force(circuit: Circuit, forced: Forced, *, note: str, now: float) -> Changed:
    """A person holds it open or closed, or lets it be itself again: held open it rests since then."""
    held = dataclasses.replace(circuit, forced=forced, note=note)
    if forced is Forced.OPEN:
        held = _begun(held, State.OPEN, opened_at=now)
    elif forced is Forced.CLOSED:
        held = _begun(held, State.CLOSED, opened_at=None)
    evidence = {"held": forced.value, "was_held": circuit.forced.value}
    return Changed(held, [Transition(circuit.state, held.state, Reason.MANUAL, evidence)])


def _probe_ended(circuit: Circuit, probe: Probe, now: float) -> Changed:
    is_present = probe.number == circuit.counts.probes
    if circuit.state is not State.HALF_OPEN or not (is_present or probe.failed is False):
        return Changed(circuit, [])  # another probe is out by now, and a late success is a success
    if probe.failed is None:
        return Changed(dataclasses.replace(circuit, probe_worker=None, probe_expires_at=None), [])
    evidence = {"probe": probe.number, "samples": _plain([probe.sample] if probe.sample else [])}
    if probe.failed:
        return _opened(circuit, Reason.PROBE_FAILED, evidence, now)
    closed = _begun(circuit, State.CLOSED, opened_at=None)
    return Changed(
        closed, [Transition(State.HALF_OPEN, State.CLOSED, Reason.PROBE_SUCCEEDED, {"probe": probe.number})]
    )


def _opened(circuit: Circuit, reason: Reason, evidence: Mapping[str, Any], now: float) -> Changed:
    opened = _begun(circuit, State.OPEN, opened_at=now)
    opened.counts.slowed = reason is Reason.SLOW_RATE or circuit.counts.slowed
    opened.counts.unreached = circuit.counts.unreached or str(ENDPOINT) in circuit.counts.failing
    return Changed(opened, [Transition(circuit.state, State.OPEN, reason, evidence)])


def _begun(circuit: Circuit, state: State, *, opened_at: float | None) -> Circuit:
    """A new generation: nothing is counted yet, and whatever is out belongs to an earlier one."""
    return dataclasses.replace(
        circuit,
        state=state,
        generation=circuit.generation + 1,
        opened_at=opened_at,
        probe_worker=None,
        probe_expires_at=None,
        counts=Counts(tried=circuit.counts.tried),
    )


def _counted(circuit: Circuit, policy: Policy, report: Report, now: float) -> tuple[Circuit, bool]:
    """The circuit with the report's calls, and whether there were too many failures in a row among them."""
    counts = circuit.counts
    served = counts.served.added(report.served)
    run = _run_on(circuit, policy, report.runs, served)
    failing = {model: at for model, at in run.failing.items() if at > now - policy.window}
    counts = msgspec.structs.replace(
        counts,
        slices=slices_within(slices_added(counts.slices, report.slices), policy, now),
        consecutive=run.calls,
        run_began=run.began,
        run_blamed=sorted(run.blamed),
        run_teams=run.teams,
        served=served,
        failing=failing,
        samples=[*counts.samples, *report.samples][-SAMPLES:],
    )
    if circuit.of_provider:
        counts = drain.counted(counts, policy, report, now)
    return dataclasses.replace(circuit, counts=counts), run.too_long


class _RunOn(NamedTuple):
    """The present run of failures, the last failure of each model, and whether a run was too long."""

    calls: int
    began: float
    blamed: set[str]
    teams: Teams
    failing: dict[str, float]
    too_long: bool


def _run_on(circuit: Circuit, policy: Policy, runs: Iterable[Run], served: Served) -> _RunOn:
    """Failures since the last success. A success that is older than the run does not end it: workers tell of
    theirs late, as long as nothing else is wrong."""
    counts = circuit.counts
    calls, began, blamed, failing = counts.consecutive, counts.run_began, {*counts.run_blamed}, counts.failing
    whose, too_long = counts.run_teams, False
    for run in runs:
        if run.failed:
            began = min(began, run.since) if calls else run.since  # another worker's may be told late
            calls += run.calls
            blamed |= run.blamed.keys()
            whose = teams.added(whose, run.teams)
            failing = failing | {m: max(at, failing.get(m, at)) for m, at in run.blamed.items()}
            enough = calls >= policy.failures and _is_spread(circuit, blamed)
            too_long |= enough and not teams.is_one_alone(whose, served, policy.window)
        elif run.at >= began:
            calls, blamed, whose = 0, set(), {}
    return _RunOn(calls, began, blamed, whose, failing, too_long)


def _reason(circuit: Circuit, policy: Policy, report: Report, too_long: bool, now: float) -> Reason | None:
    """Why it opens, if it does. Only bad news opens it: a success never does."""
    if too_long:
        return Reason.CONSECUTIVE_FAILURES
    slices, served = circuit.counts.slices, circuit.counts.served
    seen = totals(slices)
    failed = any(run.failed for run in report.runs)
    spread = _is_spread(circuit, circuit.counts.failing)
    too_many = seen.failures >= policy.failure_rate * seen.calls
    if failed and spread and too_many and seen.calls >= policy.min_calls:
        whose = teams.added(*(one.failing for one in slices))
        if not teams.is_one_alone(whose, served, policy.window):
            return Reason.FAILURE_RATE
    # One slow model is not its provider's slowness: that drains (below), it does not open.
    may_be_slow = policy.slow_seconds is not None and not circuit.of_provider
    slow = may_be_slow and any(one.slow for one in report.slices)
    if slow and seen.timed >= policy.min_calls and seen.slow >= policy.slow_rate * seen.timed:
        whose = teams.added(*(one.slowed for one in slices))
        if not teams.is_one_alone(whose, served, policy.window):
            return Reason.SLOW_RATE
    return None


def _is_spread(circuit: Circuit, blamed: Collection[str]) -> bool:
    """Whether the failures are the provider's rather than one model's own (checks G2, G5)."""
    return not circuit.of_provider or str(ENDPOINT) in blamed or len(blamed) > 1


def _drained_or_returned(circuit: Circuit, policy: Policy, report: Report, now: float) -> Changed:
    counts = circuit.counts
    told = drain.evidence(counts, policy)
    if circuit.drained_since is not None:
        if not drain.is_fast_again(counts, policy, report):
            return Changed(circuit, [])
        drained, reason = None, Reason.RETURNED
    elif circuit.of_provider and drain.is_too_slow(counts.pace, policy, now):
        drained, reason = now, Reason.DRAINED
    else:
        return Changed(circuit, [])
    changed = dataclasses.replace(
        circuit,
        drained_since=drained,
        counts=msgspec.structs.replace(counts, pace=[], fast=0, tried=0.0),
    )
    return Changed(changed, [Transition(circuit.state, circuit.state, reason, told)])


def _evidence(circuit: Circuit, policy: Policy, now: float) -> dict[str, Any]:
    counts = circuit.counts
    slices = slices_within(counts.slices, policy, now)
    return {
        **totals(slices)._asdict(),
        "consecutive": counts.consecutive,
        "window_seconds": policy.window,
        "models": sorted(int(model) for model in counts.failing if model != str(ENDPOINT)),
        "teams": _named(counts, slices),
        "samples": _plain(counts.samples),
    }


def _named(counts: Counts, slices: Iterable[Slice]) -> list[int]:
    """Teams whose calls failed or were slow: not all of them, two of each slice at most."""
    whose = {*counts.run_teams}.union(*({*one.failing, *one.slowed} for one in slices))
    return sorted(int(team) for team in whose if team != str(teams.NOBODY))


def _plain(samples: Iterable[Any]) -> Any:
    return msgspec.to_builtins(list(samples))


__all__ = ["apply", "claim_probe", "claim_trial", "force", "may_probe"]
