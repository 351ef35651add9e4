"""Traffic at the prices of another model. Pure.

Daily sums do not say how large a request was, when in the day it came, or in which service tier: only the
rates of the base row (standard, no threshold, no peak hours) can be applied to them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

from catalog.rates import Rates
from metering import costing
from metering.costing import EXACT, MILLION
from metering.usage import BUCKETS
from metering.whatif.factors import AS_IT_WAS, Factors
from metering.whatif.scenarios import Part, Scenario, added_up

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one model (``provider/name``) used in a stretch of days with the same prices, and what it cost.

    ``usd``: by type of token; with ``unsplit`` the cost as it is booked.
    """

    stretch: int
    model: str
    answers: int
    tokens: Mapping[str, int]
    usd: Mapping[str, Decimal]
    unsplit: Decimal = ZERO

    @property
    def cost(self) -> Decimal:
        """USD, as booked."""
        return reduce(EXACT.add, self.usd.values(), self.unsplit)


def as_it_was(traffic: Iterable[Traffic]) -> Scenario:
    """What was booked."""
    return added_up(Scenario(_booked(one), one.unsplit) for one in traffic)


def on(
    model: str, traffic: Iterable[Traffic], *, rates: Sequence[Rates | None], factors: Factors
) -> Scenario:
    """All ``traffic`` on ``model``; ``rates`` of each stretch, None where it has no price.

    What the model answered itself keeps its tokens: ``factors`` tell it from others, not from itself.
    """
    return added_up(_on(model, one, rates[one.stretch], factors) for one in traffic)


def rate_of(rates: Rates, bucket: str) -> Decimal | None:
    """USD per 1,000,000 tokens of one type, or per request; None: unknown.

    As an answer is priced (docs/decisions/0004), but for one-hour cache writes: a model without any rate for
    cache writes is never written to for an hour, so that these tokens would be plain input there.
    """
    if bucket == "requests":
        return rates.per_request
    writes_free = rates.cache_write_5m is None and rates.cache_write_1h is None
    if bucket == "cache_write_1h" and writes_free:
        return rates.input
    return costing.rate_of(rates._asdict(), bucket)


def _on(model: str, one: Traffic, rates: Rates | None, factors: Factors) -> Scenario:
    applied = (AS_IT_WAS if one.model == model else factors).applied(one.tokens, answers=one.answers)
    return Scenario({bucket: _part(bucket, applied[bucket], rates or Rates()) for bucket in BUCKETS})


def _part(bucket: str, tokens: Decimal, rates: Rates) -> Part:
    if not tokens:
        return Part()
    rate = rate_of(rates, bucket)
    if rate is None:
        return Part(tokens, unrated=tokens)
    usd = EXACT.multiply(tokens, rate)
    if bucket != "requests":
        usd = EXACT.divide(usd, MILLION)
    return Part(tokens, usd, rates=frozenset({rate}))


def _booked(one: Traffic) -> dict[str, Part]:
    return {bucket: Part(Decimal(one.tokens[bucket]), one.usd[bucket]) for bucket in BUCKETS}
