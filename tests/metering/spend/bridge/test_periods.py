"""Which periods are compared: by default the same days of the month before, else what the URL says."""

import datetime as dt

import pytest

from metering.spend.bridge.periods import bridge_periods
from metering.spend.filters import BadFilter

TODAY = dt.date(2026, 11, 20)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


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


def test_days_to_come_are_left_out_of_both_periods() -> None:
    found = bridge_periods({"from": "2026-11-01", "to": "2026-11-30", "team": "ads"}, today=TODAY)

    assert (found.now.span, found.before.span) == ("2026-11-01 to 2026-11-20", "2026-10-01 to 2026-10-20")
    assert found.cut
    assert found.query() == "from=2026-11-01&to=2026-11-20&by=team&team=ads"


def test_the_form_of_the_filters_keeps_the_period_before_that_was_chosen() -> None:
    chosen = {"before_from": "2026-03-05", "before_to": "2026-03-06"}

    assert bridge_periods(chosen, today=TODAY).kept == list(chosen.items())
    assert bridge_periods({}, today=TODAY).kept == []
