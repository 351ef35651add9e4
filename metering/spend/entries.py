"""The ledger's entries for people: which rows match, in which order, page by page. Writes nothing.

Lists go by day and, within a day, by the order of booking, both from the last on: the index that begins so
gives a page of any period without reading what is newer. A condition that few rows meet has a small index of
its own (metering.models.ledger), so that its rows are not looked for among all others.
"""

import uuid
from collections.abc import Iterator
from typing import Any, Self

from django.db.models import BooleanField, Exists, F, Func, Model, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.lookups import LessThan

from catalog.visibility import Visibility
from metering.models import CostEntry
from metering.spend import queries
from metering.spend.entry import Entry, PriceRow, entries_from
from metering.spend.explorer.asked import EntryFilters

BATCH = 2000  # rows fetched at a time while a file is streamed
FAILED = ("error", "cut", "lost")  # as the rollup counts ``failed``: a caller who left is not a failure


class LedgerRows(QuerySet[CostEntry]):
    """The ledger, filtered."""

    def seen_by(self, visibility: Visibility) -> Self:
        return visibility.restrict(self)  # type: ignore[return-value]

    def matching(self, filters: EntryFilters, *, reach: Q | None = None) -> Self:
        """``reach``: the days and groups that are asked for, where explorer.reach knows them."""
        rows = self.filter(_groups_and_days(filters) if reach is None else reach).filter(wanted(filters))
        return rows.still_unknown() if filters.cost == "unknown" else rows

    def still_unknown(self) -> Self:
        """Entries without a cost that no correction has given one: what the rollup counts as ``unpriced``.

        The answer of a call taken for lost corrects it; what gives that answer a cost corrects the answer.
        """
        known = CostEntry.objects.filter(cost__isnull=False)
        priced_later = known.filter(corrects=OuterRef("pk"))
        answer_priced = known.filter(corrects__corrects=OuterRef("pk"), corrects__cost__isnull=True)
        unknown = self.filter(cost__isnull=True).exclude(kind="correction")
        return unknown.exclude(Exists(priced_later)).exclude(Exists(answer_priced))

    def with_names(self) -> Self:
        return self.select_related("team", "api_key", "model__provider", "price", "batch")

    def newest_first(self) -> Self:
        return self.order_by("-day", "-id")

    def after(self, entry: int) -> Self:
        """What comes after ``entry`` in the order of ``newest_first``; nothing, when there is none."""
        return self.filter(comes_after(CostEntry, "day", entry))


def ledger_rows() -> LedgerRows:
    return LedgerRows(model=CostEntry)


def wanted(filters: EntryFilters) -> Q:
    """What is asked of an entry beside its period, groups and tag, but that its cost is still unknown."""
    found = Q()
    if filters.usage:
        found &= Q(usage_source=filters.usage)
    if filters.kind:
        found &= Q(kind=filters.kind)
    if filters.error:
        found &= Q(error_class=filters.error)
    if filters.outcome == "failed":
        found &= Q(outcome__in=FAILED)  # with their corrections: money adds up
    elif filters.outcome:
        found &= Q(outcome=filters.outcome)
    if filters.cost == "known":
        found &= Q(cost__isnull=False)
    if filters.flag:
        found &= Q(flags__contains=[filters.flag]) & ~Q(flags=[])  # the second is the index's own condition
    return found & _at_least(filters)


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


class _Row(Func):
    """``(day, id)``: compared column by column, which an index with the same columns does."""

    template = "(%(expressions)s)"
    output_field = BooleanField()  # of no use, but Django asks for one


def comes_after(model: type[Model], first: str, pk: int) -> LessThan:
    """Rows of ``model`` after the one with this ``pk``, in the order of ``first`` and pk from the last on."""
    of_it = Subquery(model._default_manager.filter(pk=pk).order_by().values(first))
    return LessThan(_Row(F(first), F("pk")), _Row(of_it, Value(pk)))


def all_entries(*, filters: EntryFilters, visibility: Visibility) -> Iterator[Entry]:
    """Every matching entry, newest first, a query for each batch.

    Memory does not grow with the ledger, and no transaction or cursor waits for a slow reader.
    """
    rows = ledger_rows().seen_by(visibility).matching(filters).with_names().newest_first()
    batch = list(rows[:BATCH])
    while batch:
        yield from entries_from(batch)
        batch = list(rows.after(batch[-1].pk)[:BATCH]) if len(batch) == BATCH else []


def is_longer_than(number: int, *, filters: EntryFilters, visibility: Visibility) -> bool:
    """Whether more match, without counting how many."""
    rows = ledger_rows().seen_by(visibility).matching(filters).newest_first()
    return bool(rows.values_list("pk")[number : number + 1])


def _groups_and_days(filters: EntryFilters) -> Q:
    """An id is looked for on all days: whoever has one does not know the day."""
    spend = filters.spend
    if filters.search:
        return queries.narrowing(spend) & searched(filters.search)
    return queries.narrowing(spend) & Q(day__gte=spend.start, day__lte=spend.end)


def _at_least(filters: EntryFilters) -> Q:
    least: dict[str, Any] = {
        "cost": filters.over,
        "output": filters.output,
        "reasoning": filters.reasoning,
        "latency_ms": filters.slow,
    }
    return Q(**{f"{name}__gte": value for name, value in least.items() if value is not None})


__all__ = [
    "FAILED",
    "Entry",
    "LedgerRows",
    "PriceRow",
    "all_entries",
    "comes_after",
    "is_longer_than",
    "ledger_rows",
    "searched",
    "wanted",
]
