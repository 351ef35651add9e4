"""The state machine of a breaker, row by row of its table (proxy/reliability/breakers/breaker.py)."""

import dataclasses

import msgspec
import pytest

from proxy.reliability.breakers import breaker
from proxy.reliability.breakers.circuit import Circuit, Forced, Leave, Reason, State, is_troubled
from proxy.reliability.breakers.counts import Counts
from proxy.reliability.breakers.reports import Report
from tests.proxy.reliability.circuits import (
    OTHER,
    POLICY,
    SAMPLE,
    WORKER,
    T,
    claimed,
    ended,
    of_model,
    of_provider,
    opened,
    probing,
    report,
    told,
)

# Closed


@pytest.mark.parametrize(
    ("calls", "state", "reason"),
    [
        ("F", State.CLOSED, None),  # checks G1: one of one is not a rate
        ("FF", State.CLOSED, None),
        ("FFF", State.OPEN, Reason.CONSECUTIVE_FAILURES),
        ("FFSFF", State.CLOSED, None),
        ("FS" * 4 + "F", State.CLOSED, None),  # nine calls
        ("FS" * 5, State.CLOSED, None),  # half of ten, and the tenth is good: nothing to react to
        ("SF" * 5, State.OPEN, Reason.FAILURE_RATE),
        ("SSF" * 4, State.CLOSED, None),  # a third
        ("W" * 9, State.CLOSED, None),
        ("W" * 10, State.OPEN, Reason.SLOW_RATE),
        ("SW" * 5, State.OPEN, Reason.SLOW_RATE),
        ("SSW" * 4, State.CLOSED, None),
        ("E" * 3, State.OPEN, Reason.CONSECUTIVE_FAILURES),
        ("S" * 100, State.CLOSED, None),
    ],
)
def test_what_opens_a_closed_breaker(calls: str, state: State, reason: Reason | None) -> None:
    circuit, transitions = told(of_model(), calls)

    assert circuit.state is state
    assert [one.reason for one in transitions] == ([reason] if reason else [])


@pytest.mark.parametrize("calls", ["FFF", "SFFF", "FFFS", "FFFSSS"])
def test_calls_told_together_open_it_as_those_told_one_by_one(calls: str) -> None:
    circuit, transitions = breaker.apply(of_model(), POLICY, report(calls), T)

    assert (circuit.state, transitions[0].reason) == (State.OPEN, Reason.CONSECUTIVE_FAILURES)


def test_failures_of_two_workers_are_one_run() -> None:
    circuit = told(of_model(), "F").circuit
    circuit = breaker.apply(circuit, POLICY, report("FF", at=T + 1), T + 1).circuit

    assert circuit.state is State.OPEN


def test_a_success_from_before_the_run_that_is_told_late_does_not_end_it() -> None:
    circuit = told(of_model(), "FF", at=T + 5).circuit
    circuit = breaker.apply(circuit, POLICY, report("SSS", at=T + 4), T + 6).circuit

    assert circuit.counts.consecutive == 2
    assert told(circuit, "F", at=T + 7).circuit.state is State.OPEN


def test_the_rate_is_over_the_window() -> None:
    circuit = told(of_model(), "SFSFSFSFS", at=T).circuit

    assert told(circuit, "F", at=T + 59.9).circuit.state is State.OPEN
    assert told(circuit, "F", at=T + 60).circuit.state is State.CLOSED


def test_the_event_has_counts_and_at_most_five_samples() -> None:
    _, [opening] = told(of_model(), "SSFSFF" + "FSSSF" + "F")

    sample = {"request_id": SAMPLE.request_id, "error_class": "provider", "model": 1, "status": 500}
    assert (opening.was, opening.now) == (State.CLOSED, State.OPEN)
    assert opening.evidence == {
        "calls": 7,
        "failures": 4,
        "timed": 3,
        "slow": 0,
        "consecutive": 3,
        "window_seconds": 60.0,
        "models": [1],
        "teams": [],
        "samples": [sample] * 4,
    }


def test_opening_begins_a_generation_without_counts() -> None:
    circuit = opened(at=T + 1)

    assert (circuit.generation, circuit.opened_at, circuit.counts) == (1, T + 1, Counts())


def test_a_report_is_not_changed_and_neither_is_the_circuit() -> None:
    circuit = told(of_model(), "FF").circuit
    before = msgspec.json.encode(circuit.counts)
    one = report("F")

    breaker.apply(circuit, POLICY, one, T)

    assert msgspec.json.encode(circuit.counts) == before
    assert one.slices[0].calls == 1


# A provider's breaker: whose fault it is


