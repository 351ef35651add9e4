"""Slow providers: over 3 s to the first token, at the 99th percentile, for 120 s."""

import pytest

from proxy.reliability.breakers import breaker
from proxy.reliability.breakers.circuit import Circuit, Reason, State
from proxy.reliability.breakers.reports import Report
from tests.proxy.reliability.circuits import POLICY, T, of_model, of_provider


def streamed(circuit: Circuit, seconds: float, *, at: float, times: int = 1) -> Circuit:
    """``times`` streams with their first token after so many seconds."""
    one = Report(circuit.generation)
    for _ in range(times):
        one.succeeded(POLICY._replace(slow_seconds=None), at, seconds)
        one.paced(POLICY, at, seconds)
    return breaker.apply(circuit, POLICY._replace(slow_seconds=None), one, at).circuit


def slow_for(seconds: int, *, circuit: Circuit | None = None, every: int = 10) -> Circuit:
    found = circuit or of_provider()
    for second in range(0, seconds + 1, every):
        found = streamed(found, 3.5, at=T + second)
    return found


def drained() -> Circuit:
    found = slow_for(120)
    assert found.drained_since == T + 120
    return found


def test_slow_for_two_minutes_it_is_drained_and_stays_closed() -> None:
    assert slow_for(110).drained_since is None
    assert (drained().state, drained().generation) == (State.CLOSED, 0)


def test_the_event_says_how_slow() -> None:
    one = Report(0)
    one.paced(POLICY, T + 120, 3.5)
    _, [event] = breaker.apply(slow_for(110), POLICY, one, T + 120)

    assert event.reason is Reason.DRAINED
    assert event.evidence == {"threshold_seconds": 3.0, "streams": 13, "late": 13, "fast_in_a_row": 0}


def test_a_models_breaker_drains_nothing() -> None:
    assert slow_for(120, circuit=of_model()).drained_since is None


def test_one_slice_without_a_slow_stream_begins_the_two_minutes_anew() -> None:
    found = of_provider()
    for second in range(0, 241, 10):
        found = streamed(found, 0.5 if 40 <= second < 60 else 3.5, at=T + second)
        assert (found.drained_since is not None) is (second >= 180)


@pytest.mark.parametrize(("fast", "is_drained"), [(99, False), (98, True)])
def test_the_p99_is_over_it_when_more_than_one_of_a_hundred_is(fast: int, is_drained: bool) -> None:
    found = of_provider()
    for second in range(0, 121, 20):
        found = streamed(found, 0.5, at=T + second, times=fast)
        found = streamed(found, 3.5, at=T + second, times=100 - fast if second or not is_drained else 2)
    assert (found.drained_since is not None) is is_drained


def test_too_few_streams_say_nothing() -> None:
    assert slow_for(120, every=20).drained_since is None  # seven


def test_once_per_cooldown_one_call_is_let_there() -> None:
    found, may = breaker.claim_trial(drained(), POLICY, T + 149)
    assert may is False
    found, may = breaker.claim_trial(found, POLICY, T + 150)
    assert may is True
    assert breaker.claim_trial(found, POLICY, T + 179)[1] is False
    assert breaker.claim_trial(found, POLICY, T + 180)[1] is True


def proved(*fast: bool, trial: bool = False) -> Report:
    made = Report(0)
    for one in fast:
        made.proved(fast=one, trial=trial)
    return made


@pytest.mark.parametrize(
    ("report", "returns"),
    [
        (proved(True, trial=True), True),
        (proved(False, trial=True), False),
        (proved(*[True] * 9), False),
        (proved(*[True] * 10), True),
        (proved(*[True] * 9, False, True), False),
    ],
)
def test_it_returns_when_the_trial_is_fast_or_ten_others_in_a_row(report: Report, returns: bool) -> None:
    circuit, transitions = breaker.apply(drained(), POLICY, report, T + 150)

    assert (circuit.drained_since is None) is returns
    assert [one.reason for one in transitions] == ([Reason.RETURNED] if returns else [])


def test_after_its_return_it_takes_two_minutes_again() -> None:
    found = breaker.apply(drained(), POLICY, proved(True, trial=True), T + 125).circuit

    for second in range(130, 241, 10):
        found = streamed(found, 3.5, at=T + second)
        assert found.drained_since is None
    assert streamed(found, 3.5, at=T + 250).drained_since == T + 250
