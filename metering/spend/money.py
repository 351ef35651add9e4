"""How money is written for people. Single entries are exact; totals are rounded once, half up."""

from decimal import ROUND_HALF_UP, Decimal

UNKNOWN = "unknown"
NOTHING = "\N{EN DASH}"  # where there is nothing to divide or to measure
CENTS = Decimal("0.01")
TEN_THOUSANDTHS = Decimal("0.0001")
SIGNIFICANT = 4


def exact(amount: Decimal) -> str:
    """Every digit, no trailing zeros, no exponent: ``0.0002839``."""
    digits = f"{amount:f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits in ("-0", "") else digits


def exact_usd(amount: Decimal | None) -> str:
    """A single entry's cost: ``$0.0002839``, ``-$1.5``, or ``unknown``."""
    if amount is None:
        return UNKNOWN
    return f"-${exact(-amount)}" if amount < 0 else f"${exact(amount)}"


def rate_usd(amount: Decimal) -> str:
    """A rate: every digit, but two decimals at least: ``$2.50``, ``$0.075``."""
    digits = exact(amount)
    decimals = len(digits.partition(".")[2])
    return f"${digits}" if decimals >= 2 else f"${amount:.2f}"


def rounded(amount: Decimal) -> Decimal:
    """Two decimals from 1 USD on, four from 1 cent on, below that four significant digits."""
    size = abs(amount)
    if size >= 1 or size == 0:
        step = CENTS
    elif size >= CENTS:
        step = TEN_THOUSANDTHS
    else:
        step = Decimal(1).scaleb(size.adjusted() - SIGNIFICANT + 1)
    return amount.quantize(step, rounding=ROUND_HALF_UP)


def total_usd(amount: Decimal | None) -> str:
    """A total for display: ``$1,234.57``, ``$0.0412``, ``$0.0002839``, or ``unknown``."""
    if amount is None:
        return UNKNOWN
    shown = rounded(abs(amount))
    sign = "-" if amount < 0 else ""
    return f"{sign}${shown:,f}"


def percent(share: Decimal | None) -> str:
    """``0.9575`` as ``96 %``; below one percent with a decimal; NOTHING when there is nothing to divide."""
    if share is None:
        return NOTHING
    hundredths = share * 100
    step = Decimal("0.1") if 0 < hundredths < 1 else Decimal(1)
    return f"{hundredths.quantize(step, rounding=ROUND_HALF_UP):f} %"