@pytest.mark.parametrize(
    ("failures", "state"),
    [
        ([(1, "F" * 50)], State.CLOSED),  # checks G2: one bad model
        ([(1, "FF"), (2, "F")], State.OPEN),
        ([(1, "EEE")], State.OPEN),  # nothing reaches the vendor
        ([(1, "FF"), (2, "S"), (2, "F")], State.CLOSED),
        ([(1, "FFFF"), (2, "SF"), (1, "SSSF")], State.OPEN),  # half of ten, of both models
    ],
)
def test_a_provider_opens_when_more_than_one_model_fails(
    failures: list[tuple[int, str]], state: State
) -> None:
    circuit = of_provider()
    for model, calls in failures:
        circuit = told(circuit, calls, of=model).circuit

    assert circuit.state is state


def test_a_model_that_failed_longer_ago_than_the_window_is_no_second_one() -> None:
    circuit = told(of_provider(), "FS", of=2).circuit
    circuit = told(circuit, "FSSSSFFFFFFF", at=T + 60, of=1).circuit

    assert circuit.state is State.CLOSED


# Open


@pytest.mark.parametrize(("at", "leave"), [(0, False), (29.999, False), (30, True), (1_000, True)])
def test_an_open_breaker_refuses_until_its_cooldown_is_over(at: float, leave: bool) -> None:
    circuit, found = claimed(opened(), T + at)

    assert found is (Leave.PROBE if leave else Leave.REFUSED)
    assert circuit.state is (State.HALF_OPEN if leave else State.OPEN)


def test_the_cooldown_counts_from_the_opening_and_not_from_the_last_failure() -> None:
    circuit = told(opened(), "FFF", at=T + 29).circuit

    assert claimed(circuit, T + 30)[1] is Leave.PROBE


def test_results_of_calls_from_before_the_opening_do_not_count() -> None:
    slow = report("SSSSSSSSSSFFF", at=T + 31, generation=0)

    for circuit in (opened(), probing(), ended(probing(), False, T + 30).circuit):
        assert breaker.apply(circuit, POLICY, slow, T + 31) == (circuit, [])


# Half open


@pytest.mark.parametrize(
    ("failed", "state", "generation", "reasons"),
    [
        (False, State.CLOSED, 2, [Reason.PROBE_SUCCEEDED]),
        (True, State.OPEN, 2, [Reason.PROBE_FAILED]),
        (None, State.HALF_OPEN, 1, []),
    ],
)
def test_the_probe_decides_and_its_slot_is_free_afterwards(
    failed: bool | None, state: State, generation: int, reasons: list[Reason]
) -> None:
    circuit, transitions = ended(probing(), failed, T + 31)

    assert (circuit.state, circuit.generation) == (state, generation)
    assert (circuit.probe_worker, circuit.probe_expires_at) == (None, None)
    assert [one.reason for one in transitions] == reasons


def test_after_a_failed_probe_the_cooldown_begins_anew() -> None:
    circuit, [event] = ended(probing(), True, T + 40)

    assert event.evidence["samples"][0]["request_id"] == SAMPLE.request_id
    assert claimed(circuit, T + 69.999)[1] is Leave.REFUSED
    assert claimed(circuit, T + 70)[1] is Leave.PROBE


def test_one_probe_at_a_time() -> None:
    circuit = probing(T + 30)

    assert claimed(circuit, T + 39.9, worker=OTHER)[1] is Leave.REFUSED
    assert claimed(circuit, T + 39.9, worker=WORKER)[1] is Leave.REFUSED


@pytest.mark.parametrize(("at", "alive"), [(T + 40, True), (T + 30.1, False)])
def test_a_probe_that_expired_or_whose_worker_died_gives_way_to_another(at: float, alive: bool) -> None:
    circuit, leave = claimed(probing(T + 30), at, worker=OTHER, alive=alive)

    assert (leave, circuit.probe_worker, circuit.counts.probes) == (Leave.PROBE, OTHER, 2)


@pytest.mark.parametrize("failed", [True, None])
def test_the_failure_of_a_probe_that_was_given_up_says_nothing(failed: bool | None) -> None:
    circuit, _ = claimed(probing(T + 30), T + 40, worker=OTHER)

    assert ended(circuit, failed, T + 41, number=1) == (circuit, [])
    assert ended(circuit, False, T + 41, number=2).circuit.state is State.CLOSED


def test_a_probe_that_was_given_up_and_went_well_after_all_closes_it() -> None:
    """Else a vendor whose answers take longer than a probe's lease would never be let back."""
    circuit, _ = claimed(probing(T + 30), T + 40, worker=OTHER)

    assert ended(circuit, False, T + 41, number=1).circuit.state is State.CLOSED


