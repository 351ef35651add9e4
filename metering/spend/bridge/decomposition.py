"""Why spend changed: price-volume-mix variance analysis with caching taken out. Pure and exact.

Source: the sales-quantity, sales-mix and price variances of managerial accounting (Horngren, Datar and Rajan,
Cost Accounting, on sales-variance analysis), applied to cost. One thing is changed after the other, always in
this order, and an effect is what the change made at that place of the order; so the effects add up to the
difference, and nothing is left over that two causes would share.

For each model that was used in both periods, A before and B now (the effective rate of a type of token is
what it cost divided by its tokens):

    c0          what A cost
    c1  volume  c0 x (tokens of B / tokens of A), over the tokens of all models used in both periods
    c2  mix     the tokens of B at the rates of A: other models, longer answers, more reasoning
    c3  price   the tokens of B at the rates of B: new prices, service tiers, long-context and peak hours
    c4  cache   what B cost

In c2 and c3 a prompt is spread over uncached, read and written tokens as in A (where A had no prompt: as in
B); c4 has the shares of B. Fees by request are scaled with the volume, and do not count in it. A model of A
alone is gone, one of B alone is new. What no rate explains (vendors' own figures, adjustments, marginal
tiers) is other: its change has no volume and no price. Entries of unknown cost are in none of it.

A type that a period did not use has the rate of that period's price rows, weighted by the tokens they billed;
where those have none, the rate of the other period. c1 to c3 are quotients: they are rounded to the ledger's
12 decimals, each once, and effects are their differences. So they add up to the last digit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import reduce

from metering.costing import EXACT, MILLION
from metering.spend.economics.usage import PROMPT, PricedUsage
from metering.usage import BUCKETS

ZERO = Decimal(0)
SCALE = 12  # decimals of the ledger
FEES = "requests"
GROUPS = (PROMPT, ("audio_input",), ("output",), ("reasoning",), ("audio_output",), (FEES,))


@dataclass(frozen=True, slots=True)
class Side:
    """One model in one period. ``other``: what is not known by type of token."""

    tokens: Mapping[str, int] = field(default_factory=dict)  # of each type that was used
    usd: Mapping[str, Decimal] = field(default_factory=dict)
    listed: Mapping[str, Fraction] = field(default_factory=dict)  # USD each, by the price rows in use
    other: Decimal = ZERO

    @property
    def by_rate(self) -> Decimal:
        return exact_sum(self.usd.values())

    @property
    def total(self) -> Decimal:
        return EXACT.add(self.by_rate, self.other)

    @property
    def volume(self) -> int:
        return sum(count for bucket, count in self.tokens.items() if bucket != FEES)

    def rate(self, bucket: str) -> Fraction | None:
        """USD for one token."""
        if count := self.tokens.get(bucket):
            return Fraction(self.usd[bucket]) / count
        return self.listed.get(bucket)


@dataclass(frozen=True, slots=True)
class Effects:
    """What changed between two periods, USD; in the order in which it is worked out."""

    volume: Decimal = ZERO
    mix: Decimal = ZERO
    price: Decimal = ZERO
    cache: Decimal = ZERO
    new: Decimal = ZERO
    gone: Decimal = ZERO
    other: Decimal = ZERO

    def __add__(self, other: "Effects") -> "Effects":
        return Effects(*map(EXACT.add, astuple(self), astuple(other)))

    @property
    def total(self) -> Decimal:
        """The difference of the two periods."""
        return exact_sum(astuple(self))


NO_SIDE = Side()


def side(rows: Iterable[PricedUsage]) -> Side:
    """One model's usage in one period. Only what a single row's rates explain is known by type."""
    known = tuple(rows)
    billed = [row for row in known if row.rates is not None]
    tokens = {bucket: sum(row.used.tokens[bucket] for row in billed) for bucket in BUCKETS}
    used = {bucket: count for bucket, count in tokens.items() if count > 0}
    usd = {bucket: exact_sum(row.used.usd[bucket] for row in billed) for bucket in used}
    cost = exact_sum(row.used.cost for row in known)
    return Side(used, usd, _listed(billed), other=EXACT.subtract(cost, exact_sum(usd.values())))


def decompose(before: Mapping[str, Side], now: Mapping[str, Side]) -> dict[str, Effects]:
    """By model, for every model of either period."""
    models = sorted(before.keys() | now.keys())
    sides = {name: (before.get(name, NO_SIDE), now.get(name, NO_SIDE)) for name in models}
    growth = _growth([pair for pair in sides.values() if pair[0].tokens and pair[1].tokens])
    return {name: _effects(a, b, growth) for name, (a, b) in sides.items()}


def added_up(effects: Iterable[Effects]) -> Effects:
    return sum(effects, start=Effects())


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Never rounded: what volume would have cost may have more digits than any booked amount."""
    return reduce(EXACT.add, amounts, ZERO)


def _effects(a: Side, b: Side, growth: Fraction) -> Effects:
    other = EXACT.subtract(b.other, a.other)
    if not a.tokens:
        return Effects(new=b.by_rate, other=other)
    if not b.tokens:
        return Effects(gone=-a.by_rate, other=other)
    c0, c4 = a.by_rate, b.by_rate
    c1 = _usd(Fraction(c0) * growth)
    c2 = _usd(_at_old_shares(a, b, rates=a, else_rates=b))
    c3 = _usd(_at_old_shares(a, b, rates=b, else_rates=a))
    less = EXACT.subtract
    return Effects(less(c1, c0), less(c2, c1), less(c3, c2), less(c4, c3), other=other)


def _growth(sides: Iterable[tuple[Side, Side]]) -> Fraction:
    """Tokens now for each token before; 1 where there were none to compare with."""
    known = tuple(sides)
    before = sum(a.volume for a, _ in known)
    return Fraction(sum(b.volume for _, b in known), before) if before else Fraction(1)


def _at_old_shares(a: Side, b: Side, *, rates: Side, else_rates: Side) -> Fraction:
    """The tokens of ``b``, within each group as they were spread in ``a``, at one period's rates."""
    total = Fraction(0)
    for group in GROUPS:
        count = sum(b.tokens.get(bucket, 0) for bucket in group)
        spread = a if any(a.tokens.get(bucket) for bucket in group) else b
        whole = sum(spread.tokens.get(bucket, 0) for bucket in group)
        for bucket in group:
            if count and (part := spread.tokens.get(bucket, 0)):
                total += Fraction(count * part, whole) * _rate(bucket, rates, else_rates)
    return total


def _rate(bucket: str, side: Side, other: Side) -> Fraction:
    rate = side.rate(bucket)
    found = other.rate(bucket) if rate is None else rate
    assert found is not None, "a type that one of the periods used has a rate there"
    return found


def _listed(rows: Iterable[PricedUsage]) -> dict[str, Fraction]:
    """The rates of the price rows, weighted by all tokens that each of them billed."""
    known = [(row, sum(row.used.tokens.values())) for row in rows]
    found = {}
    for bucket in BUCKETS:
        rated = [(Fraction(rate), weight) for row, weight in known if (rate := row.rate(bucket)) is not None]
        whole = sum(weight for _, weight in rated)
        if whole > 0:
            per = 1 if bucket == FEES else int(MILLION)
            found[bucket] = sum((rate * weight for rate, weight in rated), Fraction(0)) / whole / per
    return found


def _usd(amount: Fraction) -> Decimal:
    """Rounded to the ledger's decimals, half to even."""
    return EXACT.scaleb(Decimal(round(amount * 10**SCALE)), -SCALE)
