"""What the URL asks for. One frozen value; it also writes the URLs that lead on from a page."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

DEFAULT_PERIOD = "month"
PERIODS = {
    "today": "Today",
    "7d": "7 days",
    "month": "Month to date",
    "last-month": "Last month",
    "90d": "90 days",
    "quarter": "This quarter",
}
GROUPINGS = ("team", "model", "provider", "key", "route", "cost_center")
USAGE = ("reported", "drained", "estimated", "unknown")
OUTCOMES = ("ok", "failed", "error", "cut", "client_closed", "lost")
COSTS = ("known", "unknown")
SORTS = ("name", "cost", "unknown", "average", "calls", "attempts", "input", "output", "reasoning", "latency")
KINDS = ("attempt", "cache_hit", "correction")
YEARS = range(2000, 3000)
LONGEST = 200  # characters of any value; names and ids are shorter


class BadFilter(ValueError):
    """The URL asks for something that cannot be; the message says what, in words for the page."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Days are both inclusive and in the business time zone. Empty text means: not filtered."""

    start: dt.date
    end: dt.date
    period: str = ""  # the preset that gave the days, or empty for explicit ones
    by: str = "team"
    team: str = ""
    provider: str = ""
    model: str = ""
    key: str = ""
    route: str = ""
    cost_center: str = ""
    sort: str = ""  # the column that orders the table; empty: the dearest first

    def query(self, **changes: object) -> str:
        """The query string of this page with ``changes``; a preset stays a preset, so bookmarks move on."""
        changed = replace(self, **changes)  # type: ignore[arg-type]
        pairs: list[tuple[str, str]] = []
        if changed.period:
            pairs.append(("period", changed.period))
        else:
            pairs += [("from", changed.start.isoformat()), ("to", changed.end.isoformat())]
        pairs.append(("by", changed.by))
        pairs += [(name, getattr(changed, name)) for name in (*GROUPINGS, "sort") if getattr(changed, name)]
        return urlencode(pairs)

    def entries_query(self, **extra: str) -> str:
        """The query string of the ledger's entries behind a number: always with explicit days."""
        pairs = [("from", self.start.isoformat()), ("to", self.end.isoformat())]
        given = {name: getattr(self, name) for name in GROUPINGS} | extra
        return urlencode(pairs + [(name, value) for name, value in given.items() if value])

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    def on(self, day: dt.date) -> "Filters":
        """The same of one day."""
        return replace(self, start=day, end=day, period="")

    def before(self) -> "Filters":
        """The same number of days just before these."""
        last = self.start - dt.timedelta(days=1)
        return replace(self, start=last - dt.timedelta(days=self.days - 1), end=last, period="")

    @property
    def narrowed(self) -> bool:
        return any(getattr(self, name) for name in GROUPINGS)


@dataclass(frozen=True, slots=True)
class EntryFilters:
    """Which ledger entries to list: those of ``spend``, narrowed further."""

    spend: Filters
    search: str = ""  # a request id, a caller's request id, or a vendor's id
    usage: str = ""
    outcome: str = ""
    cost: str = ""
    kind: str = ""
    error: str = ""  # the class of the vendor's failure, as it was booked
    before: int | None = None  # entries booked before this one (paging)

    def query(self, *, before: int | None = None) -> str:
        extra = {
            "q": self.search,
            "usage": self.usage,
            "outcome": self.outcome,
            "cost": self.cost,
            "kind": self.kind,
            "error": self.error,
            "before": "" if before is None else str(before),
        }
        return self.spend.entries_query(**extra)

    @property
    def in_rollup(self) -> bool:
        """Whether the daily rollup can say what these entries add up to."""
        return not (self.search or self.usage or self.outcome or self.cost or self.kind or self.error)


def days_of(period: str, *, today: dt.date) -> tuple[dt.date, dt.date]:
    """First and last day of a preset."""
    first = today.replace(day=1)
    if period == "today":
        return today, today
    if period == "7d":
        return today - dt.timedelta(days=6), today
    if period == "90d":
        return today - dt.timedelta(days=89), today
    if period == "quarter":
        return first.replace(month=3 * ((today.month - 1) // 3) + 1), today
    if period == "last-month":
        last = first - dt.timedelta(days=1)
        return last.replace(day=1), last
    return first, today


def spend_filters(query: Mapping[str, str], *, today: dt.date) -> Filters:
    """The filters of a report. Raises BadFilter."""
    texts = {name: read_text(query, name) for name in GROUPINGS}
    texts["sort"] = read_choice(query, "sort", SORTS)
    by = read_choice(query, "by", GROUPINGS) or "team"
    start, end = read_day(query, "from"), read_day(query, "to")
    period = read_choice(query, "period", tuple(PERIODS))
    unsaid = start is None and end is None
    if unsaid or (period and (start, end) == days_of(period, today=today)):
        period = period or DEFAULT_PERIOD
        start, end = days_of(period, today=today)
        return Filters(start=start, end=end, period=period, by=by, **texts)
    end = end or max(today, start or today)
    start = start or end.replace(day=1)
    if start > end:
        raise BadFilter(f"the period ends ({end}) before it begins ({start})")
    return Filters(start=start, end=end, by=by, **texts)


def entry_filters(query: Mapping[str, str], *, today: dt.date) -> EntryFilters:
    """The filters of a list of entries. Raises BadFilter."""
    before = read_text(query, "before")
    if before and not (before.isascii() and before.isdigit() and len(before) < 19):
        raise BadFilter("before must be the number of an entry")
    return EntryFilters(
        spend=spend_filters(query, today=today),
        search=read_text(query, "q"),
        usage=read_choice(query, "usage", USAGE),
        outcome=read_choice(query, "outcome", OUTCOMES),
        cost=read_choice(query, "cost", COSTS),
        kind=read_choice(query, "kind", KINDS),
        error=read_text(query, "error"),
        before=int(before) if before else None,
    )


def read_text(query: Mapping[str, str], name: str) -> str:
    """A name from the URL; empty when it is not given. Raises BadFilter."""
    value = query.get(name, "").strip()
    if len(value) > LONGEST or "\x00" in value:
        raise BadFilter(f"{name} is not a name")
    return value


def read_choice(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """One of ``allowed``; empty when it is not given. Raises BadFilter."""
    value = read_text(query, name)
    if value and value not in allowed:
        raise BadFilter(f"{name} must be one of {', '.join(allowed)}")
    return value


def read_day(query: Mapping[str, str], name: str) -> dt.date | None:
    """A day such as 2026-11-30; None when it is not given. Raises BadFilter."""
    value = read_text(query, name)
    if not value:
        return None
    try:
        day = dt.datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError as error:
        raise BadFilter(f"{name} must be a day such as 2026-11-30") from error
    if day.year not in YEARS:
        raise BadFilter(f"{name} must be a day from {YEARS[0]} to {YEARS[-1]}")
    return day
