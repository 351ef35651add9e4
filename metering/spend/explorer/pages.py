"""One page of the entries, and what is known of all that match without counting the ledger."""

import uuid
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet, Sum

from catalog.visibility import Visibility
from metering.models import Hold
from metering.models.summaries import DEAREST_KEPT
from metering.spend import queries
from metering.spend.entries import ledger_rows, searched
from metering.spend.entry import Entry, entries_from
from metering.spend.explorer import reach, sums
from metering.spend.explorer.asked import EntryFilters
from metering.spend.explorer.bounded import SORTING, TooBroad, bounded
from metering.spend.explorer.dearest import dearest
from metering.spend.explorer.sums import Sums
from metering.spend.totals import Totals
from metering.summaries import summing

PAGE_SIZE = 50
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class TagSums:
    """What calls with a tag add up to; ``cost`` (USD) leaves out what is not known."""

    calls: int
    attempts: int
    tokens: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Page:
    """One of ``total``, ``tagged``, ``counted`` and ``sums`` says what all that match are, where it is known.

    ``total`` and ``counted`` are the rollup's, ``tagged`` is the summary's; ``sums`` are of the entries
    themselves, where all are on the page or they are few. ``too_broad``: the entries were not found in time.
    ``behind``: the summary that was read misses the last calls.
    """

    entries: tuple[Entry, ...] = ()
    older: int | None = None  # the ``before`` of the next page
    total: Totals | None = None
    tagged: TagSums | None = None
    counted: int | None = None
    sums: Sums | None = None
    too_broad: bool = False
    behind: bool = False
    kept: int = DEAREST_KEPT  # of each day, team and model, in the order of cost

    @property
    def any_reported(self) -> bool:
        return any(entry.reported_cost is not None for entry in self.entries)


def page(*, filters: EntryFilters, visibility: Visibility) -> Page:
    """At most PAGE_SIZE entries, from where ``filters.before`` says. Few queries, whatever matches."""
    behind = _reads_summary(filters) and summing.catch_up().behind
    try:
        found = _found(filters, visibility, trust_summary=not behind)
    except TooBroad:
        return Page(too_broad=True)
    shown = tuple(found[:PAGE_SIZE])
    older = shown[-1].id if len(found) > PAGE_SIZE else None
    whole = older is None and filters.before is None
    known = _known(filters, visibility, shown if whole else None)
    return Page(entries=shown, older=older, behind=behind, **known)


def only_request(*, called: str, visibility: Visibility) -> uuid.UUID | None:
    """The one request that has this id, whoever gave it: the gateway, the caller, or the vendor."""
    rows = ledger_rows().seen_by(visibility).filter(searched(called))
    ids = tuple(rows.order_by("request_id").values_list("request_id", flat=True).distinct()[:2])
    if not ids:
        ids = tuple(_under_way(called, visibility)[:1])
    return ids[0] if len(ids) == 1 else None


def _under_way(called: str, visibility: Visibility) -> QuerySet[Hold, uuid.UUID]:
    """A request that nothing is booked of yet is known by the gateway's own id, and by the caller's."""
    wanted = Q(client_request_id=called) & ~Q(client_request_id="")
    with suppress(ValueError):
        wanted |= Q(request_id=uuid.UUID(called))
    holds = visibility.restrict(Hold.objects.filter(wanted))
    return holds.order_by("request_id").values_list("request_id", flat=True)


def _reads_summary(filters: EntryFilters) -> bool:
    return filters.dearest or filters.spend.by_tag


def _found(filters: EntryFilters, visibility: Visibility, *, trust_summary: bool) -> list[Entry]:
    """One more than a page has, when there are more. Raises TooBroad."""
    if filters.dearest:
        with bounded():
            return entries_from(islice(dearest(filters=filters, visibility=visibility), PAGE_SIZE + 1))
    rows = ledger_rows().seen_by(visibility).with_names().newest_first()
    if filters.before is not None:
        rows = rows.after(filters.before)
    if filters.search or not filters.spend.narrowed:
        # The plain list is an index's first rows; anything else may have to be looked for.
        with nullcontext() if filters.in_rollup else bounded():
            return entries_from(rows.matching(filters)[: PAGE_SIZE + 1])
    within = reach.reach(filters.spend, visibility, trust_summary=trust_summary)
    with bounded(*(SORTING if within.many and not filters.indexed else ())):
        return entries_from(rows.matching(filters, reach=within.condition)[: PAGE_SIZE + 1])


def _known(filters: EntryFilters, visibility: Visibility, whole: Sequence[Entry] | None) -> dict[str, Any]:
    """``whole``: all entries that match, where they are on one page."""
    if filters.dearest:
        return {}
    if filters.in_rollup or filters.counted_as:
        total = queries.total(filters=filters.spend, visibility=visibility)
        if filters.counted_as == "unpriced" and (few := sums.of_few(filters, visibility)):
            return {"sums": few}
        return {"counted": getattr(total, filters.counted_as)} if filters.counted_as else {"total": total}
    if filters.in_tags:
        return {"tagged": _tag_sums(filters, visibility)}
    return {"sums": sums.of_few(filters, visibility) if whole is None else sums.of_all(whole)}


def _tag_sums(filters: EntryFilters, visibility: Visibility) -> TagSums:
    rows = reach.with_tag(filters.spend, visibility).order_by()
    found = rows.aggregate(**{name: Sum(name) for name in ("calls", "attempts", "tokens")})
    cost = rows.aggregate(cost=Sum("cost"))["cost"]
    return TagSums(**{name: number or 0 for name, number in found.items()}, cost=cost or ZERO)


__all__ = ["PAGE_SIZE", "Page", "only_request", "page"]
