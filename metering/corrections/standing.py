"""The rows of the ledger that stand: what an entry is now, after its corrections. Reads only.

A correction in a batch takes a row back (a reversing row, all figures negated) and books a new one. So the
rows that stand are those that take nothing back and are not taken back; they add up to the sum of all rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum

from metering.models import CorrectionBatch, CostEntry

LATE_NOTE = "settled after the sweep"  # of metering_settle: the whole answer of a call taken for lost
NEVER_RATED = ("not_billed", "cache_hit")
NOT_READ = ("raw_usage", "error_message", "client_request_id", "upstream_id")  # wide, and of no use here


@dataclass(frozen=True, slots=True)
class Marked:
    """A standing row, and what the other rows of its attempt (and part) say about it.

    ``cost``      None: unknown
    ``by_hand``   a difference was booked beside it by a person, in no batch
    ``adjusted``  a batch adjusted it
    ``chosen``    it was priced at a price row that somebody chose, whatever was in force
    ``shared``    other models worked on the same answer, in parts of their own
    ``exposed``   USD that its attempt still states as exposure; None: nothing
    """

    row: CostEntry
    cost: Decimal | None
    provider_id: int
    by_hand: bool
    adjusted: bool
    chosen: bool
    shared: bool
    exposed: Decimal | None


class StandingRows(QuerySet[CostEntry]):
    """Rows that stand, and that say all of an answer's tokens."""

    def standing(self) -> Self:
        taken_back = CostEntry.objects.filter(corrects=OuterRef("pk"), reverses=True)
        return self.filter(~Exists(taken_back), reverses=False)

    def with_usage(self) -> Self:
        """Attempts, late answers, and new rows of a re-rating.

        Differences (booked by hand, or by an adjustment) and what is never priced by tokens are left out.
        """
        whole = (
            Q(kind="attempt")
            | Q(kind="correction", batch__isnull=True, note=LATE_NOTE)
            | Q(kind="correction", batch__kind=CorrectionBatch.Kind.RE_RATE)
        )
        return self.filter(whole).exclude(usage_source="unknown").exclude(cost_reason__in=NEVER_RATED)

    def marked(self) -> Iterator[Marked]:
        """Each row with what its attempt says about it; in this queryset's order, one query."""
        of_attempt = CostEntry.objects.filter(request_id=OuterRef("request_id"), attempt=OuterRef("attempt"))
        of_part = of_attempt.filter(part=OuterRef("part"))
        corrections = of_part.filter(kind="correction")
        exposures = of_part.order_by().values("part").annotate(sum=Sum("exposure")).values("sum")
        found: Any = (
            self.select_related("batch")
            .defer(*NOT_READ)
            .annotate(
                by_hand=Exists(corrections.filter(batch__isnull=True).exclude(note=LATE_NOTE)),
                adjusted=Exists(corrections.filter(batch__kind=CorrectionBatch.Kind.ADJUSTMENT)),
                shared=Exists(of_attempt.filter(kind="attempt").exclude(part=OuterRef("part"))),
                provider_id=F("model__provider"),
                exposed=Subquery(exposures),
            )
        )
        for row in found:
            yield Marked(
                row=row,
                cost=row.cost,
                provider_id=row.provider_id,
                by_hand=row.by_hand,
                adjusted=row.adjusted,
                chosen=row.batch is not None and "at_price" in row.batch.scope,
                shared=row.shared,
                exposed=row.exposed,
            )


def rows() -> StandingRows:
    return StandingRows(model=CostEntry)
