"""Rows of the summary by token type, written plainly: tokens and rates in, exact money out."""

from decimal import Decimal

from catalog.rates import PART_OF, Rates
from metering.costing import MILLION
from metering.spend.economics.usage import PricedUsage, Used
from metering.usage import BUCKETS


def rates(**written: str) -> Rates:
    """USD per 1,000,000 tokens, as people write them."""
    return Rates(**{name: Decimal(rate) for name, rate in written.items()})


def usage(
    model: str = "openai/gpt-4o",
    at: Rates | None = None,
    *,
    answers: int = 1,
    attempts: int = 1,
    unsplit: str = "0",
    **tokens: int,
) -> PricedUsage:
    """What was booked at one price row; without rates its cost is ``unsplit`` alone."""
    usd = {name: Decimal(0) for name in BUCKETS}
    for bucket, count in tokens.items():
        if at is not None and count:
            usd[bucket] = _cost(at, bucket, count)
    cost = sum(usd.values(), Decimal(unsplit))
    counts = dict.fromkeys(BUCKETS, 0) | tokens
    return PricedUsage(model, at, Used(answers, attempts, counts, usd, Decimal(unsplit), cost))


def _cost(at: Rates, bucket: str, count: int) -> Decimal:
    if bucket == "requests":
        return count * (at.per_request or Decimal(0))
    rate = getattr(at, bucket)
    if rate is None:
        rate = getattr(at, PART_OF[bucket])
    return count * (rate or Decimal(0)) / MILLION
