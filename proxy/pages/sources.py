"""Where a period's figures come from: its entries, or what is kept of its whole days. Decisions 0028, 0033.

Summaries hold the entries up to a mark. With the entries that came after it, and those of the days that the
period cuts, they are the whole period, however far behind the mark is.
"""

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Exists, OuterRef, QuerySet

from catalog.visibility import Visibility
from metering.models import CostEntry, DailyEnds, DailyLatencies, SummaryMark
from proxy.pages import ledger_rows
from proxy.pages.filters import Asked

PRICED = {"kind": "correction", "cost__isnull": False}  # corrections that say a cost


class Read(NamedTuple):
    """``rows``: entries to be read. ``priced``: those of unknown cost that corrections in ``rows`` price."""

    rows: QuerySet[CostEntry]
    priced: QuerySet[CostEntry]


@dataclass(frozen=True, slots=True)
class Sources:
    """Every entry of the period once: in one of ``read``, or in what is kept (nothing of an exact period)."""

    read: tuple[Read, ...]
    ends: QuerySet[DailyEnds]
    latencies: QuerySet[DailyLatencies]


def sources(*, asked: Asked, visibility: Visibility) -> Sources:
    """No query for an exact period, else one."""
    return (of_entries if asked.exact else of_days)(asked=asked, visibility=visibility)


def of_entries(*, asked: Asked, visibility: Visibility) -> Sources:
    """All of it from the ledger, whatever is kept."""
    rows = ledger_rows.entries(asked=asked, visibility=visibility)
    return Sources((_of_days(rows),), DailyEnds.objects.none(), DailyLatencies.objects.none())


def of_days(*, asked: Asked, visibility: Visibility) -> Sources:
    """Whole days from what is kept of them, the others from the ledger."""
    rows = ledger_rows.entries(asked=asked, visibility=visibility)
    mark = SummaryMark.objects.values_list("entry", flat=True).first() or 0
    days = {"day__range": asked.whole_days}
    since = CostEntry.objects.filter(pk__gt=mark, **days)
    return Sources(
        read=(
            _of_days(rows.filter(day__in=_cut_days(asked))),
            _since(ledger_rows.narrowed(since, asked=asked, visibility=visibility), mark=mark),
        ),
        ends=ledger_rows.narrowed(DailyEnds.objects.filter(**days), asked=asked, visibility=visibility),
        latencies=ledger_rows.narrowed(
            DailyLatencies.objects.filter(**days), asked=asked, visibility=visibility
        ),
    )


def _cut_days(asked: Asked) -> list[dt.date]:
    return [day for day in asked.days if day not in asked.whole_days]


def _of_days(rows: QuerySet[CostEntry]) -> Read:
    """Corrections are on the day of what they correct, so ``rows`` have both."""
    priced_later = CostEntry.objects.filter(corrects=OuterRef("pk"), **PRICED)
    return Read(rows, rows.filter(Exists(priced_later), cost__isnull=True))


def _since(rows: QuerySet[CostEntry], *, mark: int) -> Read:
    """Those after the mark; what their corrections correct may be before it. Only the first that says a cost
    makes it known: what one up to the mark has made known is kept so."""
    earlier = CostEntry.objects.filter(corrects=OuterRef("pk"), pk__lte=mark, **PRICED)
    corrected = CostEntry.objects.filter(pk__in=rows.filter(**PRICED).values("corrects"), cost__isnull=True)
    return Read(rows, corrected.exclude(kind="correction").filter(~Exists(earlier)).order_by())
