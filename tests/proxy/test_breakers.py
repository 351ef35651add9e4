"""Circuit breakers. Times are seconds; the policy here: 3 in a row or half of 10 in 60; 30 of rest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters.base import ErrorClass
from proxy.breakers import Breaker, Breakers, Permit, State
from tests.proxy import values

COUNTED = [ErrorClass.OVERLOADED, ErrorClass.PROVIDER, ErrorClass.TRANSPORT]
NEUTRAL = [error_class for error_class in ErrorClass if error_class not in COUNTED]


def breaker(**policy: Any) -> Breaker:
    return Breaker(
        **(
            {"failures_to_open": 3, "failure_rate": 0.5, "window": 60, "min_calls": 10, "cooldown": 30}
            | policy
        )
    )


def admit(breaker: Breaker, now: float = 0) -> Permit:
    permit = breaker.admit(now)
    assert permit is not None
    return permit


def record(breaker: Breaker, *results: bool | None, now: float = 0) -> None:
    """Calls one after another: True failed, False succeeded, None neutral."""
    for failed in results:
        breaker.record(admit(breaker, now), failed=failed, now=now)


def opened(now: float = 0) -> Breaker:
    found = breaker()
    record(found, True, True, True, now=now)
    assert found.state is State.OPEN
    return found


# Closed


def test_a_new_breaker_lets_every_call_through() -> None:
    assert [admit(breaker()).probe for _ in range(3)] == [False, False, False]


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ([True, True], State.CLOSED),
        ([True, True, True], State.OPEN),
        ([True, True, False, True, True], State.CLOSED),
        ([True, True, None, True], State.OPEN),
        ([None] * 100, State.CLOSED),
        ([True, False] * 4 + [True], State.CLOSED),  # nine calls
        ([True, False] * 5, State.CLOSED),  # half of ten, and the tenth is good: nothing to react to
        ([False, True] * 5, State.OPEN),
        ([False, False, True] * 4, State.CLOSED),  # a third
    ],
)
def test_failures_in_a_row_or_a_rate_over_enough_calls_open_it(
    results: list[bool | None], state: State
) -> None:
    found = breaker()
    for failed in results:
        record(found, failed)

    assert found.state is state


def test_failures_of_more_than_a_window_ago_are_forgotten() -> None:
    found = breaker(failures_to_open=100)
    record(found, *[False, True] * 4, False, now=0)

    record(found, True, now=60)

    assert (found.state, len(found.results)) == (State.CLOSED, 1)


def test_failures_of_within_the_window_count() -> None:
    found = breaker(failures_to_open=100)
    record(found, *[False, True] * 4, False, now=0)

    record(found, True, now=59.999)

    assert found.state is State.OPEN


def test_a_healthy_provider_does_not_fill_the_memory() -> None:
    found = breaker()
    for second in range(10_000):
        record(found, False, now=second)

    assert len(found.results) == 60


# Open


@pytest.mark.parametrize(("now", "admitted"), [(0, False), (29.999, False), (30, True), (1_000, True)])
def test_an_open_breaker_refuses_until_its_cooldown_is_over(now: float, admitted: bool) -> None:
    assert (opened().admit(now) is not None) is admitted


def test_the_cooldown_counts_from_the_opening_and_not_from_the_last_try() -> None:
    found = opened(now=0)
    for second in range(30):
        assert found.admit(second) is None

    assert admit(found, 30).probe is True


def test_results_of_calls_from_before_the_opening_do_not_count() -> None:
    found = breaker()
    slow = [admit(found) for _ in range(10)]
    record(found, True, True, True)
    admit(found, 30)  # the probe is out

    for permit in slow:
        found.record(permit, failed=False, now=31)

    assert (found.state, found.probing, len(found.results)) == (State.HALF_OPEN, True, 0)


def test_results_of_calls_from_before_the_opening_do_not_count_after_it_closed_again() -> None:
    found = breaker()
    slow = [admit(found) for _ in range(10)]
    record(found, True, True, True)
    record(found, False, now=30)

    for permit in slow:
        found.record(permit, failed=True, now=31)

    assert (found.state, found.consecutive) == (State.CLOSED, 0)


def test_a_failure_while_open_does_not_lengthen_the_cooldown() -> None:
    found = breaker()
    slow = admit(found)
    record(found, True, True, True)

    found.record(slow, failed=True, now=20)

    assert found.admit(30) is not None


# Half open


def test_exactly_one_probe_goes_out() -> None:
    found = opened()

    permits = [found.admit(30) for _ in range(100)]

    assert [permit.probe for permit in permits if permit] == [True]
    assert found.state is State.HALF_OPEN


@pytest.mark.parametrize(
    ("failed", "state"), [(False, State.CLOSED), (True, State.OPEN), (None, State.HALF_OPEN)]
)
def test_the_probe_decides_and_its_slot_is_free_afterwards(failed: bool | None, state: State) -> None:
    found = opened()

    record(found, failed, now=30)

    assert (found.state, found.probing) == (state, False)


def test_after_a_good_probe_everything_goes_through_and_old_failures_are_forgotten() -> None:
    found = opened()
    record(found, False, now=30)

    record(found, True, True, now=31)

    assert found.state is State.CLOSED


def test_after_a_failed_probe_the_cooldown_begins_anew() -> None:
    found = opened()
    record(found, True, now=40)

    assert found.admit(69.999) is None
    assert admit(found, 70).probe is True


def test_after_a_probe_that_told_nothing_another_one_may_go() -> None:
    found = opened()
    record(found, None, now=30)

    assert admit(found, 30).probe is True


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["admit", "fail", "succeed", "neutral"]), st.integers(0, 20), st.integers(0, 5)
        ),
        max_size=80,
    )
)
def test_whatever_happens_at_most_one_probe_is_out_and_no_call_passes_an_open_breaker(
    steps: list[tuple[str, int, int]],
) -> None:
    found, now, out = breaker(), 0.0, []
    for step, wait, which in steps:
        now += wait
        if step == "admit":
            rested = now - found.opened_at >= found.cooldown
            refused_before = found.state is State.OPEN and not rested
            permit = found.admit(now)
            assert not (permit and refused_before)
            out += [permit] if permit else []
        elif out:
            found.record(
                out.pop(which % len(out)), failed={"fail": True, "succeed": False}.get(step), now=now
            )
        probes = sum(permit.probe for permit in out)
        assert probes <= 1
        assert found.probing is (probes == 1)
        assert found.state is State.HALF_OPEN or not found.probing


# A worker's breakers: the provider's and the model's

MODEL, SIBLING = values.model("gpt-4o", id=1), values.model("gpt-4o-mini", id=2)
ELSEWHERE = values.model("claude", id=3, of=values.provider("anthropic", id=2))


def fail(breakers: Breakers, model: Any, *, times: int = 3, now: float = 0) -> None:
    for _ in range(times):
        passage = breakers.admit(model, now=now)
        assert passage is not None
        passage.end(ErrorClass.PROVIDER, now=now)


@pytest.mark.parametrize("error_class", COUNTED)
def test_what_is_the_providers_fault_counts(error_class: ErrorClass) -> None:
    breakers = Breakers()
    for _ in range(3):
        breakers.admit(MODEL, now=0).end(error_class, now=0)  # type: ignore[union-attr]

    assert breakers.admit(MODEL, now=0) is None


@pytest.mark.parametrize("error_class", NEUTRAL)
def test_callers_mistakes_credentials_and_rate_limits_are_neutral(error_class: ErrorClass) -> None:
    breakers = Breakers()
    for _ in range(50):
        breakers.admit(MODEL, now=0).end(error_class, now=0)  # type: ignore[union-attr]

    assert breakers.of_model(MODEL).state is State.CLOSED
    assert breakers.of_provider(MODEL.provider).state is State.CLOSED


def test_a_cancelled_call_is_neutral() -> None:
    breakers = Breakers()
    for _ in range(50):
        breakers.admit(MODEL, now=0).end(None, now=0)  # type: ignore[union-attr]

    assert breakers.admit(MODEL, now=0) is not None


def test_a_provider_that_fails_is_open_for_all_its_models_and_for_no_other() -> None:
    breakers = Breakers()
    fail(breakers, MODEL)

    assert breakers.admit(SIBLING, now=0) is None
    assert breakers.admit(ELSEWHERE, now=0) is not None


def test_a_model_that_fails_among_good_ones_is_open_alone() -> None:
    breakers = Breakers()
    for _ in range(3):
        fail(breakers, MODEL, times=1)
        breakers.admit(SIBLING, now=0).end(None, now=0, succeeded=True)  # type: ignore[union-attr]

    assert breakers.admit(MODEL, now=0) is None
    assert breakers.admit(SIBLING, now=0) is not None


def test_a_call_refused_by_the_model_gives_the_providers_probe_back() -> None:
    breakers = Breakers()
    fail(breakers, MODEL)
    breakers.of_model(MODEL).opened_at = 10  # its cooldown ends later than the provider's

    assert breakers.admit(MODEL, now=30) is None

    assert breakers.of_provider(MODEL.provider).probing is False
    assert breakers.admit(SIBLING, now=30) is not None


def test_a_passage_ends_once() -> None:
    breakers = Breakers()
    fail(breakers, MODEL)
    passage = breakers.admit(MODEL, now=30)
    assert passage is not None
    passage.end(None, now=30)
    breakers.admit(MODEL, now=30)  # another probe is out

    passage.end(ErrorClass.PROVIDER, now=31)

    assert breakers.of_model(MODEL).probing is True
    assert breakers.of_model(MODEL).state is State.HALF_OPEN


def test_a_breaker_has_its_providers_policy() -> None:
    hasty = values.model(of=values.provider(breaker_failures=1, breaker_cooldown=5.0))
    breakers = Breakers()
    fail(breakers, hasty, times=1)

    assert breakers.admit(hasty, now=4.9) is None
    assert breakers.admit(hasty, now=5) is not None


def test_a_policy_edited_meanwhile_holds_for_an_open_breaker() -> None:
    patient = values.model(of=values.provider(breaker_failures=1, breaker_cooldown=300.0))
    breakers = Breakers()
    fail(breakers, patient, times=1)
    assert breakers.wait(patient, now=10) == 290

    edited = values.model(of=values.provider(breaker_failures=1, breaker_cooldown=20.0))

    assert breakers.wait(edited, now=10) == 10
    assert breakers.admit(edited, now=20) is not None


def test_our_own_deadline_is_no_failure_of_a_vendor_at_work() -> None:
    breakers = Breakers()
    for now in range(50):
        passage = breakers.admit(MODEL, now=now)
        assert passage is not None
        passage.end(ErrorClass.DEADLINE, now=now)

    assert breakers.of_model(MODEL).state is State.CLOSED
