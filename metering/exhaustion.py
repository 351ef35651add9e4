"""When what is left of a budget is spent, if days go on as they did. Pure."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from metering.forecasting import ZERO, Band, Pattern

MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """The days on which the spend passes what is left: expected, and at the high end of the band (about one
    outcome in ten is earlier). None: not before the period ends.
    """

    expected: dt.date | None
    earliest: dt.date | None


def exhaustion(
    *, pattern: Pattern, left: Decimal, spent_today: Decimal, today: dt.date, until: dt.date
) -> Exhaustion:
    """``left``: USD, of now. ``until``: the last day of the budget's period. Of today, what such a day costs
    beyond ``spent_today`` is still to come.
    """
    if left <= 0:
        return Exhaustion(today, today)
    last = min(until, today + dt.timedelta(days=MOST_DAYS))
    expected = earliest = None
    ahead: list[dt.date] = []
    day = today
    while day <= last and expected is None:
        ahead.append(day)
        cost = _less(pattern.over(ahead), min(spent_today, pattern.of(today)))
        if earliest is None and cost.high > left:
            earliest = day
        if cost.mid > left:
            expected = day
        day += dt.timedelta(days=1)
    return Exhaustion(expected, earliest)


def _less(band: Band, amount: Decimal) -> Band:
    return Band(max(band.low - amount, ZERO), band.mid - amount, band.high - amount)
