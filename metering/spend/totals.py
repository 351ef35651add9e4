"""What the rollup adds up to, and what follows from it. Pure."""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Self

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of the rollup. ``cost`` leaves out ``unpriced`` entries.

    ``unbounded`` of those state no exposure; the rest cost at most ``exposure`` together.
    """

    calls: int = 0
    attempts: int = 0
    failed: int = 0
    unpriced: int = 0
    unbounded: int = 0
    estimated: int = 0
    overruns: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    requests: int = 0
    cost: Decimal = ZERO
    exposure: Decimal = ZERO
    latency_ms: int = 0
    answered: int = 0

    def __add__(self, other: Self) -> "Totals":
        return Totals(**{name: getattr(self, name) + getattr(other, name) for name in SUMS})

    @property
    def cache_write(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def total_input(self) -> int:
        return self.input + self.cache_read + self.cache_write + self.audio_input

    @property
    def total_output(self) -> int:
        return self.output + self.reasoning + self.audio_output

    @property
    def tokens(self) -> int:
        return self.total_input + self.total_output

    @property
    def reasoning_share(self) -> Decimal | None:
        """Of the output tokens; None when there were none."""
        return Decimal(self.reasoning) / self.total_output if self.total_output else None

    @property
    def bounded(self) -> int:
        """Entries of unknown cost that cost at most ``exposure`` together."""
        return self.unpriced - self.unbounded

    @property
    def partly_unknown(self) -> bool:
        """What is known is a lower bound."""
        return self.unpriced > 0 and self.cost != 0

    @property
    def known_cost(self) -> Decimal | None:
        """None when nothing of it is known: entries of unknown cost alone are not free."""
        return None if self.unpriced > 0 and self.cost == 0 else self.cost

    @property
    def cost_per_call(self) -> Decimal | None:
        """The average; a lower bound when ``partly_unknown``."""
        return self._each(self.calls)

    @property
    def cost_per_attempt(self) -> Decimal | None:
        """The average; a lower bound when ``partly_unknown``."""
        return self._each(self.attempts)

    @property
    def cost_per_priced_attempt(self) -> Decimal | None:
        """The average over the attempts whose cost is known."""
        return self._each(self.attempts - self.unpriced)

    def _each(self, number: int) -> Decimal | None:
        return self.cost / number if number > 0 and self.known_cost is not None else None

    @property
    def average_latency_ms(self) -> int | None:
        return round(Decimal(self.latency_ms) / self.answered) if self.answered else None


SUMS = tuple(field.name for field in fields(Totals))
MONEY = ("cost", "exposure")
