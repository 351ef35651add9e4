"""Where the spend is going: against the days before, and at the end of the month."""

import calendar
import datetime as dt
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


@dataclass(frozen=True, slots=True)
class Projection:
    """What the month costs when each day to come costs ``a_day``: the average of the days before today."""

    month_end: Decimal
    a_day: Decimal
    days_averaged: int
    days_to_come: int


def before(*, report: queries.Report, visibility: Visibility) -> Before:
    """One query."""
    filters = report.filters.before()
    totals = queries.total(filters=filters, visibility=visibility)
    now, then = report.total.known_cost, totals.known_cost
    return Before(
        filters=filters,
        totals=totals,
        change=now / then - 1 if now is not None and then else None,
    )


def projection(*, report: queries.Report, today: dt.date) -> Projection | None:
    """None unless the period is this month to date, with at least one whole day over and one to come."""
    first = today.replace(day=1)
    days_to_come = calendar.monthrange(today.year, today.month)[1] - today.day
    if (report.filters.start, report.filters.end) != (first, today) or report.total.known_cost is None:
        return None
    if today == first or not days_to_come:
        return None
    whole_days = sum((bar.cost for bar in report.bars if bar.day < today), Decimal(0))
    a_day = whole_days / (today.day - 1)
    return Projection(
        month_end=report.total.cost + a_day * days_to_come,
        a_day=a_day,
        days_averaged=today.day - 1,
        days_to_come=days_to_come,
    )
