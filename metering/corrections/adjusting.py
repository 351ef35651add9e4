"""Making one attempt dearer or cheaper by hand: a vendor's credit, a fee, a cost from an invoice."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, Sum
from django.db.models.functions import Now

from metering.corrections import rerating, rows
from metering.models import CorrectionBatch, CostEntry

SCALE = -12  # decimals of money
MOST = Decimal(10) ** 12  # what NUMERIC(24,12) does not hold


class AdjustmentError(Exception):
    """It cannot be adjusted so; the message says why and what would do."""


@dataclass(frozen=True, slots=True)
class CostNow:
    """What one part of an attempt costs with all its corrections. ``cost`` None: unknown."""

    entry: CostEntry
    cost: Decimal | None
    exposed: Decimal | None


def cost_now(*, entry_id: int) -> CostNow:
    """The first entry of the attempt (and part) that ``entry_id`` belongs to, and what it costs now.

    Raises CostEntry.DoesNotExist.
    """
    asked = CostEntry.objects.get(pk=entry_id)
    of_part = CostEntry.objects.filter(request_id=asked.request_id, attempt=asked.attempt, part=asked.part)
    first = of_part.select_related("model__provider", "team").get(~Q(kind="correction"))
    sums = of_part.aggregate(cost=Sum("cost"), exposed=Sum("exposure"))
    return CostNow(first, sums["cost"], sums["exposed"])


@transaction.atomic
def adjust(
    *, entry_id: int, amount: Decimal, expected: Decimal | None, reason: str, author: str
) -> CorrectionBatch:
    """Add ``amount`` USD (or take it away) to what an attempt costs; where that is unknown, state it.

    ``expected`` is what the person saw: when it costs another amount by now, nothing is booked. So a form
    that is sent twice books once. Raises AdjustmentError.
    """
    rerating.take_turn()
    now = cost_now(entry_id=entry_id)
    _check(now, amount=amount, expected=expected, reason=reason)
    batch = CorrectionBatch.objects.create(
        kind=CorrectionBatch.Kind.ADJUSTMENT,
        reason=reason.strip()[:500],
        author=author,
        scope={"entry": str(now.entry.pk), "request": str(now.entry.request_id)},
    )
    exposed = now.exposed if now.cost is None else None
    rerating.settle([rows.difference(now.entry, amount=amount, exposed=exposed, batch=batch)])
    CorrectionBatch.objects.filter(pk=batch.pk).update(
        state=CorrectionBatch.State.DONE, done_at=Now(), corrected=1, amount=amount
    )
    batch.refresh_from_db()
    return batch


def _check(now: CostNow, *, amount: Decimal, expected: Decimal | None, reason: str) -> None:
    if now.cost != expected:
        raise AdjustmentError("its cost has changed since you looked at it: look again")
    if not reason.strip():
        raise AdjustmentError("say why: a correction without a reason explains nothing")
    if not amount.is_finite() or abs(amount) >= MOST or int(amount.as_tuple().exponent) < SCALE:
        raise AdjustmentError("an amount is in USD, with 12 decimals at most")
    if now.cost is not None and amount == 0:
        raise AdjustmentError("an adjustment of nothing changes nothing")
    if (now.cost or Decimal(0)) + amount < 0:
        raise AdjustmentError("no attempt costs less than nothing: take away what it cost at most")
