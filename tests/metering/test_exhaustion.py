"""On which day a budget is spent, if days go on as they did."""

import datetime as dt
from decimal import Decimal

import pytest

from metering import forecasting
from metering.exhaustion import Exhaustion, exhaustion
from metering.forecasting import Pattern

D = Decimal
TODAY = dt.date(2026, 11, 20)  # a Friday
MONTH_END = dt.date(2026, 11, 30)


def steady(cost: str = "10", swing: str = "0") -> Pattern:
    """``cost`` on each of 28 days, every second week more and the others less by ``swing``."""
    costs = {
        TODAY - dt.timedelta(days=back): D(cost) + (D(swing) if (back // 7) % 2 else -D(swing))
        for back in range(1, 29)
    }
    found = forecasting.pattern(costs=costs, today=TODAY)
    assert found is not None
    return found


def when(left: str, *, pattern: Pattern | None = None, spent_today: str = "0") -> Exhaustion:
    return exhaustion(
        pattern=pattern or steady(), left=D(left), spent_today=D(spent_today), today=TODAY, until=MONTH_END
    )


@pytest.mark.parametrize(
    ("left", "day"), [("9.99", 20), ("10", 21), ("25", 22), ("109.99", 30), ("110", None), ("1000", None)]
)
def test_each_day_takes_what_such_a_day_costs(left: str, day: int | None) -> None:
    expected = None if day is None else dt.date(2026, 11, day)

    assert when(left) == Exhaustion(expected, expected)


def test_what_today_cost_already_is_not_expected_again() -> None:
    assert when("15", spent_today="8").expected == dt.date(2026, 11, 22)
    assert when("15", spent_today="0").expected == dt.date(2026, 11, 21)


def test_a_day_dearer_than_usual_does_not_make_the_next_cheaper() -> None:
    assert when("10", spent_today="50").expected == dt.date(2026, 11, 22)


def test_uncertain_days_may_spend_it_earlier() -> None:
    found = when("95", pattern=steady(swing="4"))

    assert found.expected == dt.date(2026, 11, 29)
    assert found.earliest is not None
    assert found.earliest < found.expected


@pytest.mark.parametrize("left", ["0", "-3"])
def test_what_is_spent_is_spent_today(left: str) -> None:
    assert when(left) == Exhaustion(TODAY, TODAY)


def test_a_budget_without_an_end_is_followed_for_a_year() -> None:
    found = exhaustion(pattern=steady(), left=D(100_000), spent_today=D(0), today=TODAY, until=dt.date.max)

    assert found == Exhaustion(None, None)
