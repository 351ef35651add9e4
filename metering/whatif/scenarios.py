"""What traffic costs in one way of serving it, by type of token; ways add up and can be taken in part. Pure.

Everything is exact: a part of 70 % and one of 30 % are together the whole, to the last digit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce

from metering.costing import EXACT
from metering.usage import BUCKETS

ZERO = Decimal(0)
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Part:
    """One type of token: ``tokens`` cost ``usd``, but for ``unrated`` ones that no rate is known for.

    ``rates``: those that it was priced at (USD per 1,000,000 tokens; for requests per request).
    """

    tokens: Decimal = ZERO
    usd: Decimal = ZERO
    unrated: Decimal = ZERO
    rates: frozenset[Decimal] = frozenset()

    def __add__(self, other: "Part") -> "Part":
        return Part(
            EXACT.add(self.tokens, other.tokens),
            EXACT.add(self.usd, other.usd),
            EXACT.add(self.unrated, other.unrated),
            self.rates | other.rates,
        )

    def times(self, share: Decimal) -> "Part":
        tokens, usd, unrated = (EXACT.multiply(share, one) for one in (self.tokens, self.usd, self.unrated))
        return Part(tokens, usd, unrated, self.rates if share else frozenset())

    @property
    def cost(self) -> Decimal | None:
        """USD; None when some of it has no rate."""
        return None if self.unrated else self.usd

    @property
    def rate(self) -> Decimal | None:
        """The one that all of it was priced at, if it is one."""
        return next(iter(self.rates)) if len(self.rates) == 1 and not self.unrated else None


def _no_parts() -> dict[str, Part]:
    return {bucket: Part() for bucket in BUCKETS}


@dataclass(frozen=True, slots=True)
class Scenario:
    """``unsplit``: USD that no type of token explains (vendors' own figures, adjustments, marginal tiers)."""

    parts: Mapping[str, Part] = field(default_factory=_no_parts)
    unsplit: Decimal = ZERO

    def __add__(self, other: "Scenario") -> "Scenario":
        parts = {bucket: self.parts[bucket] + other.parts[bucket] for bucket in BUCKETS}
        return Scenario(parts, EXACT.add(self.unsplit, other.unsplit))

    def times(self, share: Decimal) -> "Scenario":
        """``share`` of 1."""
        parts = {bucket: self.parts[bucket].times(share) for bucket in BUCKETS}
        return Scenario(parts, EXACT.multiply(share, self.unsplit))

    @property
    def at_least(self) -> Decimal:
        """USD that are known."""
        return reduce(EXACT.add, (part.usd for part in self.parts.values()), self.unsplit)

    @property
    def cost(self) -> Decimal | None:
        """USD; None when something in it has no rate."""
        return None if self.unrated else self.at_least

    @property
    def unrated(self) -> tuple[str, ...]:
        """The types of tokens that were used and have no rate."""
        return tuple(bucket for bucket in BUCKETS if self.parts[bucket].unrated)

    @property
    def output_tokens(self) -> Decimal:
        """Visible and reasoning."""
        return EXACT.add(self.parts["output"].tokens, self.parts["reasoning"].tokens)


def added_up(scenarios: Iterable[Scenario]) -> Scenario:
    return sum(scenarios, start=Scenario())


def split(moves: Iterable[tuple[Decimal, Scenario]], *, stays: Scenario) -> Scenario:
    """``moves``: percent of the traffic and what all of it would cost there; the rest stays as it is.

    The percents are 100 together at most.
    """
    moves = tuple(moves)
    rest = reduce(EXACT.subtract, (percent for percent, _ in moves), HUNDRED)
    shares = [(percent, scenario) for percent, scenario in (*moves, (rest, stays)) if percent]
    return added_up(scenario.times(EXACT.divide(percent, HUNDRED)) for percent, scenario in shares)


def difference(there: Decimal | None, here: Decimal | None) -> Decimal | None:
    """What ``there`` costs more; below zero it costs less; None when either is unknown."""
    return None if there is None or here is None else EXACT.subtract(there, here)
