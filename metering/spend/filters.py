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
GROUPINGS = ("team", "model", "provider", "key", "route", "cost_center")  # narrow a page, and group it
BY = (*GROUPINGS, "token_type", "tag")
MEASURES = {"usd": "USD", "tokens": "Tokens", "requests": "Requests"}
SHAPES = {"bars": "Per day", "cumulative": "Cumulative"}
PREVIOUS = "previous"
UNTAGGED = "no"
USAGE = ("reported", "drained", "estimated", "unknown")
OUTCOMES = ("ok", "failed", "error", "cut", "client_closed", "lost")
COSTS = ("known", "unknown")
SORTS = (
    *("name", "cost", "unknown", "average", "calls", "attempts"),
    *("tokens", "input", "output", "reasoning", "latency"),
)
KINDS = ("attempt", "cache_hit", "correction")
YEARS = range(2000, 3000)
MOST_ADDED_UP = 800  # days; a figure for each, whether anything was spent or not
LONGEST = 200  # characters of any value; names and ids are shorter


class BadFilter(ValueError):
    """The URL asks for something that cannot be; the message says what, in words for the page."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Days are both inclusive and in the business time zone. Empty text means: not filtered.

    ``tag`` names the tag to group by, or to narrow by: to its ``tag_value``, or (``tagged``: no) to calls
    that do not carry it.
    """

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
    measure: str = "usd"
    shape: str = "bars"
    compare: str = ""  # PREVIOUS: beside the period before
    tag: str = ""
    tag_value: str = ""
    tagged: str = ""

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
        pairs += [(name, value) for name, value in changed._shown_as().items() if value]
        return urlencode(pairs)

    def _shown_as(self) -> dict[str, str]:
        """What differs from the plain page of these filters."""
        return {
            "measure": "" if self.measure == "usd" else self.measure,
            "shape": "" if self.shape == "bars" else self.shape,
            "compare": self.compare,
            "tag": self.tag if self.by_tag or self.by == "tag" else "",
            "tag_value": self.tag_value,
            "tagged": self.tagged,
        }

    def entries_query(self, **extra: str) -> str:
        """The query string of the ledger's entries behind a number: always with explicit days."""
        pairs = [("from", self.start.isoformat()), ("to", self.end.isoformat())]
        given = {name: getattr(self, name) for name in GROUPINGS}
        tag = {"tag": self.tag, "tag_value": self.tag_value, "tagged": self.tagged} if self.by_tag else {}
        given |= tag | extra
        return urlencode(pairs + [(name, value) for name, value in given.items() if value])

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    def on(self, day: dt.date) -> "Filters":
        """The same of one day."""
        return replace(self, start=day, end=day, period="")

    @property
    def span(self) -> str:
        """The days in words: ``2026-11-01 to 2026-11-20``; one day alone is just that."""
        return f"{self.start}" if self.start == self.end else f"{self.start} to {self.end}"

    @property
    def narrowed(self) -> bool:
        return self.by_tag or any(getattr(self, name) for name in GROUPINGS)

    @property
    def by_tag(self) -> bool:
        """Narrowed to calls that carry a tag, or that do not."""
        return bool(self.tag and (self.tag_value or self.tagged))


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
    by = read_choice(query, "by", BY) or "team"
    texts |= _read_shown(query, by=by)
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
    if (texts["shape"] == "cumulative" or texts["compare"]) and (end - start).days >= MOST_ADDED_UP:
        raise BadFilter(f"figures are added up, or compared, over {MOST_ADDED_UP} days at most: choose fewer")
    return Filters(start=start, end=end, by=by, **texts)


def _read_shown(query: Mapping[str, str], *, by: str) -> dict[str, str]:
    """How the numbers are shown, and which tag is meant. Raises BadFilter."""
    measure = read_choice(query, "measure", tuple(MEASURES)) or "usd"
    tag = {name: read_text(query, name) for name in ("tag", "tag_value")}
    tag["tagged"] = read_choice(query, "tagged", (UNTAGGED,))
    if (tag["tag_value"] or tag["tagged"]) and not tag["tag"]:
        raise BadFilter("tag_value and tagged need tag, the name of the tag")
    if tag["tag_value"] and tag["tagged"]:
        raise BadFilter("calls with a tag_value carry the tag: leave out tagged, or tag_value")
    if by == "token_type" and measure == "requests":
        raise BadFilter("a request has tokens of several types: measure USD or tokens by token type")
    if by == "token_type" and (tag["tag_value"] or tag["tagged"]):
        raise BadFilter("cost by token type is not kept by tag: group by something else, or remove the tag")
    return {
        "measure": measure,
        "shape": read_choice(query, "shape", tuple(SHAPES)) or "bars",
        "compare": read_choice(query, "compare", (PREVIOUS,)),
        **tag,
    }


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
