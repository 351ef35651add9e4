"""What the vendor itself says it charges: kept beside our figure, compared with it, booked where trusted.

Pure decisions, no IO. Our figure is tokens x price; theirs may be in other units, late, or wrong by orders of
magnitude, so it is never booked unless the provider's row says so. USD only: whoever reads a figure in
another currency off a vendor's wire must not pass it on.
"""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from catalog.snapshot import ProviderRow
from metering.entries import Result

SCALE = Decimal(1).scaleb(-12)
TOO_MUCH = Decimal(10) ** 12  # what NUMERIC(24,12) does not hold
TOLERANCE = Decimal("0.05")  # where no provider is at hand to say
DIVERGES = "reported_cost_diverges"
MISSING = "reported_cost_missing"


def usd(amount: object) -> Decimal | None:
    """A vendor's JSON number (or its text) as USD at 12 decimals; None when it is no amount >= 0 that fits.

    A JSON number has already been read as a float: its shortest repr gives back the digits that were sent, up
    to 15 significant ones, which is more than any vendor sends.
    """
    if isinstance(amount, bool) or not isinstance(amount, int | float | str | Decimal):
        return None
    try:
        value = Decimal(str(amount))
        if not 0 <= value < TOO_MUCH:
            return None
        exact = value.quantize(SCALE, rounding=ROUND_HALF_EVEN)
    except (InvalidOperation, ValueError):  # no number, a NaN, or thousands of digits
        return None
    return exact if exact < TOO_MUCH else None


def decides(result: Result, provider: ProviderRow | None) -> bool:
    """Whether the vendor's own figure is what is booked."""
    trusted = provider is not None and provider.trusts_reported_cost
    return trusted and result.reported_cost is not None and not result.not_billed


def flags(result: Result, *, ours: Decimal | None, provider: ProviderRow | None) -> tuple[str, ...]:
    """What is remarkable about the vendor's figure beside ``ours`` (None: we cannot price the answer)."""
    if result.not_billed:
        return ()
    figure = result.reported_cost
    if figure is None:
        return (MISSING,) if provider is not None and provider.trusts_reported_cost else ()
    tolerance = provider.reported_cost_tolerance if provider is not None else TOLERANCE
    return (DIVERGES,) if ours is not None and abs(figure - ours) > tolerance * ours else ()


__all__ = ["DIVERGES", "MISSING", "decides", "flags", "usd"]
