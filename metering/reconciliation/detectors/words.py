"""How evidence is written: exact figures, in the order theirs, ours."""

from decimal import ROUND_HALF_EVEN, Decimal

from metering.reconciliation.readers.lines import WIDE
from metering.reconciliation.sides import MILLION
from metering.spend import money


def usd(amount: Decimal) -> str:
    return money.exact_usd(amount)


def signed(amount: Decimal) -> str:
    return usd(amount) if amount < 0 else f"+{usd(amount)}"


def count(number: Decimal | int) -> str:
    """``1,234,567``; with decimals only where there are some."""
    whole = Decimal(number)
    return f"{int(whole):,}" if whole == whole.to_integral_value() else f"{whole.normalize():,f}"


def plural(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def per_million(paid: Decimal, tokens: Decimal) -> Decimal:
    """USD per 1,000,000 tokens, to six decimals."""
    return WIDE.divide(paid * MILLION, tokens).quantize(Decimal("0.000001"), rounding=ROUND_HALF_EVEN)


def rate(amount: Decimal) -> str:
    return f"{money.rate_usd(amount)} per 1M"
