"""What the URL of the entries asks for. One frozen value; it also writes the URLs that lead on."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from metering.spend import money
from metering.spend.filters import (
    COSTS,
    KINDS,
    OUTCOMES,
    USAGE,
    BadFilter,
    Filters,
    read_choice,
    read_text,
    spend_filters,
)

BY_COST = "cost"
AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?|\.[0-9]{1,12}", flags=re.ASCII)
MOST_DIGITS = 12  # before the point, and after it: as the ledger keeps USD
LONGEST_ID = 19  # digits
NUMBERS = {"output": "visible tokens", "reasoning": "reasoning tokens", "slow": "milliseconds"}


@dataclass(frozen=True, slots=True)
class EntryFilters:
    """Which entries to list: those of ``spend`` (its tag too), narrowed further. Empty, None: not filtered.

    ``over`` USD at least; ``output`` and ``reasoning`` tokens at least; ``slow`` milliseconds at least.
    """

    spend: Filters
    search: str = ""  # a request id, a caller's request id, or a vendor's id
    usage: str = ""
    outcome: str = ""
    cost: str = ""
    kind: str = ""
    error: str = ""  # the class of the vendor's failure, as it was booked
    flag: str = ""
    over: Decimal | None = None
    output: int | None = None
    reasoning: int | None = None
    slow: int | None = None
    sort: str = ""  # BY_COST: the dearest first; else the newest
    before: int | None = None  # entries that come after this one in the list (paging)

    def query(self, *, before: int | None = None, sort: str | None = None) -> str:
        """The query string of this list, from its first page on unless ``before`` says where."""
        extra = {
            "q": self.search,
            **self._choices(),
            **self.query_value,
            "sort": self.sort if sort is None else sort,
            "before": "" if before is None else str(before),
        }
        return self.spend.entries_query(**extra)

    def entries_query(self, **changes: str) -> str:
        """The query string of the entries of the same period and groups."""
        return self.spend.entries_query(**changes)

    @property
    def in_rollup(self) -> bool:
        """Whether the daily rollup knows these entries."""
        return not (self.search or self.spend.by_tag or self.narrowed_further)

    @property
    def in_tags(self) -> bool:
        """Whether the summary by tag knows these entries."""
        return bool(self.spend.tag_value) and not (self.search or self.narrowed_further)

    @property
    def counted_as(self) -> str:
        """The rollup's name for the number of these entries, where one other choice is made that it knows."""
        if self.search or self.spend.by_tag or any(value is not None for value in self._least().values()):
            return ""
        chosen = {name: value for name, value in self._choices().items() if value}
        known = {("cost", "unknown"): "unpriced", ("kind", "attempt"): "attempts"}
        return known.get(next(iter(chosen.items())), "") if len(chosen) == 1 else ""

    @property
    def narrowed_further(self) -> bool:
        return any(self._choices().values()) or any(value is not None for value in self._least().values())

    @property
    def indexed(self) -> bool:
        """Few entries are what is asked for, and an index has those few (metering.models.ledger)."""
        large = any(value is not None for value in self._least().values())
        return self.indexed_few or large

    @property
    def indexed_few(self) -> bool:
        """Few by what they are, whatever their size: an index has them all, and no others."""
        rare = self.outcome not in ("", "ok") or self.usage not in ("", "reported")
        kind = self.kind not in ("", "attempt")
        return bool(rare or kind or self.error or self.flag or self.cost == "unknown")

    @property
    def narrowed(self) -> bool:
        return bool(self.spend.narrowed or self.search or self.narrowed_further)

    @property
    def dearest(self) -> bool:
        """In the order of cost. An id is looked for on all days, in which nothing has an order."""
        return self.sort == BY_COST and not self.search

    @property
    def query_value(self) -> dict[str, str]:
        """The least amounts as the form shows them."""
        counts = {name: "" if value is None else str(value) for name, value in self._numbers().items()}
        return counts | {"over": "" if self.over is None else money.exact(self.over)}

    def words(self) -> dict[str, str]:
        """What narrows the list beside its period, groups and tag, for people."""
        names = {"usage": "Usage", "outcome": "Outcome", "cost": "Cost", "kind": "Kind", "error": "Error"}
        least = {"over": "USD", **NUMBERS}
        return {
            "Id": self.search,
            **{names.get(name, name.capitalize()): value for name, value in self._choices().items()},
            **{
                f"At least {unit}": "" if self._least()[name] is None else f"{self._least()[name]}"
                for name, unit in least.items()
            },
            "Order": "the dearest first" if self.dearest else "the newest first",
        }

    def _choices(self) -> dict[str, str]:
        names = ("usage", "outcome", "cost", "kind", "error", "flag")
        return {name: getattr(self, name) for name in names}

    def _numbers(self) -> dict[str, int | None]:
        return {name: getattr(self, name) for name in NUMBERS}

    def _least(self) -> dict[str, Decimal | int | None]:
        return {"over": self.over, **self._numbers()}


def entry_filters(query: Mapping[str, str], *, today: dt.date) -> EntryFilters:
    """Raises BadFilter."""
    sort = read_choice(query, "sort", (BY_COST,))
    cost = read_choice(query, "cost", COSTS)
    if sort and cost == "unknown":
        raise BadFilter("costs that nobody knows have no order: leave out sort, or cost")
    return EntryFilters(
        spend=spend_filters(query, today=today),
        search=read_text(query, "q"),
        usage=read_choice(query, "usage", USAGE),
        outcome=read_choice(query, "outcome", OUTCOMES),
        cost=cost,
        kind=read_choice(query, "kind", KINDS),
        error=read_text(query, "error"),
        flag=read_text(query, "flag"),
        over=_amount(query, "over"),
        **{name: _count(query, name) for name in NUMBERS},
        sort=sort,
        before=_count(query, "before", what="the number of an entry"),
    )


def _count(query: Mapping[str, str], name: str, *, what: str = "a whole number") -> int | None:
    value = read_text(query, name)
    if value and not (value.isascii() and value.isdigit() and len(value) < LONGEST_ID):
        raise BadFilter(f"{name} must be {what}")
    return int(value) if value else None


def _amount(query: Mapping[str, str], name: str) -> Decimal | None:
    value = read_text(query, name)
    if not value:
        return None
    if not AMOUNT.fullmatch(value):
        raise BadFilter(f"{name} must be an amount of USD such as 0.50, of {MOST_DIGITS} decimals at most")
    return Decimal(value)


__all__ = ["EntryFilters", "entry_filters"]
