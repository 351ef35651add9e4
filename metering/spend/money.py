"""How money is written for people. Single entries are exact; totals are rounded once, half up."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

UNKNOWN = "unknown"
NOTHING = "\N{EN DASH}"  # where there is nothing to divide or to measure
CENTS = Decimal("0.01")
TEN_THOUSANDTHS = Decimal("0.0001")
SIGNIFICANT = 4
MOST_BESIDE_DOLLARS = 4


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


def decimals(amounts: Iterable[Decimal | None]) -> int:
    """How many decimals a column needs, so that all its totals are rounded alike and align.

    What the smallest would have alone, but four at most beside amounts of 1 USD and more.
    """
    shown = [abs(amount) for amount in amounts if amount]
    needed = max((-int(rounded(size).as_tuple().exponent) for size in shown), default=2)
    return min(needed, MOST_BESIDE_DOLLARS) if any(size >= 1 for size in shown) else needed


def fixed_usd(amount: Decimal | None, places: int) -> str:
    """A total with so many decimals; what would be rounded to nothing is said to be less than the least."""
    if amount is None:
        return UNKNOWN
    step = Decimal(1).scaleb(-places)
    size = abs(amount).quantize(step, rounding=ROUND_HALF_UP)
    sign = "-" if amount < 0 else ""
    return f"{sign}<${step:f}" if amount and not size else f"{sign}${size:,f}"


def short(number: int) -> str:
    """A count in few characters: ``192.0 M``; exact below a million."""
    for unit, size in (("B", 10**9), ("M", 10**6)):
        if number >= size:
            return f"{Decimal(number) / size:,.1f} {unit}"
    return f"{number:,}"


def change(share: Decimal) -> str:
    """``0.125`` as ``+13 %``, ``-0.5`` as ``-50 %``."""
    return f"{(share * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP):+,f} %"


def percent(share: Decimal | None) -> str:
    """``0.9575`` as ``96 %``; below one percent with a decimal; NOTHING when there is nothing to divide."""
    if share is None:
        return NOTHING
    hundredths = share * 100
    if 0 < hundredths < Decimal("0.05"):
        return "<0.1 %"
    step = Decimal("0.1") if 0 < hundredths < 1 else Decimal(1)
    return f"{hundredths.quantize(step, rounding=ROUND_HALF_UP):f} %"
