"""Entries in the order of what they cost: those that the summary of the dearest keeps.

Of each day, team and model it keeps the DEAREST_KEPT attempts that cost most, as they were first booked. So
the first DEAREST_KEPT of a list of teams, models or providers are the dearest there are; whatever else
narrows the list narrows what is kept. No order by cost reads the ledger.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Self

from django.db.models import Q, QuerySet

from catalog.visibility import Visibility
from metering.models import CostEntry, DearEntry
from metering.spend import queries
from metering.spend.entries import BATCH, comes_after, ledger_rows
from metering.spend.entry import Entry, entries_from
from metering.spend.explorer import reach
from metering.spend.explorer.asked import EntryFilters
from metering.spend.filters import Filters

FIRST = 64  # of the summary, looked at for a page; then twice as many each time


class DearRows(QuerySet[DearEntry]):
    """The summary, filtered by its own columns."""

    def seen_by(self, visibility: Visibility) -> Self:
        return visibility.restrict(self)  # type: ignore[return-value]

    def of(self, filters: Filters) -> Self:
        own = queries.of_the_same(replace(filters, route=""))
        return self.filter(day__gte=filters.start, day__lte=filters.end).filter(own)

    def dearest_first(self) -> Self:
        return self.order_by("-cost", "-entry_id")

    def after(self, entry: int) -> Self:
        return self.filter(comes_after(DearEntry, "cost", entry))


def dearest(*, filters: EntryFilters, visibility: Visibility) -> Iterator[CostEntry]:
    """Those that match, the dearest first, from ``filters.before`` on.

    The summary gives the order, a part at a time, and each part's entries are looked up by their ids: however
    few match, PostgreSQL is never left to read the ledger for them.
    """
    rows = DearRows(model=DearEntry).seen_by(visibility).of(filters.spend).dearest_first()
    if filters.spend.by_tag:  # both summaries have the same entries, however many are not in them yet
        rows = rows.filter(reach.reach(filters.spend, visibility, trust_summary=True).groups)
    number, after = FIRST, filters.before
    while True:
        part = rows if after is None else rows.after(after)
        ids = list(part.values_list("entry_id", flat=True)[:number])
        these = Q(pk__in=ids) & queries.narrowing(filters.spend)
        found = {entry.pk: entry for entry in ledger_rows().matching(filters, reach=these).with_names()}
        yield from (found[pk] for pk in ids if pk in found)
        if len(ids) < number:
            return
        number, after = min(2 * number, BATCH), ids[-1]


def all_dearest(*, filters: EntryFilters, visibility: Visibility) -> Iterator[Entry]:
    """Every one that is kept, for a file."""
    found = dearest(filters=replace(filters, before=None), visibility=visibility)
    while batch := list(islice(found, BATCH)):
        yield from entries_from(batch)


__all__ = ["all_dearest", "dearest"]
