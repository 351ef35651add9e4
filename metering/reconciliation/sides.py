"""What both sides say of one day: the values that are compared. Pure."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

ZERO = Decimal(0)
TOKENS = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "audio_input",
    "audio_output",
)
READ_TOKENS = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
ALL, REQUESTS = "all", "requests"
ROW_TOLERANCE = Decimal("0.001")  # USD of one day, model and token type: a tenth of a cent
HALF_A_CENT = Decimal("0.005")
MILLION = Decimal(1_000_000)


class Key(NamedTuple):
    """A row of the comparison. ``model`` is empty for what is compared over all models of a day."""

    day: dt.date
    model: str
    meter: str
    item: str = ""


class Amounts(NamedTuple):
    """Tokens (or requests) and USD; None is not known."""

    quantity: Decimal | None = None
    usd: Decimal | None = None


@dataclass
class Facts:
    """How the calls of one day and model went, by the ledger. USD bounds are None when there is none."""

    entries: int = 0
    retries: int = 0  # attempts after the first
    failed: int = 0  # attempts that failed and are booked without usage
    failed_at_most: Decimal | None = ZERO
    broken: int = 0  # answers that broke off: estimated, or of unknown usage
    broken_at_most: Decimal | None = ZERO  # beyond what is booked for them
    unknown: int = 0  # entries of unknown cost
    unpriced: int = 0  # those of them whose usage is known

    def add(self, other: "Facts") -> None:
        self.entries += other.entries
        self.retries += other.retries
        self.failed += other.failed
        self.broken += other.broken
        self.unknown += other.unknown
        self.unpriced += other.unpriced
        self.failed_at_most = plus(self.failed_at_most, other.failed_at_most)
        self.broken_at_most = plus(self.broken_at_most, other.broken_at_most)


@dataclass
class OurDay:
    """The ledger's day of one model, by meter; ``tiers`` by meter and price variant."""

    quantities: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    usd: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    tiers: dict[tuple[str, str], Amounts] = field(default_factory=dict)
    unsplit: bool = False  # some of the money is the vendor's own figure, not tokens x rate
    facts: Facts = field(default_factory=Facts)


@dataclass
class Cell:
    """What the vendor's lines of one row add up to."""

    quantity: Decimal | None = None
    usd: Decimal | None = None
    cost_lines: int = 0
    whole_cents: bool = True  # all amounts are
    tiers: dict[str, Amounts] = field(default_factory=dict)
    accounts: dict[str, Amounts] = field(default_factory=dict)
    contexts: set[str] = field(default_factory=set)
    conversions: set[tuple[str, Decimal]] = field(default_factory=set)  # currency, units for one USD

    def add(self, other: "Cell") -> None:
        self.quantity = joined(self.quantity, other.quantity)
        self.usd = joined(self.usd, other.usd)
        self.cost_lines += other.cost_lines
        self.whole_cents = self.whole_cents and other.whole_cents
        self.contexts |= other.contexts
        self.conversions |= other.conversions
        for mine, theirs in ((self.tiers, other.tiers), (self.accounts, other.accounts)):
            for name, amounts in theirs.items():
                had = mine.get(name, Amounts())
                mine[name] = Amounts(joined(had.quantity, amounts.quantity), joined(had.usd, amounts.usd))


class Row(NamedTuple):
    """Both sides of one key. ``cell`` is None when the vendor has no line of it."""

    key: Key
    ours: Amounts
    theirs: Amounts
    cell: Cell | None
    facts: Facts
    rate: Decimal | None  # USD for one token that ours comes to; None when there is none

    @property
    def gap_usd(self) -> Decimal | None:
        """Theirs less ours; None when either is not known."""
        return less(self.theirs.usd, self.ours.usd)

    @property
    def gap_quantity(self) -> Decimal | None:
        return less(self.theirs.quantity, self.ours.quantity)

    @property
    def quantity_worth(self) -> Decimal | None:
        """USD that the difference of quantities would cost at our rate; None when nobody can say."""
        if self.gap_quantity is None:
            return None
        if self.gap_quantity == 0:
            return ZERO
        return None if self.rate is None else self.gap_quantity * self.rate

    @property
    def worth(self) -> Decimal | None:
        """USD that the row is about: the difference of money, else that of quantities."""
        return self.gap_usd if self.gap_usd is not None else self.quantity_worth

    @property
    def same_quantity(self) -> bool:
        worth = self.quantity_worth
        return worth is not None and abs(worth) <= ROW_TOLERANCE

    @property
    def same_money(self) -> bool:
        return self.gap_usd is not None and abs(self.gap_usd) <= ROW_TOLERANCE

    @property
    def matches(self) -> bool:
        """Nothing that is known on both sides differs."""
        money = self.gap_usd is None or self.same_money
        return money and (self.gap_quantity is None or self.same_quantity)


def plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """A sum of bounds: one that is missing makes the sum unbounded."""
    return None if one is None or other is None else one + other


def joined(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """A sum of what is told: lines that do not tell add nothing."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


def less(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one - other


def near(one: Decimal, other: Decimal, *, within: Decimal = ROW_TOLERANCE) -> bool:
    return abs(one - other) <= within
