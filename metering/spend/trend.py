"""Where the spend is going: against the days that it is compared with."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from catalog.visibility import Visibility
from metering.spend import queries
from metering.spend.compared import Compared, compared
from metering.spend.filters import Filters
from metering.spend.totals import Totals


@dataclass(frozen=True, slots=True)
class Before:
    """What the earlier of the two periods came to."""

    compared: Compared
    totals: Totals
    change: Decimal | None  # 0.25: a quarter more now; None when either cost is unknown or was nothing


def before(*, filters: Filters, total: Totals, visibility: Visibility, today: dt.date) -> Before:
    """``total``: of the period itself, in which days to come have nothing. One query."""
    found = compared(filters, today=today)
    totals = queries.total(filters=found.before, visibility=visibility)
    now, then = total.known_cost, totals.known_cost
    return Before(
        compared=found,
        totals=totals,
        change=now / then - 1 if now is not None and then else None,
    )
