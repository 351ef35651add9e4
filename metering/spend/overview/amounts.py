"""What every source of the overview knows of a group or a day. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from metering.spend.totals import Totals

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Amounts:
    """``cost`` (USD) leaves out ``unpriced`` entries; ``tokens`` are of all types; ``calls`` are requests.

    Summaries by tag and token type do not tell ``unpriced`` apart. Where there are such entries around, their
    amounts are ``untold``: what costs nothing by them may as well be unknown, and is said to be.
    """

    cost: Decimal = ZERO
    tokens: int = 0
    calls: int = 0
    attempts: int = 0
    unpriced: int = 0
    untold: bool = False

    def __add__(self, other: Self) -> "Amounts":
        return Amounts(
            self.cost + other.cost,
            self.tokens + other.tokens,
            self.calls + other.calls,
            self.attempts + other.attempts,
            self.unpriced + other.unpriced,
            self.untold or other.untold,
        )

    def without(self, other: "Amounts") -> "Amounts":
        """What is left when ``other`` is taken away. In which of the two is what is unknown, nothing says."""
        return Amounts(
            self.cost - other.cost,
            self.tokens - other.tokens,
            self.calls - other.calls,
            self.attempts - other.attempts,
            untold=self.unpriced > 0 or self.untold,
        )

    @property
    def known_cost(self) -> Decimal | None:
        """None when nothing of it is known: entries of unknown cost alone are not free."""
        return None if (self.unpriced > 0 or self._perhaps_unknown) and self.cost == 0 else self.cost

    @property
    def _perhaps_unknown(self) -> bool:
        return self.untold and bool(self.attempts or self.tokens)

    @property
    def nothing(self) -> bool:
        return not (self.cost or self.tokens or self.calls or self.attempts or self.unpriced)

    def measured(self, measure: str) -> Decimal | None:
        """``usd``, ``tokens`` or ``requests`` of it; None when it is not known."""
        counts = {"tokens": self.tokens, "requests": self.calls}
        return self.known_cost if measure == "usd" else Decimal(counts[measure])


def amounts_of(totals: Totals) -> Amounts:
    return Amounts(totals.cost, totals.tokens, totals.calls, totals.attempts, totals.unpriced)
