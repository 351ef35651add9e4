"""What is unusual in a series of costs: above the median by more than k median absolute deviations. Pure.

The median and the MAD are not moved by the outliers that they find, unlike mean and standard deviation
(Hampel's identifier; F. Hampel 1974, and Iglewicz and Hoaglin 1993 on how to detect outliers). The MAD
counts as at least a twentieth of the median: a cost that was the same every day has none, and a cent more is
no news.
"""

import statistics
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

HISTORY = 28  # earlier values that one is held against
LEAST_HISTORY = 7  # with fewer nothing is judged
FLOOR = Decimal("0.05")  # of the median
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Usual:
    """USD: the middle of earlier values, and the middle of their distances from it."""

    median: Decimal
    mad: Decimal

    def threshold(self, k: Decimal) -> Decimal:
        return self.median + k * max(self.mad, self.median * FLOOR)


@dataclass(frozen=True, slots=True)
class Unusual(Generic[T]):
    """A moment whose cost is above what is usual; USD."""

    at: T
    cost: Decimal
    usual: Usual
    threshold: Decimal

    @property
    def excess(self) -> Decimal:
        return self.cost - self.usual.median


def usual(earlier: Sequence[Decimal]) -> Usual | None:
    """None with too little history."""
    if len(earlier) < LEAST_HISTORY:
        return None
    median = statistics.median(earlier)
    return Usual(median, statistics.median(abs(cost - median) for cost in earlier))


def unusual(
    costs: Mapping[T, Decimal], *, moments: Iterable[tuple[T, Sequence[T]]], k: Decimal, least: Decimal
) -> list[Unusual[T]]:
    """``moments``: what to judge, each with the earlier moments that it is held against; a moment without a
    cost counts as 0. ``least``: USD of excess below which nothing is worth a look.
    """
    found = []
    for at, earlier in moments:
        known = usual([costs.get(moment, ZERO) for moment in earlier])
        cost = costs.get(at, ZERO)
        if known is None:
            continue
        threshold = known.threshold(k)
        if cost > threshold and cost - known.median >= least:
            found.append(Unusual(at, cost, known, threshold))
    return found
