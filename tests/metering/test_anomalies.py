"""Above the median by more than so many median absolute deviations."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering import anomalies
from metering.anomalies import Usual

D = Decimal
COSTS = st.decimals(min_value=0, max_value=10**6, places=6)


def judge(earlier: list[str], cost: str, *, k: str = "6", least: str = "0.01") -> list[object]:
    costs = {number: D(text) for number, text in enumerate([*earlier, cost])}
    days = [(len(earlier), list(range(len(earlier))))]
    return list(anomalies.unusual(costs, moments=days, k=D(k), least=D(least)))


def test_usual_is_the_median_and_the_median_distance_from_it() -> None:
    assert anomalies.usual([D(1), D(2), D(2), D(3), D(4), D(9), D(100)]) == Usual(median=D(3), mad=D(1))


def test_an_outlier_in_the_history_does_not_hide_the_next() -> None:
    earlier = ["10", "11", "9", "10", "500", "10", "11"]
    [found] = judge(earlier, "40")

    assert (found.usual, found.threshold, found.excess) == (Usual(D(10), D(1)), D(16), D(30))  # type: ignore[attr-defined]


def test_the_threshold_itself_is_usual() -> None:
    earlier = ["10", "11", "9", "10", "8", "10", "12"]

    assert judge(earlier, "16") == []
    assert len(judge(earlier, "16.000001")) == 1


def test_what_never_changed_may_rise_by_a_twentieth_of_k() -> None:
    assert judge(["10"] * 28, "13") == []
    assert len(judge(["10"] * 28, "13.01")) == 1


def test_a_team_that_began_to_spend_is_not_judged() -> None:
    assert judge(["10"] * 6, "1000") == []
    assert len(judge(["10"] * 7, "1000")) == 1


def test_cents_are_not_worth_a_look() -> None:
    assert judge(["0.0001"] * 28, "0.009") == []
    assert len(judge(["0.0001"] * 28, "0.0102")) == 1


def test_days_without_spend_count_as_nothing() -> None:
    costs = {0: D(10), 28: D(5)}
    [found] = anomalies.unusual(costs, moments=[(28, range(28))], k=D(6), least=D("0.01"))

    assert found.usual == Usual(D(0), D(0))


@given(st.lists(COSTS, min_size=7, max_size=40), COSTS, st.integers(1, 20))
def test_whatever_is_flagged_is_dearer_than_half_of_its_history(
    earlier: list[Decimal], cost: Decimal, k: int
) -> None:
    costs = dict(enumerate([*earlier, cost]))
    moments = [(len(earlier), list(range(len(earlier))))]
    for found in anomalies.unusual(costs, moments=moments, k=D(k), least=D("0.01")):
        assert sum(one < found.cost for one in earlier) * 2 > len(earlier)


@pytest.mark.parametrize("number", [0, 6])
def test_too_little_history_has_no_usual(number: int) -> None:
    assert anomalies.usual([D(1)] * number) is None
