"""Where the spend is going: against the days before."""

from dataclasses import dataclass
from decimal import Decimal

from catalog.visibility import Visibility
from metering.spend import queries
from metering.spend.filters import Filters
from metering.spend.totals import Totals


@dataclass(frozen=True, slots=True)
class Before:
    """The same number of days just before the period."""

    filters: Filters
    totals: Totals
    change: Decimal | None  # 0.25: a quarter more now; None when either cost is unknown or was nothing


def before(*, filters: Filters, total: Totals, visibility: Visibility) -> Before:
    """``total``: of the period itself. One query."""
    earlier = filters.before()
    totals = queries.total(filters=earlier, visibility=visibility)
    now, then = total.known_cost, totals.known_cost
    return Before(
        filters=earlier,
        totals=totals,
        change=now / then - 1 if now is not None and then else None,
    )
