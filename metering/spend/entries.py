"""The ledger's entries for people: lists and files. Writes nothing."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from catalog.visibility import Visibility
from metering.models import CostEntry
from metering.spend import queries
from metering.spend.entry import Entry, PriceRow, entries_from
from metering.spend.filters import EntryFilters
from metering.spend.totals import Totals

PAGE_SIZE = 50
BATCH = 2000  # rows fetched at a time while a file is streamed
FAILED = ("error", "cut", "lost")  # as the rollup counts ``failed``: a caller who left is not a failure


@dataclass(frozen=True, slots=True)
class Sums:
    """What entries add up to, read from the ledger. ``cost`` None: nothing of it is known (USD)."""

    entries: int
    corrections: int
    cost: Decimal | None
    unknown: int


@dataclass(frozen=True, slots=True)
class Page:
    """``total`` is what all matching entries add up to, when the rollup can say, else ``sums`` says it."""

    entries: tuple[Entry, ...]
    older: int | None  # the ``before`` of the next page
    total: Totals | None
    sums: Sums | None

    @property
    def any_reported(self) -> bool:
        return any(entry.reported_cost is not None for entry in self.entries)


class LedgerRows(QuerySet[CostEntry]):
    """The ledger, filtered."""

    def seen_by(self, visibility: Visibility) -> Self:
        return visibility.restrict(self)  # type: ignore[return-value]

    def matching(self, filters: EntryFilters) -> Self:
        """An id is looked for on all days: whoever has one does not know the day."""
        rows = self.filter(queries.narrowing(filters.spend))
        if filters.search:
            rows = rows.filter(searched(filters.search))
        else:
            rows = rows.filter(day__gte=filters.spend.start, day__lte=filters.spend.end)
        if filters.usage:
            rows = rows.filter(usage_source=filters.usage)
        if filters.kind:
            rows = rows.filter(kind=filters.kind)
        if filters.error:
            rows = rows.filter(error_class=filters.error)
        if filters.outcome == "failed":
            rows = rows.filter(outcome__in=FAILED)  # with their corrections: money adds up
        elif filters.outcome:
            rows = rows.filter(outcome=filters.outcome)
        if filters.cost == "unknown":
            rows = rows.still_unknown()
        elif filters.cost == "known":
            rows = rows.filter(cost__isnull=False)
        return rows

    def still_unknown(self) -> Self:
        """Entries without a cost that no correction has given one: what the rollup counts as ``unpriced``.

        The answer of a call taken for lost corrects it; what gives that answer a cost corrects the answer.
        """
        known = CostEntry.objects.filter(cost__isnull=False)
        priced_later = known.filter(corrects=OuterRef("pk"))
        answer_priced = known.filter(corrects__corrects=OuterRef("pk"), corrects__cost__isnull=True)
        unknown = self.filter(cost__isnull=True).exclude(kind="correction")
        return unknown.exclude(Exists(priced_later)).exclude(Exists(answer_priced))

    def summed(self) -> Sums:
        """Two queries over the matching rows."""
        corrections = Count("pk", filter=Q(kind="correction"))
        found = self.order_by().aggregate(entries=Count("pk"), corrections=corrections, cost=Sum("cost"))
        return Sums(**found, unknown=self.order_by().still_unknown().count())

    def with_names(self) -> Self:
        return self.select_related("team", "api_key", "model__provider", "price", "batch")


def ledger_rows() -> LedgerRows:
    return LedgerRows(model=CostEntry)


def searched(text: str) -> Q:
    """Exact ids only: parts of ids would read the whole ledger."""
    # each with its index's own condition, or PostgreSQL does not take it
    found = (Q(client_request_id=text) & ~Q(client_request_id="")) | (
        Q(upstream_id=text) & ~Q(upstream_id="")
    )
    try:
        return found | Q(request_id=uuid.UUID(text))
    except ValueError:
        return found


def page(*, filters: EntryFilters, visibility: Visibility) -> Page:
    """The newest matching entries. Two queries, whatever the ledger's size. Where the rollup does not know
    what is asked for, two more, over the matching rows alone."""
    matching = ledger_rows().seen_by(visibility).matching(filters)
    rows = matching.with_names().order_by("-id")
    if filters.before is not None:
        rows = rows.filter(id__lt=filters.before)
    found = entries_from(rows[: PAGE_SIZE + 1])
    shown = tuple(found[:PAGE_SIZE])
    older = shown[-1].id if len(found) > PAGE_SIZE else None
    if filters.in_rollup:
        total = queries.total(filters=filters.spend, visibility=visibility)
        return Page(entries=shown, older=older, total=total, sums=None)
    return Page(entries=shown, older=older, total=None, sums=matching.summed())


def all_entries(*, filters: EntryFilters, visibility: Visibility) -> Iterator[Entry]:
    """Every matching entry, newest first, a query for each batch.

    Memory does not grow with the ledger, and no transaction or cursor waits for a slow reader.
    """
    rows = ledger_rows().seen_by(visibility).matching(filters).with_names().order_by("-id")
    batch = list(rows[:BATCH])
    while batch:
        yield from entries_from(batch)
        batch = list(rows.filter(id__lt=batch[-1].pk)[:BATCH]) if len(batch) == BATCH else []


__all__ = [
    "FAILED",
    "Entry",
    "LedgerRows",
    "Page",
    "PriceRow",
    "all_entries",
    "ledger_rows",
    "page",
    "searched",
]
