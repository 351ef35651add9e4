"""What a call costs: pure decimal arithmetic over a usage and a price. A float never comes near.

cost = sum(tokens x rate) / 1,000,000 + requests x per_request, in USD. Rates have at most 6 decimals, so the
sum is exact at 12 decimals and nothing is rounded.

A row above a threshold is the price of the whole request, or (``tier`` marginal) of the input tokens above
the threshold alone; see Note [Marginal tiers].
"""

# Note [Marginal tiers]
# ---------------------
# The tokens up to a marginal row's threshold cost what they would cost in a request that ends there. Which
# tokens are the ones above it is decided by their place in the prompt (INPUT_ORDER): vendors cache prefixes,
# so what was read from the cache comes first, then what was written to it, then the rest. Output and fees
# stay at the price of a request that ends at the lowest marginal threshold. docs/decisions/0032.

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, Overflow

from catalog.rates import PART_OF
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
NOT_INPUT = ("output", "reasoning", "audio_output", "requests")
MARGINAL = "marginal"
INPUT_ORDER = ("cache_read", "cache_write_1h", "cache_write_5m", "input", "audio_input")


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


def rows_for(
    prices: Sequence[PriceRow], *, at: dt.datetime, variant: str, input_tokens: int
) -> tuple[PriceRow, ...]:
    """The row in force; below a marginal one, before it, the rows that its lower tokens are billed at.

    The first is never marginal. Empty when no price is in force, or none below a marginal one.
    """
    row = price_for(prices, at=at, variant=variant, input_tokens=input_tokens)
    if row is None or row.tier != MARGINAL:
        return () if row is None else (row,)
    below = rows_for(prices, at=at, variant=variant, input_tokens=row.above_input_tokens)
    return (*below, row) if below else ()


def split(usage: Usage, rows: Sequence[PriceRow]) -> tuple[tuple[PriceRow, Usage], ...]:
    """What of ``usage`` is billed at each of ``rows`` (from ``rows_for``). See Note [Marginal tiers]."""
    if len(rows) <= 1:
        return tuple((row, usage) for row in rows)
    edges = [0, *(row.above_input_tokens for row in rows[1:]), usage.total_input]
    shares = []
    for number, row in enumerate(rows):
        inside = _between(usage, edges[number], edges[number + 1])
        outside_input = {} if number else {name: getattr(usage, name) for name in NOT_INPUT}
        shares.append((row, Usage(**inside, **outside_input)))
    return tuple(shares)


def _between(usage: Usage, begins: int, ends: int) -> dict[str, int]:
    """How many tokens of each input bucket lie from ``begins`` to ``ends`` in the prompt."""
    found, place = {}, 0
    for bucket in INPUT_ORDER:
        after = place + getattr(usage, bucket)
        found[bucket] = max(min(after, ends) - max(place, begins), 0)
        place = after
    return found


def cost_of(usage: Usage, prices: Sequence[PriceRow], *, at: dt.datetime, variant: str) -> Cost:
    """The exact cost of one answer, or why it is unknown. The price that it names is the highest row."""
    rows = rows_for(prices, at=at, variant=variant, input_tokens=usage.total_input)
    if not rows:
        other = rows_for(prices, at=at, variant="standard", input_tokens=usage.total_input)
        return Cost(usd=None, price_id=None, reason="unpriced_variant" if other else "unpriced")
    usd = total_of(split(usage, rows))
    return Cost(usd=usd, price_id=rows[-1].id, reason="" if usd is not None else "unpriced_component")


def total_of(shares: Iterable[tuple[PriceRow, Usage]]) -> Decimal | None:
    """The sum of what each row bills, in USD; None when something was used that has no rate.

    Linear: the sums of many usages that the same rows bill may stand for the usages.
    """
    millionths = fees = Decimal(0)
    for row, usage in shares:
        for bucket in TOKEN_BUCKETS:
            if tokens := getattr(usage, bucket):
                rate = rate_of(row.rates, bucket)
                if rate is None:
                    return None
                millionths = EXACT.add(millionths, EXACT.multiply(Decimal(tokens), rate))
        if usage.requests:
            fee = row.rates["per_request"]
            if fee is None:
                return None
            fees = EXACT.add(fees, EXACT.multiply(Decimal(usage.requests), fee))
    return EXACT.add(EXACT.divide(millionths, MILLION), fees)


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
    fee = _dearest(rows, ["per_request"]) if with_fees(rows) else Decimal(0)
    most = max(_most_input(row, rows, input_tokens, input_buckets) for row in rows)
    return Bound(
        price_id=rows[0].id,
        base_usd=EXACT.add(EXACT.divide(most, MILLION), fee),
        usd_per_output_token=EXACT.divide(_dearest(rows, output_buckets), MILLION),
    )


def _most_input(row: PriceRow, rows: Sequence[PriceRow], tokens: int, buckets: Sequence[str]) -> Decimal:
    """The most that ``tokens`` of input cost where ``row`` is the highest passed; in millionths of a dollar.

    Below a marginal row everything that could be the row below is reckoned with, at its dearest.
    """
    dearest = _dearest([row], buckets)
    if row.tier != MARGINAL:
        return EXACT.multiply(Decimal(tokens), dearest)
    threshold = row.above_input_tokens
    lower = [r for r in rows if r.variant == row.variant and r.above_input_tokens < threshold]
    below = max((_most_input(r, lower, threshold, buckets) for r in lower), default=Decimal(0))
    return EXACT.add(below, EXACT.multiply(Decimal(tokens - threshold), dearest))


def with_fees(rows: Sequence[PriceRow]) -> bool:
    """Whether every answer of this model costs a fee: a price by request and not by token."""
    return all(row.rates["input"] is None and row.rates["output"] is None for row in rows)


def _dearest(rows: Sequence[PriceRow], buckets: Sequence[str]) -> Decimal:
    return max(
        (rate for row in rows for b in buckets if (rate := rate_of(row.rates, b)) is not None),
        default=Decimal(0),
    )
