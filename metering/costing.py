"""What a call costs: pure decimal arithmetic over a usage and a price. A float never comes near.

cost = sum(tokens x rate) / 1,000,000 + requests x per_request, in USD. Rates have at most 6 decimals, so the
sum is exact at 12 decimals and nothing is rounded.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, Overflow

from catalog.snapshot import PriceRow
from metering.usage import Usage

EXACT = Context(prec=60, traps=[Inexact, Overflow])
MILLION = Decimal(1_000_000)
TOKEN_BUCKETS = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "audio_input",
    "audio_output",
)
# A vendor that lists no rate of its own for these bills them at the rate of what they are part of. The other
# buckets have no such rule: a missing rate there is unknown (docs/decisions/0004).
PART_OF = {"cache_read": "input", "cache_write_5m": "input", "reasoning": "output"}


@dataclass(frozen=True, slots=True)
class Cost:
    """``usd`` is None when unknown; ``reason`` is then a CostEntry.CostReason."""

    usd: Decimal | None
    price_id: int | None
    reason: str = ""


def price_for(
    prices: Sequence[PriceRow], *, at: dt.datetime, variant: str, input_tokens: int
) -> PriceRow | None:
    """The row in force: of the variant, at the highest threshold passed, peak hours before all day."""
    fitting = [
        row
        for row in prices
        if row.variant == variant
        and (row.above_input_tokens == 0 or input_tokens > row.above_input_tokens)
        and row.holds_at(at)
    ]
    if not fitting:
        return None
    return max(fitting, key=lambda row: (row.above_input_tokens, row.daily_from is not None))


def rate_of(rates: Mapping[str, Decimal | None], bucket: str) -> Decimal | None:
    """USD per 1,000,000 tokens of one bucket; None when unknown."""
    rate = rates[bucket]
    return rates[PART_OF[bucket]] if rate is None and bucket in PART_OF else rate


def cost_of(usage: Usage, prices: Sequence[PriceRow], *, at: dt.datetime, variant: str) -> Cost:
    """The exact cost of one answer, or the reason why it is unknown."""
    row = price_for(prices, at=at, variant=variant, input_tokens=usage.total_input)
    if row is None:
        other = price_for(prices, at=at, variant="standard", input_tokens=usage.total_input)
        return Cost(usd=None, price_id=None, reason="unpriced" if other is None else "unpriced_variant")
    total = Decimal(0)
    for bucket in TOKEN_BUCKETS:
        tokens = getattr(usage, bucket)
        if tokens:
            rate = rate_of(row.rates, bucket)
            if rate is None:
                return Cost(usd=None, price_id=row.id, reason="unpriced_component")
            total = EXACT.add(total, EXACT.multiply(Decimal(tokens), rate))
    total = EXACT.divide(total, MILLION)
    if usage.requests:
        fee = row.rates["per_request"]
        if fee is None:
            return Cost(usd=None, price_id=row.id, reason="unpriced_component")
        total = EXACT.add(total, EXACT.multiply(Decimal(usage.requests), fee))
    return Cost(usd=total, price_id=row.id)


@dataclass(frozen=True, slots=True)
class Bound:
    """Upper rates for a hold: USD for all input tokens, and USD per output token."""

    price_id: int
    base_usd: Decimal
    usd_per_output_token: Decimal


def bound_for(
    prices: Sequence[PriceRow],
    *,
    at: dt.datetime,
    input_tokens: int,
    any_variant: bool,
    with_cache_writes: bool,
    with_audio: bool,
) -> Bound | None:
    """The dearest that could apply to at most ``input_tokens``; None when no price is in force.

    ``any_variant``: the caller asked for a service tier. A row above a threshold counts when the bound
    passes it.
    """
    rows = [
        row
        for row in prices
        if (any_variant or row.variant == "standard")
        and (row.above_input_tokens == 0 or input_tokens > row.above_input_tokens)
        and row.holds_at(at)
    ]
    if not rows:
        return None
    input_buckets = ["input", "cache_read"]
    if with_cache_writes:
        input_buckets += ["cache_write_5m", "cache_write_1h"]
    output_buckets = ["output", "reasoning"]
    if with_audio:
        input_buckets.append("audio_input")
        output_buckets.append("audio_output")
    input_rate = _dearest(rows, input_buckets)
    fee = _dearest(rows, ["per_request"]) if with_fees(rows) else Decimal(0)
    base = EXACT.add(EXACT.divide(EXACT.multiply(Decimal(input_tokens), input_rate), MILLION), fee)
    return Bound(
        price_id=rows[0].id,
        base_usd=base,
        usd_per_output_token=EXACT.divide(_dearest(rows, output_buckets), MILLION),
    )


def with_fees(rows: Sequence[PriceRow]) -> bool:
    """Whether every answer of this model costs a fee: a price by request and not by token."""
    return all(row.rates["input"] is None and row.rates["output"] is None for row in rows)


def _dearest(rows: Sequence[PriceRow], buckets: Sequence[str]) -> Decimal:
    return max(
        (rate for row in rows for b in buckets if (rate := rate_of(row.rates, b)) is not None),
        default=Decimal(0),
    )
