"""What one worker knows of a breaker between two answers of PostgreSQL."""

import dataclasses

from proxy.reliability.breakers import breaker
from proxy.reliability.breakers.circuit import Key, State
from proxy.reliability.breakers.counts import Policy, Sample
from proxy.reliability.breakers.reports import Probe, Report
from proxy.reliability.breakers.watch import Watch

T = 1_000.0
TWO_IN_A_ROW = Policy(2, 0.5, 60.0, 10, 30.0, None, 0.5, 3.0, 120.0)
MODEL = 7


def fails(watch: Watch, at: float) -> None:
    sample = Sample(request_id="", error_class="provider", model=MODEL)
    assert watch.failed(watch.generation, at, blamed=MODEL, sample=sample, team=1, began=at)


def test_the_answer_to_the_first_failure_does_not_let_calls_in_that_the_second_one_shut_out() -> None:
    watch = Watch(Key(1, MODEL), TWO_IN_A_ROW)
    fails(watch, T)
    report, before = watch.hand_over(), watch.circuit
    fails(watch, T + 0.01)  # while the first is told
    assert watch.shut

    watch.sent()
    answer = breaker.apply(before, TWO_IN_A_ROW, report, T + 0.02).circuit
    watch.learn(dataclasses.replace(answer, version=1), T + 0.02, answered=True)

    assert answer.state is State.CLOSED
    assert watch.shut


def test_a_probe_that_ends_late_does_not_take_the_place_of_the_next_ones_success() -> None:
    watch = Watch(Key(1, MODEL), TWO_IN_A_ROW)
    assert watch.probed(0, Probe(2, failed=False))
    assert watch.probed(0, Probe(1, failed=None))
    assert watch.report.probe == Probe(2, failed=False)

    assert watch.hand_over().added(Report(0, probe=Probe(1, failed=True))).probe == Probe(2, failed=False)


def test_a_late_success_is_a_success() -> None:
    watch = Watch(Key(1, MODEL), TWO_IN_A_ROW)
    assert watch.probed(0, Probe(2, failed=None))
    assert watch.probed(0, Probe(1, failed=False))
    assert watch.report.probe == Probe(1, failed=False)


def test_an_answer_without_anything_new_here_is_what_holds() -> None:
    watch = Watch(Key(1, MODEL), TWO_IN_A_ROW)
    fails(watch, T)
    report = watch.hand_over()
    answer = breaker.apply(watch.circuit, TWO_IN_A_ROW, report, T + 0.02).circuit

    watch.sent()
    watch.learn(dataclasses.replace(answer, version=1), T + 0.02, answered=True)

    assert not watch.shut
    assert watch.circuit.counts.consecutive == 1
