"""Which days a period is compared with: one rule for the overview and the bridge. Pure.

* Days that are still to come have no spend yet: they are left out (``cut``).
* Within a month from its first day: the same days of the month before; a whole month: all of that.
* Else as many days, just before.
"""

import calendar
import datetime as dt
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

from metering.spend.filters import Filters

BEFORE_FROM, BEFORE_TO = "before_from", "before_to"


@dataclass(frozen=True, slots=True)
class Compared:
    """The same filters in two periods. ``cut``: ``now`` ends today, its days to come are left out.

    ``chosen``: the earlier one was asked for, not worked out.
    """

    before: Filters
    now: Filters
    cut: bool = False
    chosen: bool = False

    def query(self, **changes: object) -> str:
        """The query string of the bridge. A preset compares with what is worked out for it."""
        pairs = self.now.query(**changes)
        return pairs if "period" in changes or not self.chosen else f"{pairs}&{urlencode(self.kept)}"

    @property
    def exactly(self) -> str:
        """The query string of the bridge between these very days, whenever it is opened."""
        return replace(self, now=replace(self.now, period=""), chosen=True).query()

    @property
    def kept(self) -> list[tuple[str, str]]:
        """The earlier period as the fields of a form; none where it is worked out."""
        days = (self.before.start.isoformat(), self.before.end.isoformat())
        return list(zip((BEFORE_FROM, BEFORE_TO), days, strict=True)) if self.chosen else []

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The filters as the fields of a form that asks for the period before."""
        return parse_qsl(self.now.query())

    @property
    def worked_out(self) -> str:
        """The query string of the bridge with what the rule compares these days with."""
        return self.now.query()


def compared(filters: Filters, *, today: dt.date) -> Compared:
    """By the rule (see the module)."""
    now = passed(filters, today=today)
    start, end = days_before(now.start, now.end)
    return Compared(before=_over(now, start, end), now=now, cut=now.end != filters.end)


def with_days(filters: Filters, start: dt.date, end: dt.date, *, today: dt.date) -> Compared:
    """With the days that somebody chose."""
    now = passed(filters, today=today)
    return Compared(before=_over(now, start, end), now=now, cut=now.end != filters.end, chosen=True)


def passed(filters: Filters, *, today: dt.date) -> Filters:
    """The days up to today; all of them where none has begun."""
    if filters.start <= today < filters.end:
        return replace(filters, end=today, period="")
    return filters


def days_before(start: dt.date, end: dt.date) -> tuple[dt.date, dt.date]:
    """First and last day."""
    if start.day != 1 or (start.year, start.month) != (end.year, end.month):
        days = (end - start).days + 1
        return start - dt.timedelta(days=days), start - dt.timedelta(days=1)
    last = start - dt.timedelta(days=1)
    whole_month = end.day == calendar.monthrange(end.year, end.month)[1]
    return last.replace(day=1), last if whole_month else last.replace(day=min(end.day, last.day))


def _over(now: Filters, start: dt.date, end: dt.date) -> Filters:
    return replace(now, start=start, end=end, period="")


__all__ = ["BEFORE_FROM", "BEFORE_TO", "Compared", "compared", "days_before", "passed", "with_days"]
