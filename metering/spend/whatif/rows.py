"""The plain rows of the what-if page: ways to serve the traffic, and what it is divided by."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from metering.spend.filters import Filters
from metering.spend.whatif.asked import Target
from metering.whatif.factors import Factors
from metering.whatif.measuring import Measured
from metering.whatif.scenarios import Scenario

MONTH = 30  # days
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Days:
    """``passed``: days of the slice that have begun; ``answers``: answered requests in it."""

    passed: int
    answers: int

    @classmethod
    def of(cls, filters: Filters, *, answers: int, today: dt.date) -> "Days":
        return cls(max((min(filters.end, today) - filters.start).days + 1, 0), answers)

    def in_a_month(self, amount: Decimal | None) -> Decimal | None:
        """Scaled to 30 days: a quotient. None where nothing is known or no day has passed."""
        return None if amount is None or self.passed < 1 else amount * MONTH / self.passed

    def per_answer(self, amount: Decimal | None) -> Decimal | None:
        """A quotient."""
        return None if amount is None or self.answers < 1 else amount / self.answers


@dataclass(frozen=True, slots=True)
class Option:
    """All the traffic on one model. ``factors``: those of the URL, the rest as measured."""

    target: Target
    measured: Measured
    factors: Factors
    scenario: Scenario

    @property
    def share(self) -> Decimal:
        """Percent that moves here in the split."""
        return self.target.share or ZERO


@dataclass(frozen=True, slots=True)
class Way:
    """``kind``: booked, target or split."""

    kind: str
    name: str
    scenario: Scenario
    option: Option | None = None

    @property
    def cost(self) -> Decimal | None:
        return self.scenario.cost
