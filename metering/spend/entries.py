"""The ledger's entries for people: lists and files. Writes nothing."""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import Price
from catalog.visibility import Visibility
from metering import reported
from metering.models import CostEntry
from metering.spend import arithmetic, queries
from metering.spend.filters import EntryFilters
from metering.spend.totals import Totals
from metering.usage import BUCKETS

PAGE_SIZE = 50
BATCH = 2000  # rows fetched at a time while a file is streamed
UNKNOWN_WITHIN_HOLD = (
    "lost",
    "no_usage",
)  # no more was used than was set aside: no fee or factor came on top
FAILED = ("error", "cut", "lost")  # as the rollup counts ``failed``: a caller who left is not a failure


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The price an entry names, as shown beside its calculation."""

    id: int
    since: dt.datetime
    until: dt.datetime | None
    variant: str
    above_input_tokens: int
    source: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One ledger row, as plain values."""

    id: int
    request_id: uuid.UUID
    attempt: int
    part: int
    kind: str
    started_at: dt.datetime
    day: dt.date
    team: str
    key: str
    key_prefix: str
    route: str
    provider: str
    model: str
    served_model: str
    usage: dict[str, int | None]
    usage_source: str
    usage_words: str
    cost: Decimal | None
    cost_reason: str
    cost_words: str
    reported_cost: Decimal | None
    exposure: Decimal | None
    held: Decimal | None
    overrun: bool
    outcome: str
    outcome_words: str
    status: int | None
    error: str
    finish_reason: str
    streamed: bool
    latency_ms: int | None
    first_byte_ms: int | None
    client_request_id: str
    upstream_id: str
    note: str
    booked_at: dt.datetime
    corrects: int | None
    price: PriceRow | None
    calculation: arithmetic.Calculation
    variant: str
    flags: tuple[str, ...]

    @property
    def tokens(self) -> int | None:
        if self.usage["input"] is None:
            return None
        return sum(count or 0 for bucket, count in self.usage.items() if bucket != "requests")

    @property
    def total_input(self) -> int | None:
        if self.usage["input"] is None:
            return None
        return sum(
            self.usage[bucket] or 0
            for bucket in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input")
        )

    @property
    def visible(self) -> int | None:
        return self.usage["output"]

    @property
    def reasoning(self) -> int | None:
        return self.usage["reasoning"]

    @property
    def unlisted(self) -> str:
        """The model whose part this is, when the provider is not known to sell it; else empty."""
        listed = self.model == f"{self.provider}/{self.served_model}"
        return "" if self.part == 0 or listed else self.served_model

    @property
    def diverges(self) -> bool:
        """The vendor's own figure is further from ours than its provider's row tolerates."""
        return reported.DIVERGES in self.flags

    @property
    def at_most(self) -> Decimal | None:
        """The most that an unknown cost can be, where what was set aside says so."""
        bounded = self.cost is None and self.cost_reason in UNKNOWN_WITHIN_HOLD
        return self.exposure if bounded else None

    @property
    def must_add_up(self) -> bool:
        """Corrections book differences, and refused calls and cache hits are booked at nothing."""
        return self.kind == "attempt" and self.cost_reason == ""


@dataclass(frozen=True, slots=True)
class Page:
    """``total`` is what all matching entries add up to, when the rollup can say."""

    entries: tuple[Entry, ...]
    older: int | None  # the ``before`` of the next page
    total: Totals | None

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
            rows = rows.filter(outcome__in=FAILED).exclude(kind="correction")
        elif filters.outcome:
            rows = rows.filter(outcome=filters.outcome)
        if filters.cost == "unknown":
            rows = rows.still_unknown()
        elif filters.cost == "known":
            rows = rows.filter(cost__isnull=False)
        return rows

    def still_unknown(self) -> Self:
        """Entries without a cost that no correction has given one: what the rollup counts as ``unpriced``."""
        priced_later = CostEntry.objects.filter(corrects=OuterRef("pk"), cost__isnull=False)
        return self.filter(cost__isnull=True).exclude(kind="correction").exclude(Exists(priced_later))

    def with_names(self) -> Self:
        return self.select_related("team", "api_key", "model__provider", "price")


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
    """The newest matching entries. Two queries at most, whatever the ledger's size."""
    rows = ledger_rows().seen_by(visibility).matching(filters).with_names().order_by("-id")
    if filters.before is not None:
        rows = rows.filter(id__lt=filters.before)
    found = [entry_from(row) for row in rows[: PAGE_SIZE + 1]]
    shown = tuple(found[:PAGE_SIZE])
    total = queries.total(filters=filters.spend, visibility=visibility) if filters.in_rollup else None
    return Page(entries=shown, older=shown[-1].id if len(found) > PAGE_SIZE else None, total=total)


def all_entries(*, filters: EntryFilters, visibility: Visibility) -> Iterator[Entry]:
    """Every matching entry, newest first, a query for each batch.

    Memory does not grow with the ledger, and no transaction or cursor waits for a slow reader.
    """
    rows = ledger_rows().seen_by(visibility).matching(filters).with_names().order_by("-id")
    batch = list(rows[:BATCH])
    while batch:
        yield from map(entry_from, batch)
        batch = list(rows.filter(id__lt=batch[-1].pk)[:BATCH]) if len(batch) == BATCH else []


def entry_from(row: CostEntry) -> Entry:
    """``row`` with its names, price and calculation; the row must come ``with_names``."""
    return Entry(
        id=row.pk,
        request_id=row.request_id,
        attempt=row.attempt,
        part=row.part,
        kind=row.kind,
        started_at=row.started_at,
        day=row.day,
        team=row.team.name,
        key=row.api_key.name,
        key_prefix=row.api_key.prefix,
        route=row.route,
        provider=row.model.provider.name,
        model=row.model.full_name,
        served_model=row.served_model,
        usage={bucket: getattr(row, bucket) for bucket in BUCKETS},
        usage_source=row.usage_source,
        usage_words=row.get_usage_source_display(),
        cost=row.cost,
        cost_reason=row.cost_reason,
        cost_words=row.get_cost_reason_display(),
        reported_cost=row.reported_cost,
        exposure=row.exposure,
        held=row.held,
        overrun=row.overrun,
        outcome=row.outcome,
        outcome_words=row.get_outcome_display(),
        status=row.status,
        error=": ".join(part for part in (row.error_class, row.error_message) if part),
        finish_reason=row.finish_reason,
        streamed=row.streamed,
        latency_ms=row.latency_ms,
        first_byte_ms=row.first_byte_ms,
        client_request_id=row.client_request_id,
        upstream_id=row.upstream_id,
        note=row.note,
        booked_at=row.booked_at,
        corrects=row.corrects_id,
        price=_price_row(row.price),
        calculation=arithmetic.calculation(row),
        variant=row.variant,
        flags=tuple(row.flags),
    )


def _price_row(price: Price | None) -> PriceRow | None:
    if price is None:
        return None
    return PriceRow(
        id=price.pk,
        since=price.effective_from,
        until=price.effective_to,
        variant=price.variant,
        above_input_tokens=price.above_input_tokens,
        source=price.source,
    )
