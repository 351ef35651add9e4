"""The half-open periods that limits count in, in the business time zone."""

import datetime as dt
from zoneinfo import ZoneInfo

BEGINNING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
END = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)


def bounds(*, period: str, at: dt.datetime, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """First moment of the window that contains ``at``, and first moment after it (both UTC).

    Days, weeks (from Monday) and months begin at midnight of ``zone``, so a day may last 23 or 25 hours.
    """
    local = at.astimezone(zone)
    match period:
        case "minute":
            start = at.astimezone(dt.UTC).replace(second=0, microsecond=0)
            return start, start + dt.timedelta(minutes=1)
        case "day":
            first = local.date()
            return _midnight(first, zone), _midnight(first + dt.timedelta(days=1), zone)
        case "week":
            first = local.date() - dt.timedelta(days=local.weekday())
            return _midnight(first, zone), _midnight(first + dt.timedelta(days=7), zone)
        case "month":
            first = local.date().replace(day=1)
            following = (first + dt.timedelta(days=32)).replace(day=1)
            return _midnight(first, zone), _midnight(following, zone)
        case "total":
            return BEGINNING, END
    raise ValueError(f"unknown period {period!r}")


def day_of(*, at: dt.datetime, zone: ZoneInfo) -> dt.date:
    """The business day that ``at`` belongs to."""
    return at.astimezone(zone).date()


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(dt.UTC)
