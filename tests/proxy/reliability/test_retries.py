"""How long to wait before a retry, and how many retries a provider is sent at all."""

import random

import pytest

from proxy.reliability.retries import RetryBudget, RetryBudgets, pause_before


class Highest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


class Lowest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return a


@pytest.mark.parametrize(("retry", "ceiling"), [(1, 0.2), (2, 0.4), (3, 0.8), (4, 1.6), (5, 2.0), (9, 2.0)])
def test_the_jitter_is_full_below_a_ceiling_that_doubles_to_two_seconds(retry: int, ceiling: float) -> None:
    assert pause_before(retry=retry, retry_after=None, draw=Highest()) == ceiling
    assert pause_before(retry=retry, retry_after=None, draw=Lowest()) == 0.0


def test_a_wait_that_the_vendor_asks_for_is_the_least() -> None:
    assert pause_before(retry=1, retry_after=3.0, draw=Highest()) == 3.0
    assert pause_before(retry=5, retry_after=1.0, draw=Highest()) == 2.0
    assert pause_before(retry=1, retry_after=0.0, draw=Lowest()) == 0.0


def test_a_vendor_that_asks_for_more_than_five_seconds_is_left() -> None:
    assert pause_before(retry=1, retry_after=5.0, draw=Lowest()) == 5.0
    assert pause_before(retry=1, retry_after=5.1, draw=Lowest()) is None


def test_ten_retries_are_always_in_store_and_no_more() -> None:
    budget = RetryBudget()

    assert [budget.spend(now=100.0) for _ in range(11)] == [True] * 10 + [False]


def test_calls_earn_their_share() -> None:
    budget = spent()
    for _ in range(9):
        budget.earn(0.2, now=100.0)

    assert [budget.spend(now=100.0), budget.spend(now=100.0)] == [True, False]


def test_a_quiet_provider_earns_a_retry_every_two_seconds() -> None:
    budget = spent()

    assert not budget.spend(now=101.9)
    assert budget.spend(now=102.0)


def test_an_outage_of_a_busy_provider_is_amplified_by_its_share_alone() -> None:
    """1,000 calls in a second, each failing and wanting two retries: 10 in store, 0.2 of the calls, 0.5."""
    budget = RetryBudget()
    retried = 0
    for call in range(1_000):
        now = 100.0 + call / 1_000
        budget.earn(0.2, now=now)
        retried += sum(budget.spend(now=now) for _ in range(2))

    assert retried == 210


def test_each_provider_has_its_own() -> None:
    budgets = RetryBudgets()
    while budgets.of(1).spend(now=100.0):
        pass

    assert budgets.of(2).spend(now=100.0)
    assert budgets.of(1) is budgets.of(1)


def spent() -> RetryBudget:
    budget = RetryBudget()
    while budget.spend(now=100.0):
        pass
    return budget
