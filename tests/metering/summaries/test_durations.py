"""Bins of durations: each duration is in one, SQL and Python agree, a quantile is within 3 % of the real."""

from collections import Counter

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from metering.summaries.durations import Bin, bin_of, milliseconds_of, quantiles

LONGEST = 2**31 - 1  # milliseconds that the ledger holds
SHARES = (500, 950, 990, 999)
Durations = st.lists(st.integers(0, LONGEST) | st.integers(0, 60_000), min_size=1)


def near(found: int, real: int) -> bool:
    """Within a 33rd, and half a millisecond of rounding."""
    return 66 * abs(found - real) <= 2 * real + 33


@given(st.integers(0, LONGEST))
def test_a_bin_holds_what_is_put_into_it_within_a_sixteenth(milliseconds: int) -> None:
    found = milliseconds_of(bin_of(milliseconds))

    assert found.shortest <= milliseconds <= found.longest
    assert (found.longest - found.shortest) * 16 <= found.shortest


@given(st.integers(0, LONGEST))
def test_the_middle_of_a_bin_is_near_to_all_of_it(milliseconds: int) -> None:
    assert near(milliseconds_of(bin_of(milliseconds)).middle, milliseconds)


def test_bins_follow_each_other_without_a_gap() -> None:
    bins = [milliseconds_of(number) for number in range(bin_of(LONGEST) + 1)]

    assert [found.shortest for found in bins[1:]] == [found.longest + 1 for found in bins[:-1]]
    assert bins[-1].longest == LONGEST
    assert (bins[0], bins[31], bins[32]) == (Bin(0, 0), Bin(31, 31), Bin(32, 33))
    assert milliseconds_of(bin_of(1_000)) == Bin(992, 1_023)


@pytest.mark.parametrize(("milliseconds", "middle"), [(0, 0), (31, 31), (1_000, 1_007), (30_000, 30_199)])
def test_a_bin_stands_for_its_middle(milliseconds: int, middle: int) -> None:
    assert milliseconds_of(bin_of(milliseconds)).middle == middle


@pytest.mark.django_db
def test_sql_puts_answers_into_the_same_bins() -> None:
    around = (2**power + beside for power in range(5, 31) for beside in (-1, 0, 1))
    milliseconds = [*range(300), *around, LONGEST]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT metering_latency_bin(t) FROM unnest(%s::integer[]) WITH ORDINALITY x(t, n) ORDER BY n",
            [milliseconds],
        )
        assert [row[0] for row in cursor.fetchall()] == [bin_of(count) for count in milliseconds]


@given(Durations)
def test_a_quantile_is_near_to_the_nearest_rank(durations: list[int]) -> None:
    ranked = sorted(durations)
    real = [ranked[max(-(-len(ranked) * share // 1000), 1) - 1] for share in SHARES]

    found = quantiles(Counter(map(bin_of, durations)), SHARES)

    assert len(found) == len(real)
    assert all(near(one, other) for one, other in zip(found, real, strict=True))


def test_quantiles_are_those_of_the_nearest_rank() -> None:
    assert quantiles({3: 50, 5: 49, 9: 1}, [500, 501, 990, 991]) == [3, 5, 5, 9]
