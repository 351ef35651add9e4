"""Bins of answer sizes: every count is in one bin, SQL and Python agree, quantiles are of real bins."""

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from metering.summaries.sizes import Bin, Count, bin_of, quantile, tokens_of


@given(st.integers(0, 10**12))
def test_a_bin_holds_what_is_put_into_it_within_an_eighth(tokens: int) -> None:
    found = tokens_of(bin_of(tokens))

    assert found.lowest <= tokens <= found.highest
    assert (found.highest - found.lowest) * 8 <= found.lowest


def test_bins_follow_each_other_without_a_gap() -> None:
    bins = [tokens_of(number) for number in range(200)]

    assert [found.lowest for found in bins[1:]] == [found.highest + 1 for found in bins[:-1]]
    assert bins[:3] == [Bin(0, 0), Bin(1, 1), Bin(2, 2)]
    assert (tokens_of(16), tokens_of(24), tokens_of(31)) == (Bin(16, 17), Bin(32, 35), Bin(60, 63))


@pytest.mark.django_db
def test_sql_puts_answers_into_the_same_bins() -> None:
    tokens = [*range(100), *(2**power + around for power in range(5, 40) for around in (-1, 0, 1))]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT metering_size_bin(t) FROM unnest(%s::bigint[]) WITH ORDINALITY x(t, n) ORDER BY n",
            [tokens],
        )
        assert [row[0] for row in cursor.fetchall()] == [bin_of(count) for count in tokens]


@pytest.mark.parametrize(("percent", "lowest"), [(50, 3), (51, 5), (95, 5), (99, 5), (100, 9), (0, 3)])
def test_a_quantile_is_the_nearest_rank(percent: int, lowest: int) -> None:
    counts = [Count(3, 50), Count(5, 49), Count(9, 1)]

    assert quantile(counts, percent) == Bin(lowest, lowest)


def test_nothing_has_no_quantile() -> None:
    assert quantile([], 50) is None
