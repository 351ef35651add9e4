"""The BillingPeriod rows of a month (FOCUS 1.4): whose invoices it groups, and whether it is closed."""

import datetime as dt
from collections.abc import Iterator

from metering.closing import months
from metering.focus.asked import Export
from metering.focus.names import Names
from metering.focus.records import Record
from metering.models import BillingPeriod


def records(export: Export, names: Names) -> Iterator[Record]:
    """One for each issuer whose name the month's CostAndUsage rows have."""
    begins, ends = (
        months.starts_at(month, zone=names.zone) for month in (export.month, months.after(export.month))
    )
    shared = {
        "BillingPeriodCreated": begins,
        "BillingPeriodEnd": ends,
        "BillingPeriodLastUpdated": max(begins, _updated(export.month) or begins),
        "BillingPeriodStart": begins,
        "BillingPeriodStatus": "Closed" if names.status == BillingPeriod.Status.CLOSED else "Open",
    }
    for issuer in _issuers(export, names):
        yield Record(shared, {"InvoiceIssuerName": issuer}, {})


def _updated(month: dt.date) -> dt.datetime | None:
    """When its status last changed; a month without a row is open since it began."""
    period = BillingPeriod.objects.filter(month=month).first()
    return None if period is None else period.updated_at


def _issuers(export: Export, names: Names) -> list[str]:
    if export.billed_cost == "internal":
        return [export.issuer]
    return sorted({name.partition("/")[0] for name in names.models.values()})
