"""Periods of limits: half open, in the business time zone."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering import windows

UTC = ZoneInfo("UTC")
KOLKATA = ZoneInfo("Asia/Kolkata")  # +05:30, no summer time
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
BERLIN = ZoneInfo("Europe/Berlin")
PERIODS = ["minute", "day", "week", "month", "total"]


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text + "+00:00")


@pytest.mark.parametrize(
    ("period", "zone", "moment", "starts", "ends"),
    [
        ("minute", UTC, "2026-11-20T12:34:56.789", "2026-11-20T12:34:00", "2026-11-20T12:35:00"),
        ("minute", KOLKATA, "2026-11-20T12:34:56", "2026-11-20T12:34:00", "2026-11-20T12:35:00"),
        ("day", UTC, "2026-11-20T23:59:59", "2026-11-20T00:00:00", "2026-11-21T00:00:00"),
        ("day", KOLKATA, "2026-11-20T18:29:59", "2026-11-19T18:30:00", "2026-11-20T18:30:00"),
        ("day", KOLKATA, "2026-11-20T18:30:00", "2026-11-20T18:30:00", "2026-11-21T18:30:00"),
        ("day", LOS_ANGELES, "2026-11-20T07:59:59", "2026-11-19T08:00:00", "2026-11-20T08:00:00"),
        ("week", UTC, "2026-11-15T23:59:59", "2026-11-09T00:00:00", "2026-11-16T00:00:00"),
        ("week", UTC, "2026-11-16T00:00:00", "2026-11-16T00:00:00", "2026-11-23T00:00:00"),
        ("week", KOLKATA, "2026-11-15T18:30:00", "2026-11-15T18:30:00", "2026-11-22T18:30:00"),
        ("month", UTC, "2026-02-28T12:00:00", "2026-02-01T00:00:00", "2026-03-01T00:00:00"),
        ("month", UTC, "2026-12-31T23:59:59", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("month", KOLKATA, "2026-11-30T18:30:00", "2026-11-30T18:30:00", "2026-12-31T18:30:00"),
        ("month", LOS_ANGELES, "2026-11-20T12:00:00", "2026-11-01T07:00:00", "2026-12-01T08:00:00"),
        # The months in which Berlin's clocks change: the offset at one end is not that at the other.
        ("month", BERLIN, "2026-03-31T21:59:59", "2026-02-28T23:00:00", "2026-03-31T22:00:00"),
        ("month", BERLIN, "2026-03-31T22:00:00", "2026-03-31T22:00:00", "2026-04-30T22:00:00"),
        ("month", BERLIN, "2026-10-31T22:59:59", "2026-09-30T22:00:00", "2026-10-31T23:00:00"),
        ("month", BERLIN, "2026-10-31T23:00:00", "2026-10-31T23:00:00", "2026-11-30T23:00:00"),
        ("week", BERLIN, "2026-03-29T12:00:00", "2026-03-22T23:00:00", "2026-03-29T22:00:00"),
        # From the last day of a long month to the end of a short one, and the day of every fourth year.
        ("month", BERLIN, "2027-01-31T12:00:00", "2026-12-31T23:00:00", "2027-01-31T23:00:00"),
        ("month", BERLIN, "2027-01-31T23:00:00", "2027-01-31T23:00:00", "2027-02-28T23:00:00"),
        ("month", KOLKATA, "2028-02-29T12:00:00", "2028-01-31T18:30:00", "2028-02-29T18:30:00"),
        ("day", LOS_ANGELES, "2028-02-29T12:00:00", "2028-02-29T08:00:00", "2028-03-01T08:00:00"),
        ("month", LOS_ANGELES, "2028-03-01T07:59:59", "2028-02-01T08:00:00", "2028-03-01T08:00:00"),
        ("total", LOS_ANGELES, "2026-11-20T12:00:00", "2000-01-01T00:00:00", "9000-01-01T00:00:00"),
    ],
)
def test_bounds(period: str, zone: ZoneInfo, moment: str, starts: str, ends: str) -> None:
    assert windows.bounds(period=period, at=at(moment), zone=zone) == (at(starts), at(ends))


@pytest.mark.parametrize(
    ("moment", "hours"),
    [("2026-03-08T20:00:00", 23), ("2026-11-01T20:00:00", 25), ("2026-11-02T20:00:00", 24)],
)
def test_a_day_lasts_23_hours_when_summer_time_begins_and_25_when_it_ends(moment: str, hours: int) -> None:
    starts, ends = windows.bounds(period="day", at=at(moment), zone=LOS_ANGELES)

    assert ends - starts == dt.timedelta(hours=hours)


def test_both_one_oclocks_of_the_long_day_are_in_it() -> None:
    first, second = at("2026-11-01T08:30:00"), at("2026-11-01T09:30:00")  # 01:30 PDT, 01:30 PST

    assert windows.bounds(period="day", at=first, zone=LOS_ANGELES) == windows.bounds(
        period="day", at=second, zone=LOS_ANGELES
    )


def test_a_day_whose_midnight_does_not_exist_begins_when_it_first_can() -> None:
    """In Beirut clocks go from 24:00 to 01:00."""
    starts, ends = windows.bounds(period="day", at=at("2026-03-29T10:00:00"), zone=ZoneInfo("Asia/Beirut"))

    assert (starts, ends) == (at("2026-03-28T22:00:00"), at("2026-03-29T21:00:00"))


@pytest.mark.parametrize(
    ("zone", "day"),
    [(UTC, dt.date(2026, 11, 20)), (KOLKATA, dt.date(2026, 11, 21)), (LOS_ANGELES, dt.date(2026, 11, 20))],
)
def test_the_business_day_depends_on_the_zone(zone: ZoneInfo, day: dt.date) -> None:
    assert windows.day_of(at=at("2026-11-20T20:00:00"), zone=zone) == day


def test_an_unknown_period_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown period 'year'"):
        windows.bounds(period="year", at=at("2026-11-20T20:00:00"), zone=UTC)


moments = st.datetimes(
    min_value=dt.datetime(2001, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=dt.datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(dt.UTC),
)
zones = st.sampled_from(["UTC", "Asia/Kolkata", "America/Los_Angeles", "Asia/Beirut", "Pacific/Chatham"]).map(
    ZoneInfo
)


@given(moment=moments, zone=zones, period=st.sampled_from(PERIODS))
def test_every_moment_lies_in_its_window_and_windows_meet_without_a_gap(
    moment: dt.datetime, zone: ZoneInfo, period: str
) -> None:
    starts, ends = windows.bounds(period=period, at=moment, zone=zone)

    assert starts <= moment < ends
    assert windows.bounds(period=period, at=starts, zone=zone) == (starts, ends)
    if period != "total":
        assert windows.bounds(period=period, at=ends, zone=zone)[0] == ends


@given(moment=moments, zone=zones)
def test_the_day_window_is_the_business_day(moment: dt.datetime, zone: ZoneInfo) -> None:
    starts, ends = windows.bounds(period="day", at=moment, zone=zone)
    day = windows.day_of(at=moment, zone=zone)

    assert windows.day_of(at=starts, zone=zone) == day
    assert windows.day_of(at=ends, zone=zone) == day + dt.timedelta(days=1)
