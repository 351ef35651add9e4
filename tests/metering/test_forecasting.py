"""The forecast's formula, worked by hand, and how often its band holds."""

import datetime as dt
import random
from decimal import Decimal

import pytest

from metering import forecasting

MONDAY = dt.date(2026, 11, 9)  # 28 days before it: 12 October, a Monday
FIRST = MONDAY - dt.timedelta(days=28)


def days(*amounts: str | int, first: dt.date = FIRST) -> dict[dt.date, Decimal]:
    return {first + dt.timedelta(days=n): Decimal(amount) for n, amount in enumerate(amounts)}


def weeks(*mondays: int) -> dict[dt.date, Decimal]:
    """Each week costs so much on its Monday, 10 on Tuesday, and 1 on each other day."""
    return days(*(amount for monday in mondays for amount in (monday, 10, 1, 1, 1, 1, 1)))


def test_each_weekday_costs_its_mean() -> None:
    found = forecasting.pattern(costs=weeks(1, 2, 3, 6), today=MONDAY)
    assert found
    assert [found.of(MONDAY + dt.timedelta(days=n)) for n in range(3)] == [3, 10, 1]


def test_the_spread_is_what_days_differ_from_their_weekdays_mean() -> None:
    """(1-3)^2 + (2-3)^2 + 0 + (6-3)^2 = 14, over 28 days less 7 weekdays."""
    found = forecasting.pattern(costs=weeks(1, 2, 3, 6), today=MONDAY)
    assert found
    assert found.variance == Decimal(14) / 21


def test_the_band_of_some_days() -> None:
    """Two Mondays and a Tuesday: 3 + 3 + 10; the variance of 3 days, and of means: 2^2/4 + 1^2/4."""
    found = forecasting.pattern(costs=weeks(1, 2, 3, 6), today=MONDAY)
    assert found
    band = found.over([MONDAY, MONDAY + dt.timedelta(days=1), MONDAY + dt.timedelta(days=7)])
    width = Decimal("1.28") * (Decimal(14) / 21 * Decimal("4.25")).sqrt()
    assert (band.low, band.mid, band.high) == (16 - width, 16, 16 + width)


def test_days_that_repeat_exactly_have_no_band_and_the_month_ends_where_it_must() -> None:
    """A week costs 17: a Sunday and a week are over (18), a Monday (2) and three weeks are to come."""
    found = forecasting.month_end(costs=weeks(2, 2, 2, 2), today=MONDAY)
    assert found
    assert (found.so_far, found.days_to_come) == (18, 21)
    assert (found.band.low, found.band.mid, found.band.high) == (71, 71, 71)


def test_of_today_the_usual_is_expected_or_what_it_cost_already() -> None:
    quiet = weeks(2, 2, 2, 2)
    ends = [
        forecasting.month_end(costs=quiet | {MONDAY: Decimal(cost)}, today=MONDAY) for cost in (0, 1, 2, 9)
    ]
    assert [end and end.band.mid for end in ends] == [71, 71, 71, 78]


def test_the_low_end_is_never_below_what_is_spent() -> None:
    wild = weeks(0, 2000, 0, 400) | {MONDAY: Decimal(0)}
    last_day = forecasting.month_end(costs=wild, today=MONDAY)
    assert last_day
    assert last_day.band.low == last_day.so_far


def test_a_single_event_says_nothing_of_the_days_to_come() -> None:
    event = MONDAY - dt.timedelta(days=7)
    quiet = weeks(2, 2, 2, 2)

    with_it = forecasting.month_end(costs=quiet | {event: Decimal(900)}, today=MONDAY)
    without = forecasting.month_end(costs=quiet, today=MONDAY)

    assert with_it
    assert without
    assert with_it.left_out == (event,)
    assert with_it.band.mid - with_it.so_far == without.band.mid - without.so_far


def test_what_most_weeks_have_is_no_event() -> None:
    mondays = {MONDAY - dt.timedelta(weeks=number): Decimal(900) for number in (1, 2, 3, 4)}

    found = forecasting.pattern(costs=weeks(2, 2, 2, 2) | mondays, today=MONDAY)

    assert found
    assert found.left_out == ()
    assert found.means[0] == 900


@pytest.mark.parametrize("first", [1, 27, 28])
def test_less_than_28_whole_days_are_not_enough(first: int) -> None:
    costs = days(*[1] * first, first=MONDAY - dt.timedelta(days=first))
    assert (forecasting.month_end(costs=costs, today=MONDAY) is None) == (first < 28)


def test_no_cost_at_all_is_not_enough() -> None:
    assert forecasting.month_end(costs={}, today=MONDAY) is None


def test_the_band_holds_about_four_of_five_months() -> None:
    draw, held = random.Random(6), 0
    for _ in range(300):
        costs = days(*(draw.randint(60, 140) for _ in range(51)), first=dt.date(2026, 10, 11))
        known = {day: cost for day, cost in costs.items() if day < MONDAY}
        found = forecasting.month_end(costs=known, today=MONDAY)
        assert found
        month = sum(cost for day, cost in costs.items() if day.month == 11)
        held += found.band.low <= month <= found.band.high
    assert 0.75 < held / 300 < 0.9


def test_usual_is_the_median_of_the_same_weekdays_before() -> None:
    costs = days(*(n for n in range(1, 63)), first=MONDAY - dt.timedelta(days=61))
    found = forecasting.usual(costs=costs, day=MONDAY)
    assert found
    assert (found.weeks, found.cost, found.median) == (8, 62, Decimal("30.5"))
    assert (found.least, found.most) == (6, 55)
    assert found.difference == Decimal("31.5")
    assert found.change == Decimal("31.5") / Decimal("30.5")
    assert found.unusual


def test_weeks_before_the_first_cost_are_not_counted_and_quiet_days_are() -> None:
    costs = {MONDAY - dt.timedelta(days=29): Decimal(5), MONDAY: Decimal(0)}
    found = forecasting.usual(costs=costs, day=MONDAY)
    assert found
    assert (found.weeks, found.median, found.change, found.unusual) == (4, 0, None, False)


def test_two_weeks_say_nothing_of_what_is_usual() -> None:
    costs = days(*[1] * 15, first=MONDAY - dt.timedelta(days=14))
    assert forecasting.usual(costs=costs, day=MONDAY) is None


def test_a_little_more_than_ever_is_not_unusual() -> None:
    costs = days(*[100] * 28) | {MONDAY: Decimal(149)}
    found = forecasting.usual(costs=costs, day=MONDAY)
    assert found
    assert not found.unusual