def test_after_a_probe_that_told_nothing_another_one_may_go_at_once() -> None:
    circuit = ended(probing(), None, T + 30.5).circuit

    assert claimed(circuit, T + 30.5)[1] is Leave.PROBE


# By hand


@pytest.mark.parametrize("start", [of_model(), opened(), probing()], ids=["closed", "open", "half open"])
def test_held_open_it_refuses_and_never_probes(start: Circuit) -> None:
    circuit, [event] = breaker.force(start, Forced.OPEN, note="maintenance", now=T + 50)

    assert (event.was, event.now, event.reason) == (start.state, State.OPEN, Reason.MANUAL)
    assert (circuit.note, circuit.generation) == ("maintenance", start.generation + 1)
    assert claimed(circuit, T + 1_000_000)[1] is Leave.REFUSED


@pytest.mark.parametrize("start", [of_model(), opened(), probing()], ids=["closed", "open", "half open"])
def test_held_closed_it_counts_and_never_opens(start: Circuit) -> None:
    circuit = breaker.force(start, Forced.CLOSED, note="they fixed it", now=T + 50).circuit
    circuit, transitions = told(circuit, "F" * 50, at=T + 51)

    assert (circuit.state, transitions, circuit.counts.consecutive) == (State.CLOSED, [], 50)


def test_let_go_after_being_held_open_it_probes_once_it_has_rested_since_then() -> None:
    held = breaker.force(of_model(), Forced.OPEN, note="", now=T).circuit

    circuit = breaker.force(held, Forced.NOT, note="", now=T + 5).circuit

    assert claimed(circuit, T + 29.9)[1] is Leave.REFUSED
    assert claimed(circuit, T + 30)[1] is Leave.PROBE


def test_let_go_after_being_held_closed_the_next_failure_opens_it_if_there_were_enough() -> None:
    held = breaker.force(of_model(), Forced.CLOSED, note="", now=T).circuit
    held = told(held, "F" * 5, at=T + 1).circuit

    circuit = breaker.force(held, Forced.NOT, note="", now=T + 2).circuit

    assert circuit.state is State.CLOSED
    assert told(circuit, "F", at=T + 3).circuit.state is State.OPEN


# Trouble: when good calls matter to the others


def test_a_healthy_breaker_is_no_trouble_and_one_with_a_failure_in_its_window_is() -> None:
    circuit = told(of_model(), "SFS").circuit

    assert not is_troubled(told(of_model(), "SSS").circuit, POLICY, T)
    assert is_troubled(circuit, POLICY, T + 59.9)
    assert not is_troubled(circuit, POLICY, T + 60)


def test_a_worker_that_cannot_tell_for_long_keeps_little() -> None:
    kept = Report(0)
    for second in range(10_000):
        kept.succeeded(POLICY, T + second, 0.1)
        kept.failed(POLICY, T + second, blamed=1, sample=SAMPLE)
        kept.paced(POLICY, T + second, 0.1)

    assert (len(kept.slices), len(kept.runs), len(kept.samples), len(kept.pace)) == (6, 64, 5, 7)


def test_what_the_row_keeps_can_be_read_again() -> None:
    counts = told(of_provider(), "SFW").circuit.counts

    assert msgspec.json.decode(msgspec.json.encode(counts), type=Counts) == counts


def test_a_policy_edited_meanwhile_holds_for_an_open_breaker() -> None:
    patient = POLICY._replace(cooldown=300.0)

    assert claimed(opened(), T + 30, policy=patient)[1] is Leave.REFUSED
    assert claimed(opened(), T + 300, policy=patient)[1] is Leave.PROBE


def test_reports_that_could_not_be_sent_are_added_to_what_came_later() -> None:
    both = report("FS", at=T).added(report("FF", at=T + 10))

    assert [(one.start, one.calls, one.failures) for one in both.slices] == [(T, 2, 1), (T + 10, 2, 2)]
    assert [(run.failed, run.calls) for run in both.runs] == [(True, 1), (False, 1), (True, 2)]
    assert report("F").added(report("S", generation=1)) == report("S", generation=1)


def test_the_database_knows_the_same_words() -> None:
    from proxy.models import Breaker, BreakerEvent

    assert [*State] == Breaker.State.values
    assert {*Forced} == {*Breaker.Forced.values}
    assert [*Reason] == BreakerEvent.Reason.values


def test_a_circuit_is_a_value() -> None:
    assert dataclasses.replace(opened(), state=State.OPEN) == opened()
