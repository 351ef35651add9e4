"""What is wrong with the price book, for whoever keeps it: said on the first page of the admin."""

import datetime as dt
from typing import NamedTuple

from django.db.models import Sum

from catalog import feeds, pricing_gaps
from catalog.feeds import Silence
from catalog.models import PriceProposal
from catalog.pricing_gaps import Gap
from metering.models import DailySpend

SHOWN = 10  # of each kind


class Unpriced(NamedTuple):
    """A model with ``calls`` of unknown cost."""

    model: str
    calls: int


class Warnings(NamedTuple):
    """``since`` is the first day of the month that ``unpriced`` counts, the most calls first."""

    since: dt.date
    unpriced: list[Unpriced]
    gaps: list[Gap]
    silent: list[Silence]
    drafts: int  # that wait for a decision

    @property
    def any(self) -> bool:
        return bool(self.unpriced or self.gaps or self.silent or self.drafts)

    @property
    def unpriced_calls(self) -> int:
        return sum(row.calls for row in self.unpriced)


def warnings(*, at: dt.datetime, today: dt.date) -> Warnings:
    """As of ``at``, in the business month of ``today``. A fixed number of queries, over the rollup."""
    first = today.replace(day=1)
    unpriced = (
        DailySpend.objects.filter(day__gte=first, unpriced__gt=0)
        .order_by()
        .values_list("model__provider__name", "model__name")
        .annotate(calls=Sum("unpriced"))
        .order_by("-calls", "model__provider__name", "model__name")
    )
    return Warnings(
        since=first,
        unpriced=[Unpriced(f"{provider}/{name}", calls) for provider, name, calls in unpriced],
        gaps=pricing_gaps.gaps(at=at),
        silent=feeds.silent(at=at),
        drafts=PriceProposal.objects.filter(state=PriceProposal.State.OPEN).count(),
    )
