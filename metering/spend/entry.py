"""One entry of the ledger as plain values, for people."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog.models import Price
from metering import reported
from metering.models import CorrectionBatch, CostEntry
from metering.spend import arithmetic, price_rows
from metering.spend.price_rows import Rows
from metering.usage import BUCKETS

UNKNOWN_WITHIN_HOLD = (
    "lost",
    "no_usage",
)  # no more was used than was set aside: no fee or factor came on top


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
class Batch:
    """The correction that a row is part of: who made it and why."""

    id: int
    kind: str
    reason: str
    author: str


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
    error_class: str
    finish_reason: str
    streamed: bool
    latency_ms: int | None
    first_byte_ms: int | None
    client_request_id: str
    upstream_id: str
    note: str
    booked_at: dt.datetime
    corrects: int | None
    reverses: bool
    batch: Batch | None
    price: PriceRow | None
    calculation: arithmetic.Calculation
    variant: str
    flags: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]

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
    def priced_again(self) -> bool:
        """One of the two rows of a re-rating: all tokens, taken back or at another price."""
        return self.batch is not None and self.batch.kind == CorrectionBatch.Kind.RE_RATE

    @property
    def must_add_up(self) -> bool:
        """Other corrections book differences, and refused calls and cache hits are booked at nothing."""
        return (self.kind == "attempt" or self.priced_again) and self.cost_reason == ""

    @property
    def chosen_price(self) -> bool:
        """Its price row was not in force when the call was made: a correction chose it."""
        price = self.price
        if price is None or self.kind != "correction":
            return False
        ended = price.until is not None and price.until <= self.started_at
        return ended or self.started_at < price.since


def entries_from(rows: Iterable[CostEntry]) -> list[Entry]:
    """``rows`` with their names, prices and calculations; they must come ``with_names``."""
    given: Sequence[CostEntry] = list(rows)
    prices = price_rows.billed_at(given)
    return [_entry_from(row, prices.get(row.pk, ())) for row in given]


def _entry_from(row: CostEntry, prices: Rows) -> Entry:
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
        usage_words=_usage_words(row),
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
        error_class=row.error_class,
        finish_reason=row.finish_reason,
        streamed=row.streamed,
        latency_ms=row.latency_ms,
        first_byte_ms=row.first_byte_ms,
        client_request_id=row.client_request_id,
        upstream_id=row.upstream_id,
        note=row.note,
        booked_at=row.booked_at,
        corrects=row.corrects_id,
        reverses=row.reverses,
        batch=_batch(row.batch),
        price=_price_row(row.price),
        calculation=arithmetic.calculation(row, prices),
        variant=row.variant,
        flags=tuple(row.flags),
        tags=tuple(sorted((name, str(value)) for name, value in row.tags.items())),
    )


def _batch(batch: CorrectionBatch | None) -> Batch | None:
    return None if batch is None else Batch(batch.pk, batch.kind, batch.reason, batch.author)


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


def _usage_words(row: CostEntry) -> str:
    """Nobody reports the usage of a call that was refused or never arrived: it is none."""
    if row.cost_reason == CostEntry.CostReason.NOT_BILLED:
        return "none: refused, or never reached the vendor"
    return row.get_usage_source_display()
