"""Business months, known by their first day. Pure."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

_WRITTEN = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


class NoMonth(ValueError):
    """The text is no month; the message says how one is written."""


def parse(text: str) -> dt.date:
    """The first day of ``2026-10``. Raises NoMonth."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise NoMonth(f"{text!r} is no month: write it as 2026-10")
    return dt.date(int(found[1]), int(found[2]), 1)


def written(month: dt.date) -> str:
    return f"{month:%Y-%m}"


def of(day: dt.date) -> dt.date:
    return day.replace(day=1)


def after(month: dt.date) -> dt.date:
    return of(month + dt.timedelta(days=32))


def starts_at(month: dt.date, *, zone: ZoneInfo) -> dt.datetime:
    """Its first moment, in UTC."""
    return dt.datetime(month.year, month.month, month.day, tzinfo=zone).astimezone(dt.UTC)


def is_over(month: dt.date, *, at: dt.datetime, zone: ZoneInfo) -> bool:
    return at.astimezone(zone).date() >= after(month)
