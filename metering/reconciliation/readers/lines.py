"""What every reader gives: a report of whole UTC days, line by line, in words that vendors share."""

import datetime as dt
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)  # sums of 38 digits stay exact
PLACES = Decimal(1).scaleb(-20)  # as amounts are stored
NO_ACCOUNT = "(none)"  # in a report that names accounts, a line that names none: a console's, or a login's

COST, USAGE = "cost", "usage"


class Line(NamedTuple):
    """``amount`` is USD; ``billed`` and ``rate`` (units for one USD) only where the bill is in other money.

    ``meter`` is a Meter of metering.models; ``item`` the vendor's own words. Unknown is None, never 0.
    """

    day: dt.date
    meter: str
    item: str = ""
    model: str = ""
    quantity: Decimal | None = None
    amount: Decimal | None = None
    account: str = ""
    tier: str = ""
    context: str = ""
    billed: Decimal | None = None
    currency: str = "USD"
    rate: Decimal | None = None
    raw: Any = None


class Report(NamedTuple):
    """``kind`` is cost or usage; the days are UTC and inclusive, days without a line are days of nothing."""

    kind: str
    first_day: dt.date
    last_day: dt.date
    lines: tuple[Line, ...]


class UnreadableReport(ValueError):
    """A report is not of a shape that is known. Nothing of it was imported."""

    def __init__(self, *, file: str, place: str, expected: str, found: object = None) -> None:
        seen = "" if found is None else f", found {str(found)[:80]!r}"
        super().__init__(f"{file}: {place}: expected {expected}{seen}")
        self.file, self.place, self.expected = file, place, expected


def kept(amount: Decimal) -> Decimal:
    """An amount as it is stored: 20 decimals, rounded half to even beyond them."""
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -20:
        return amount.quantize(PLACES, context=WIDE)
    return amount


def in_usd(billed: Decimal, rate: Decimal) -> Decimal:
    """What was billed in a currency of which ``rate`` units were one USD."""
    return kept(WIDE.divide(billed, rate))
