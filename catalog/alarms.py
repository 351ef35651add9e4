"""What is more likely a slip than a price: a rate becomes tenfold, a tenth, free, or goes missing. Pure."""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from catalog.rates import Rates

MOST_CHANGE = 10  # a rate that moves by this factor is more likely a decimal point gone astray
EMPTY = Rates()
ALWAYS_PAID = ("input", "output")  # of a new price: no other rate is suspicious at zero


class Alarm(StrEnum):
    """In the word of its badge."""

    TENFOLD = "tenfold"
    TENTH = "a tenth"
    FREE = "free"
    NOT_FREE = "no longer free"
    DROPPED = "dropped"


class Raised(NamedTuple):
    alarm: Alarm
    rate: str


def raised(old: Rates | None, new: Rates) -> list[Raised]:
    """What should make a person look twice, rate by rate. ``old`` is None where there was no price.

    A draft without any rate (it ends the price) says so itself and raises none.
    """
    if new == EMPTY:
        return []
    if old is None:
        return [Raised(Alarm.FREE, name) for name in ALWAYS_PAID if getattr(new, name) == 0]
    pairs = zip(Rates._fields, old, new, strict=True)
    return [Raised(alarm, name) for name, before, after in pairs if (alarm := _alarm(before, after))]


def badges(found: list[Raised]) -> list[str]:
    """``tenfold: input, output``; one for each kind."""
    rates: dict[Alarm, list[str]] = {}
    for alarm, rate in found:
        rates.setdefault(alarm, []).append(rate.replace("_", " "))
    return [f"{alarm}: {', '.join(names)}" for alarm, names in rates.items()]


def _alarm(before: Decimal | None, after: Decimal | None) -> Alarm | None:
    if before is None or before == after:
        return None
    if after is None:
        return Alarm.DROPPED
    if after == 0:
        return Alarm.FREE
    if before == 0:
        return Alarm.NOT_FREE
    if after >= MOST_CHANGE * before:
        return Alarm.TENFOLD
    return Alarm.TENTH if before >= MOST_CHANGE * after else None
