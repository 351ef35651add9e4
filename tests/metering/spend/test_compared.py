"""Which days a period is compared with: by calendar within a month, else as many, and never days to come."""

import datetime as dt

import pytest

from metering.spend import filters
from metering.spend.compared import compared, days_before

TODAY = dt.date(2026, 11, 20)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ("2026-11-01 2026-11-20", "2026-10-01 2026-10-20"),  # this month to date
        ("2026-10-01 2026-10-31", "2026-09-01 2026-09-30"),  # a whole month
        ("2026-02-01 2026-02-28", "2026-01-01 2026-01-31"),
        ("2026-03-01 2026-03-30", "2026-02-01 2026-02-28"),  # days that the month before does not have
        ("2026-01-01 2026-01-01", "2025-12-01 2025-12-01"),
        ("2026-11-14 2026-11-20", "2026-11-07 2026-11-13"),  # a week
        ("2026-10-01 2026-11-20", "2026-08-11 2026-09-30"),  # a quarter to date: as many days
    ],
)
def test_the_period_before(now: str, before: str) -> None:
    start, end = map(day, now.split())

    assert days_before(start, end) == tuple(map(day, before.split()))


@pytest.mark.parametrize(
    ("query", "now", "before"),
    [
        ({"period": "month"}, "2026-11-01 to 2026-11-20", "2026-10-01 to 2026-10-20"),
        ({"period": "last-month"}, "2026-10-01 to 2026-10-31", "2026-09-01 to 2026-09-30"),
        ({"period": "7d"}, "2026-11-14 to 2026-11-20", "2026-11-07 to 2026-11-13"),
        ({"period": "today"}, "2026-11-20", "2026-11-19"),
    ],
)
def test_presets_are_compared_by_the_same_rule(query: dict[str, str], now: str, before: str) -> None:
    found = compared(filters.spend_filters(query, today=TODAY), today=TODAY)

    assert (found.now.span, found.before.span, found.cut) == (now, before, False)


@pytest.mark.parametrize(
    ("end", "now", "before"),
    [
        ("2026-11-30", "2026-11-01 to 2026-11-20", "2026-10-01 to 2026-10-20"),  # until the month's last day
        ("2026-11-21", "2026-11-01 to 2026-11-20", "2026-10-01 to 2026-10-20"),  # until tomorrow
    ],
)
def test_days_to_come_are_compared_with_nothing(end: str, now: str, before: str) -> None:
    asked = filters.spend_filters({"from": "2026-11-01", "to": end, "team": "ads"}, today=TODAY)

    found = compared(asked, today=TODAY)

    assert (found.now.span, found.before.span, found.cut) == (now, before, True)
    assert (found.now.team, found.before.team) == ("ads", "ads")


def test_a_period_of_which_no_day_has_begun_stays_whole() -> None:
    asked = filters.spend_filters({"from": "2026-12-01", "to": "2026-12-31"}, today=TODAY)

    found = compared(asked, today=TODAY)

    assert (found.now.span, found.before.span, found.cut) == (
        "2026-12-01 to 2026-12-31", "2026-11-01 to 2026-11-30", False,
    )  # fmt: skip


def test_the_bridge_is_led_to_by_these_very_days() -> None:
    found = compared(filters.spend_filters({"period": "month", "model": "a/b"}, today=TODAY), today=TODAY)

    assert found.exactly == (
        "from=2026-11-01&to=2026-11-20&by=team&model=a%2Fb&before_from=2026-10-01&before_to=2026-10-20"
    )
