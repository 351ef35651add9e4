"""What a booked entry would cost at given prices: pure decisions, no IO.

The arithmetic is that of every booking (metering.costing). What is left alone, and why: docs/decisions/0029.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from catalog.snapshot import PriceRow
from metering import costing
from metering.corrections.standing import Marked
from metering.models import CostEntry
from metering.usage import BUCKETS, OTHER_MODEL, Usage, is_unpriced


class Left(enum.StrEnum):
    """Why an entry stays as it is, in words for people."""

    SAME = "cost the same"
    REPORTED = "booked at the vendor's own figure"
    BY_HAND = "corrected by hand"
    CHOSEN = "priced at a chosen price row by an earlier batch"
    OTHER_ROW = "not priced by the chosen price rows"
    NO_PRICE = "without a price, or a rate, for what they used"
    NOT_EXPRESSED = "used something that no rate expresses"
    UNLISTED = "of a model that is not in the catalog"


@dataclass(frozen=True, slots=True)
class Rated:
    """What an entry costs now, exactly, and the model whose tokens it has."""

    model_id: int
    price_id: int
    usd: Decimal


class PriceList(Protocol):
    """The prices of a run. ``chosen``: rows that hold all the time, instead of those of their slots."""

    @property
    def chosen(self) -> frozenset[int]: ...

    def of(self, model_id: int) -> Sequence[PriceRow]:
        """All rows of a model, whenever they hold."""

    def sold_by(self, provider_id: int, name: str) -> int | None:
        """The model that a provider sells by this name."""


def rated(entry: Marked, prices: PriceList) -> Rated | Left:
    """The new cost of ``entry`` where that is another one than it has; else why it stays as it is.

    A known cost never becomes unknown: what has no price now keeps the cost that it has.
    """
    kept = _kept(entry, prices)
    if kept is not None:
        return kept
    row = entry.row
    model_id = _model_of(entry, prices)
    if model_id is None:
        return Left.UNLISTED
    usage = usage_of(row)
    billed_at = costing.rows_for(
        prices.of(model_id), at=row.started_at, variant=row.variant, input_tokens=usage.total_input
    )
    usd = costing.total_of(costing.split(usage, billed_at))
    if not billed_at or usd is None:
        return Left.NO_PRICE
    if prices.chosen and prices.chosen.isdisjoint(price.id for price in billed_at):
        return Left.OTHER_ROW
    return Left.SAME if usd == entry.cost else Rated(model_id, billed_at[-1].id, usd)


def usage_of(row: CostEntry) -> Usage:
    return Usage(**{bucket: getattr(row, bucket) for bucket in BUCKETS})


def _kept(entry: Marked, prices: PriceList) -> Left | None:
    """The reason for which nobody asks what ``entry`` would cost."""
    if entry.row.cost_reason == CostEntry.CostReason.REPORTED:
        return Left.REPORTED
    if entry.by_hand or (entry.cost is None and entry.adjusted):
        return Left.BY_HAND
    if entry.chosen and not prices.chosen:
        return Left.CHOSEN
    return Left.NOT_EXPRESSED if _has_more(entry) else None


def _has_more(entry: Marked) -> bool:
    """Whether something was billed that the usage does not express: as metering.bookkeeping decided it."""
    row = entry.row
    if row.cost_reason != CostEntry.CostReason.UNPRICED_COMPONENT:
        return False
    not_told_apart = OTHER_MODEL in row.flags and row.part == 0 and not entry.shared
    return not_told_apart or any(is_unpriced(flag) for flag in row.flags)


def _model_of(entry: Marked, prices: PriceList) -> int | None:
    """A part is the tokens of the model that the vendor named, which may have been listed only later."""
    if entry.row.part == 0:
        return entry.row.model_id
    return prices.sold_by(entry.provider_id, entry.row.served_model)
