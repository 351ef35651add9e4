"""What the URL of a bridge asks for: the filters, and the two periods that are compared."""

import calendar
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

from metering.spend import filters
from metering.spend.filters import BadFilter, Filters

BEFORE_FROM, BEFORE_TO = "before_from", "before_to"


@dataclass(frozen=True, slots=True)
class Periods:
    """The same filters in two periods. ``chosen``: the earlier one was asked for, not worked out."""

    before: Filters
    now: Filters
    chosen: bool = False

    def query(self, **changes: object) -> str:
        """The query string of this page. A preset compares with what is worked out for it."""
        pairs = self.now.query(**changes)
        if not self.chosen or "period" in changes:
            return pairs
        days = {BEFORE_FROM: self.before.start.isoformat(), BEFORE_TO: self.before.end.isoformat()}
        return f"{pairs}&{urlencode(days)}"

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The filters as the fields of a form that asks for the period before."""
        return parse_qsl(self.now.query())


def bridge_periods(query: Mapping[str, str], *, today: dt.date) -> Periods:
    """Raises BadFilter."""
    now = filters.spend_filters(query, today=today)
    if now.by_tag:
        raise BadFilter("tokens by type are not kept by tag: remove the tag to see the bridge")
    start, end = filters.read_day(query, BEFORE_FROM), filters.read_day(query, BEFORE_TO)
    if start is None and end is None:
        return Periods(_over(now, *days_before(now.start, now.end)), now)
    if start is None or end is None:
        raise BadFilter(f"{BEFORE_FROM} and {BEFORE_TO} name the first and the last day: give both")
    if start > end:
        raise BadFilter(f"the period before ends ({end}) before it begins ({start})")
    return Periods(_over(now, start, end), now, chosen=True)


def days_before(start: dt.date, end: dt.date) -> tuple[dt.date, dt.date]:
    """Within a month from its first day: the same days of the month before (a whole month: all of it).

    Else as many days, just before.
    """
    if start.day != 1 or (start.year, start.month) != (end.year, end.month):
        days = (end - start).days + 1
        return start - dt.timedelta(days=days), start - dt.timedelta(days=1)
    last = start - dt.timedelta(days=1)
    whole_month = end.day == calendar.monthrange(end.year, end.month)[1]
    return last.replace(day=1), last if whole_month else last.replace(day=min(end.day, last.day))


def _over(now: Filters, start: dt.date, end: dt.date) -> Filters:
    return replace(now, start=start, end=end, period="")
