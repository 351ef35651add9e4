"""What caching saved: exact, a loss where writing cost more, unknown where a rate is missing."""

from decimal import Decimal

from metering.spend.economics.caching import Caching, caching
from tests.metering.spend.economics.rows import rates, usage

ANTHROPIC = rates(input="3", cache_read="0.30", cache_write_5m="3.75", cache_write_1h="6", output="15")


def test_reads_save_the_difference_to_the_input_rate() -> None:
    found = caching([usage(at=ANTHROPIC, input=10, cache_read=1_000_001)])

    assert found.saved == Decimal("2.7000027")  # x (3 - 0.30) / 1,000,000
    assert (found.reads_saved, found.writes_cost, found.unknown) == (found.saved, 0, 0)


def test_writes_cost_the_difference_to_the_input_rate() -> None:
    found = caching([usage(at=ANTHROPIC, cache_write_5m=1_000_000, cache_write_1h=1_000_000)])

    assert (found.reads_saved, found.writes_cost, found.saved) == (0, Decimal("3.75"), Decimal("-3.75"))


def test_each_price_row_counts_at_its_own_rates() -> None:
    dear = rates(input="6", cache_read="0.60", output="30")

    found = caching([usage(at=ANTHROPIC, cache_read=1_000_000), usage(at=dear, cache_read=1_000_000)])

    assert found.saved == Decimal("2.70") + Decimal("5.40")


def test_a_rate_that_is_the_input_rate_saves_nothing_and_that_is_known() -> None:
    found = caching([usage(at=rates(input="3", output="15"), cache_read=100, cache_write_5m=100)])

    assert (found.saved, found.unknown, found.tokens) == (0, 0, 200)


def test_a_missing_rate_makes_the_saving_unknown_not_nothing() -> None:
    found = caching([usage(at=rates(output="15"), cache_read=100)])

    assert (found.saved, found.unknown) == (None, 100)


def test_what_no_price_row_explains_is_of_unknown_saving() -> None:
    found = caching([usage(at=None, unsplit="4", cache_read=70, cache_write_5m=30), usage(at=ANTHROPIC)])

    assert (found.saved, found.unknown) == (None, 100)


def test_a_part_can_be_known_beside_an_unknown_one() -> None:
    found = caching([usage(at=ANTHROPIC, cache_read=1_000_000), usage(at=None, cache_read=7)])

    assert (found.saved, found.unknown) == (Decimal("2.70"), 7)


def test_without_caching_nothing_was_saved() -> None:
    assert caching([usage(at=ANTHROPIC, input=5), usage(at=None, input=5)]).saved == 0
    assert caching([]) == Caching()
