"""What the ledger has of a month since it was compared: entries that came later, and corrections.

Note [The ledger now]: the hours' summary up to its mark and the entries after it, in one statement, so that
both are of one moment. Hours are UTC, as months of reconciliation are, and corrections are in the hour of
their entry: the sum is the one that a comparison of now would find.
"""

import datetime as dt
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, TruncMonth

from metering.models import CostEntry, HourlySpend, ReconciliationRun, SummaryMark
from metering.reconciliation.readers.lines import WIDE
from metering.reconciliation.sides import ZERO
from metering.spend import money

Month = tuple[int, dt.date]  # provider's id, first day
BEYOND = dt.timedelta(days=2)  # of a business day around UTC: lets the index on (model, day) serve


def since(runs: Iterable[ReconciliationRun]) -> dict[int, Decimal]:
    """USD by which the ledger is another than each run (by id) has it. One query however many there are."""
    found = list(runs)
    booked = _now({(run.provider_id, run.month) for run in found})
    return {
        run.pk: WIDE.subtract(booked.get((run.provider_id, run.month), ZERO), Decimal(run.ours))
        for run in found
    }


def of(run: ReconciliationRun) -> Decimal:
    return since([run])[run.pk]


def until(run: ReconciliationRun, *, as_of: dt.datetime) -> Decimal:
    """The same by what was booked until ``as_of``: reads the month's entries, and stays as it is."""
    start, end = _bounds(run.month)
    booked = CostEntry.objects.filter(
        model__provider=run.provider_id,
        day__gte=start.date() - BEYOND,
        day__lte=end.date() + BEYOND,
        started_at__gte=start,
        started_at__lt=end,
        booked_at__lte=as_of,
    ).aggregate(usd=Sum("cost"))
    return WIDE.subtract(booked["usd"] or ZERO, Decimal(run.ours))


def words(moved: Decimal) -> str:
    """``the ledger moved by -$0.95 since this comparison``; empty when it did not."""
    if not moved:
        return ""
    sign = "" if moved < 0 else "+"
    return f"the ledger moved by {sign}{money.exact_usd(moved)} since this comparison"


def _now(months: Collection[Month]) -> dict[Month, Decimal]:
    """USD; see Note [The ledger now]."""
    if not months:
        return {}
    mark = SummaryMark.objects.filter(pk=1).values("entry")
    late = CostEntry.objects.filter(pk__gt=Coalesce(Subquery(mark), Value(0)))
    parts = _added(HourlySpend.objects.all(), "hour", months).union(
        _added(late, "started_at", months), all=True
    )
    found: dict[Month, Decimal] = {}
    for provider, month, usd in parts:
        place = provider, month.date()
        found[place] = found.get(place, ZERO) + usd
    return found


def _added(rows: QuerySet[Any], moment: str, months: Collection[Month]) -> QuerySet[Any, Any]:
    """Provider, month and USD."""
    within = Q()
    for start, end in (_bounds(month) for month in sorted({month for _, month in months})):
        within |= Q(**{f"{moment}__gte": start, f"{moment}__lt": end})
    providers = {provider for provider, _ in months}
    by_month = (
        rows.filter(within, model__provider__in=providers)
        .order_by()
        .annotate(month=TruncMonth(moment, tzinfo=dt.UTC))
    )
    groups = by_month.values("model__provider", "month")
    summed: QuerySet[Any, Any] = groups.annotate(usd=Coalesce(Sum("cost"), Value(ZERO)))
    return summed.values_list("model__provider", "month", "usd")


def _bounds(month: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """From its first moment to the next month's, UTC."""
    following = (month + dt.timedelta(days=32)).replace(day=1)
    return (
        dt.datetime.combine(month, dt.time(), tzinfo=dt.UTC),
        dt.datetime.combine(following, dt.time(), tzinfo=dt.UTC),
    )
