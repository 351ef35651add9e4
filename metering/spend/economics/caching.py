"""What caching saved, price row by price row, exactly. Pure.

saving = cache reads x (input rate - cache read rate) - cache writes x (write rate - input rate), in USD per
1,000,000 tokens; FinOps practice (FOCUS prices what was read from a cache against the uncached rate in the
same way). Below zero it is a loss: more was paid for writing than reading gave back. Where a rate is missing,
or no single price row explains the cost, the saving is unknown, not nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from metering.costing import MILLION
from metering.spend.economics.usage import WRITES, ZERO, PricedUsage

CACHED = ("cache_read", *WRITES)


@dataclass(frozen=True, slots=True)
class Caching:
    """``reads_saved`` less ``writes_cost`` is what was saved (USD) on ``tokens`` read or written.

    ``unknown``: further cached tokens of which nobody can say what they saved.
    """

    tokens: int = 0
    reads_saved: Decimal = ZERO
    writes_cost: Decimal = ZERO
    unknown: int = 0

    def __add__(self, other: "Caching") -> "Caching":
        return Caching(
            self.tokens + other.tokens,
            self.reads_saved + other.reads_saved,
            self.writes_cost + other.writes_cost,
            self.unknown + other.unknown,
        )

    @property
    def known(self) -> bool:
        """Nothing was cached, or something of it can be told."""
        return bool(self.tokens) or not self.unknown

    @property
    def saved(self) -> Decimal | None:
        """Below zero: a loss. None: unknown. Where ``unknown`` is not 0, of the other tokens alone."""
        return self.reads_saved - self.writes_cost if self.known else None


def caching(rows: Iterable[PricedUsage]) -> Caching:
    return sum((_of_row(row) for row in rows), start=Caching())


def _of_row(row: PricedUsage) -> Caching:
    tokens = row.used.sum_of(*CACHED)
    costs = [_dearer_than_input(row, name) for name in CACHED]
    if any(cost is None for cost in costs):
        return Caching(unknown=tokens)
    reads, *writes = (cost for cost in costs if cost is not None)
    return Caching(tokens, -reads, sum(writes, ZERO), 0)


def _dearer_than_input(row: PricedUsage, bucket: str) -> Decimal | None:
    """What these tokens cost more than as uncached input; None: unknown."""
    if not row.used.tokens[bucket]:
        return ZERO
    rate, uncached = row.rate(bucket), row.rate("input")
    if rate is None or uncached is None:
        return None
    return row.used.tokens[bucket] * (rate - uncached) / MILLION
