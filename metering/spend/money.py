"""How money is written for people: one rule, whatever page and column an amount stands in.

* What was booked or is set for one thing (an entry, a rate, a budget) is exact.
* A total, an average or another quotient is rounded once, half up, when it is shown: to cents from 1 USD on,
  to four decimals from 1 cent on, below that to four significant digits: ``$1,234.57``, ``$0.0412``,
  ``$0.0200``. What is exact with fewer digits has just those, cents at least: ``$0.25``, ``$0.000033``.
* The exact amount of a total is its title (on hover), and is in the files.

The same amount is so the same text everywhere: columns are not rounded to decimals of their own.
"""

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
    size = abs(amount)
    shown = rounded(size)
    digits = exact(shown) if shown == size or shown >= 1 else f"{shown:f}"
    places = max(2, len(digits.partition(".")[2]))
    sign = "-" if amount < 0 else ""
    return f"{sign}${shown:,.{places}f}"


def signed_usd(amount: Decimal | None) -> str:
    """A difference: ``+$300.10``, ``-$12.00``, ``$0.00``, or ``unknown``."""
    shown = total_usd(amount)
    return f"+{shown}" if amount is not None and amount > 0 else shown


def short(number: int) -> str:
    """A count in few characters: ``192.0 M``; exact below a million."""
    for unit, size in (("B", 10**9), ("M", 10**6)):
        if number >= size:
            return f"{Decimal(number) / size:,.1f} {unit}"
    return f"{number:,}"


def change(share: Decimal) -> str:
    """``0.125`` as ``+13 %``, ``-0.5`` as ``-50 %``; below one percent with a decimal."""
    hundredths = share * 100
    step = Decimal("0.1") if 0 < abs(hundredths) < 1 else Decimal(1)
    return f"{hundredths.quantize(step, rounding=ROUND_HALF_UP):+,f} %"


def percent(share: Decimal | None) -> str:
    """``0.9575`` as ``96 %``; below one percent with a decimal; NOTHING when there is nothing to divide."""
    if share is None:
        return NOTHING
    hundredths = share * 100
    size = abs(hundredths)
    sign = "-" if share < 0 else ""
    if 0 < size < Decimal("0.05"):
        return ">-0.1 %" if share < 0 else "<0.1 %"
    step = Decimal("0.1") if 0 < size < 1 else Decimal(1)
    return f"{sign}{size.quantize(step, rounding=ROUND_HALF_UP):,f} %"
