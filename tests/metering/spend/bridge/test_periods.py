"""Which periods are compared: by default the same days of the month before, else what the URL says."""

import datetime as dt

import pytest

from metering.spend.bridge.periods import bridge_periods, days_before
from metering.spend.filters import BadFilter

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


def test_the_default_is_this_month_to_date_against_the_same_days_of_the_last() -> None:
    found = bridge_periods({}, today=TODAY)

    assert (found.now.start, found.now.end) == (day("2026-11-01"), TODAY)
    assert (found.before.start, found.before.end) == (day("2026-10-01"), day("2026-10-20"))
    assert found.query() == "period=month&by=team"


def test_any_two_ranges_can_be_compared_under_the_same_filters() -> None:
    query = {
        "from": "2026-11-01", "to": "2026-11-10", "before_from": "2026-03-05", "before_to": "2026-03-06",
        "team": "search",
    }  # fmt: skip

    found = bridge_periods(query, today=TODAY)

    assert (found.before.start, found.before.end, found.before.team) == (
        day("2026-03-05"), day("2026-03-06"), "search",
    )  # fmt: skip
    assert found.query().endswith("&team=search&before_from=2026-03-05&before_to=2026-03-06")
    assert bridge_periods(dict(pair.split("=") for pair in found.query().split("&")), today=TODAY) == found
    assert found.query(period="7d") == "period=7d&by=team&team=search"


@pytest.mark.parametrize(
    "query",
    [{"before_from": "2026-03-05"}, {"before_to": "2026-03-05"},
     {"before_from": "x", "before_to": "2026-03-05"},
     {"before_from": "2026-03-06", "before_to": "2026-03-05"}, {"tag": "feature", "tag_value": "x"},
     {"from": "2026-03-06", "to": "2026-03-05"}],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadFilter):
        bridge_periods(query, today=TODAY)
