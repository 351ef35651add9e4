"""Entries at a marginal tier: each is split at its thresholds as it was when it was booked, then added up.

What lies below a threshold is charged at the price row below, under that row's own SkuPriceId: so every row
has one unit price. An entry that does not split into its cost is an amount.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from catalog.snapshot import PriceRow
from metering import costing
from metering.focus.reading import Group, Key, MarginalEntry
from metering.usage import BUCKETS, Usage

Prices = Mapping[int, Sequence[PriceRow]]  # by model: all its rows, whenever they hold
Sums = dict[Key, tuple[int, Decimal, tuple[int, ...]]]


def groups_of(entries: Iterator[MarginalEntry], prices: Prices) -> Iterator[Group]:
    """Groups of one price row each, which have the entries' costs. ``entries``: ordered by their keys."""
    for key, found in groupby(entries, key=attrgetter("key")):
        sums: Sums = {}
        for entry in found:
            for share in _shares(entry, prices.get(key.model_id, ())):
                _add(sums, share)
        for shared, (number, cost, counts) in sorted(sums.items(), key=_place):
            yield Group(shared, number, cost, counts)


def _shares(entry: MarginalEntry, prices: Sequence[PriceRow]) -> Iterator[Group]:
    """What each price row bills of an entry. An entry that takes another back has all signs turned."""
    sign = -1 if entry.key.nature == "reversal" else 1
    split = _split(entry, prices, sign)
    if split is None:
        yield Group(entry.key._replace(basis="amount", price_id=None), sign, entry.cost, entry.counts)
        return
    for number, (row, usage) in enumerate(split):
        cost = costing.total_of([(row, usage)])
        assert cost is not None, "the whole has a cost, so its parts do"
        counts = tuple(sign * getattr(usage, bucket) for bucket in BUCKETS)
        yield Group(entry.key._replace(price_id=row.id), 0 if number else sign, sign * cost, counts)


def _split(
    entry: MarginalEntry, prices: Sequence[PriceRow], sign: int
) -> Sequence[tuple[PriceRow, Usage]] | None:
    counts = [sign * count for count in entry.counts]
    if min(counts) < 0:  # a difference that somebody booked by hand
        return None
    named = next((row for row in prices if row.id == entry.key.price_id), None)
    if named is None:
        return None
    below = costing.rows_for(
        prices, at=entry.started_at, variant=entry.key.variant, input_tokens=named.above_input_tokens
    )
    shares = costing.split(Usage(**dict(zip(BUCKETS, counts, strict=True))), (*below, named))
    return shares if below and costing.total_of(shares) == sign * entry.cost else None


def _add(sums: Sums, share: Group) -> None:
    number, cost, counts = sums.get(share.key, (0, Decimal(0), (0,) * len(BUCKETS)))
    added = tuple(mine + theirs for mine, theirs in zip(counts, share.counts, strict=True))
    sums[share.key] = (number + share.entries, cost + share.cost, added)


def _place(item: tuple[Key, object]) -> tuple[str, int]:
    return item[0].basis, item[0].price_id or 0
