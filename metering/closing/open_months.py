"""Since when the books are open: what is asked of days before belongs to months that are closed."""

import datetime as dt

from django.db.models import Max

from metering.closing import months
from metering.models import BillingPeriod

YEARS_BACK = 2


def first_day(*, today: dt.date) -> dt.date:
    """The day after the last closed month, but two years ago at the earliest. One query."""
    closed = BillingPeriod.objects.filter(status=BillingPeriod.Status.CLOSED).aggregate(last=Max("month"))
    last: dt.date | None = closed["last"]
    this_month = months.of(today)
    earliest = this_month.replace(year=this_month.year - YEARS_BACK)
    return max(earliest, months.after(last)) if last else earliest


__all__ = ["YEARS_BACK", "first_day"]
