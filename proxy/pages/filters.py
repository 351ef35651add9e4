"""What the URL asks of the reliability page. One frozen value; it also writes the URLs that lead on."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.utils import timezone

from metering.spend.filters import BadFilter, Filters, days_of, read_choice, read_day, read_text

DEFAULT_PERIOD = "24h"
PERIODS = {
    "1h": "Last hour",
    "24h": "24 hours",
    "7d": "168 hours",  # 7 days of the clock: not the whole days of the spend pages
    "30d": "720 hours",
    "today": "Today",
    "month": "Month to date",
    "last-month": "Last month",
}
LENGTHS = {
    "1h": dt.timedelta(hours=1),
    "24h": dt.timedelta(hours=24),
    "7d": dt.timedelta(days=7),
    "30d": dt.timedelta(days=30),
}
LONGEST_EXACT = dt.timedelta(days=3)  # read from every entry; longer ones from what is kept of each day
LONGEST = dt.timedelta(days=31)  # requests of several attempts are read one by one
GROUPINGS = {"provider": "Provider", "region": "Region", "model": "Model"}
NARROWINGS = ("team", "route", "provider", "region", "model")
SLICES = 48  # of an exact period, at most, in the chart over time
STEPS = tuple(dt.timedelta(minutes=minutes) for minutes in (2, 5, 15, 30, 60, 180, 360))
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """The half-open period [start, end), aware; empty text means: not filtered."""

    start: dt.datetime
    end: dt.datetime
    period: str = ""  # the preset that gave the period, or empty for explicit days
    by: str = "provider"
    team: str = ""
    route: str = ""  # the model's name as callers gave it
    provider: str = ""
    region: str = ""
    model: str = ""  # provider/model

    @property
    def days(self) -> tuple[dt.date, dt.date]:
        """The first and the last day that the period touches, in the business time zone."""
        last = self.end - dt.timedelta(microseconds=1)
        return timezone.localdate(self.start), timezone.localdate(last)

    @property
    def narrowed(self) -> bool:
        return any(getattr(self, name) for name in NARROWINGS)

    @property
    def of_vendors(self) -> bool:
        """Only what went to some vendors is asked for."""
        return bool(self.provider or self.region or self.model)

    @property
    def exact(self) -> bool:
        """Read from every entry. A longer period is read from what is kept of its days: the same counts and
        money, but percentiles from bins."""
        return self.end - self.start <= LONGEST_EXACT

    @property
    def whole_days(self) -> tuple[dt.date, dt.date]:
        """The first and the last day that lie in a long period from midnight to midnight."""
        first, last = self.days
        return (
            first if midnight(first) >= self.start else first + DAY,
            last if midnight(last + DAY) <= self.end else last - DAY,
        )

    @property
    def step(self) -> dt.timedelta:
        """How long one slice of the chart over time is; a slice of a day is one of the calendar."""
        if not self.exact:
            return DAY
        return next(step for step in STEPS if self.end - self.start <= SLICES * step)

    def query(self, **changes: object) -> str:
        """The query string of this page with ``changes``; a preset stays one, so bookmarks move on."""
        changed = replace(self, **changes)  # type: ignore[arg-type]
        first, last = changed.days
        period = {"period": changed.period} if changed.period else {"from": f"{first}", "to": f"{last}"}
        given = {"by": changed.by} | {name: getattr(changed, name) for name in NARROWINGS}
        return urlencode(period | {name: value for name, value in given.items() if value})

    def spend(self) -> Filters:
        """The same as the spend pages ask it, which know whole days and no regions."""
        first, last = self.days
        return Filters(
            start=first,
            end=last,
            team=self.team,
            route=self.route,
            provider=self.provider,
            model=self.model,
        )

    def entries_query(self, **extra: str) -> str:
        """The ledger's entries behind a number: of the whole days that the period touches."""
        return self.spend().entries_query(**extra)


def asked_from(query: Mapping[str, str], *, now: dt.datetime) -> Asked:
    """Raises BadFilter."""
    narrowings = {name: read_text(query, name) for name in NARROWINGS}
    by = read_choice(query, "by", tuple(GROUPINGS)) or "provider"
    period = read_choice(query, "period", tuple(PERIODS))
    first, last = read_day(query, "from"), read_day(query, "to")
    if first is None and last is None:
        period = period or DEFAULT_PERIOD
        start, end = _preset(period, now=now)
        return Asked(start=start, end=end, period=period, by=by, **narrowings)
    last = last or max(timezone.localdate(now), first or dt.date.min)
    start, end = midnight(first or last), midnight(last + dt.timedelta(days=1))
    if start >= end:
        raise BadFilter(f"the period ends ({last}) before it begins ({first})")
    if end - start > LONGEST:
        raise BadFilter(f"the period may have {LONGEST.days} days at most")
    return Asked(start=start, end=end, by=by, **narrowings)


def _preset(period: str, *, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """So many hours up to now, or whole days as the spend pages have them."""
    if period in LENGTHS:
        return now - LENGTHS[period], now
    first, last = days_of(period, today=timezone.localdate(now))
    return midnight(first), midnight(last + dt.timedelta(days=1))


def midnight(day: dt.date) -> dt.datetime:
    """The beginning of ``day`` in the business time zone. Between two of them are as many days as in the
    calendar, also where a clock is set in between: they are of one zone."""
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))
