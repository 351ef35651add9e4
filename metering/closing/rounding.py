"""Amounts at 2 decimals that add up as they are shown. Pure.

Largest remainder: each amount is cut to whole cents (downwards), and the cents that the rounded total has
more go to the lines that lost most. No line is off by a cent or more, and there is no line called
"rounding".
"""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def total(amount: Decimal) -> Decimal:
    """A total at 2 decimals: rounded once, half away from zero, as on the pages."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def shown(amounts: Sequence[Decimal], *, whole: Decimal | None = None) -> list[Decimal]:
    """Each amount at 2 decimals; they add up to ``total(sum(amounts))``, or to ``whole`` where that is shown
    for them already: their sum, cut or raised to a cent.
    """
    cut = [amount.quantize(CENT, rounding=ROUND_FLOOR) for amount in amounts]
    whole = total(sum(amounts, Decimal(0))) if whole is None else whole
    missing = int((whole - sum(cut, Decimal(0))) / CENT)
    lost = sorted(range(len(amounts)), key=lambda place: (cut[place] - amounts[place], place))
    for place in lost[:missing]:
        cut[place] += CENT
    return cut
