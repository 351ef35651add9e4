"""The two rows of one correction, as metering_settle takes them: pure, no IO.

Both say when and for whom the call was, so that they count on the same day, limits and groups; what an
attempt says once (its latency, its hold, the vendor's ids and words) stays on the first entry.
"""

from collections.abc import Sequence
from decimal import Decimal

from metering.corrections.pricing import Rated
from metering.corrections.standing import Marked
from metering.entries import Correction
from metering.models import CorrectionBatch, CostEntry
from metering.usage import BUCKETS, OTHER_MODEL

ZERO = Decimal(0)
NOTE_LENGTH = 300
SAME = (
    "request_id",
    "attempt",
    "part",
    "team_id",
    "api_key_id",
    "route",
    "started_at",
    "day",
    "variant",
    "usage_source",
    "outcome",
    "status",
    "error_class",
    "streamed",
    "served_model",
    "tags",
)


def corrected(entry: Marked, new: Rated, *, batch: CorrectionBatch) -> tuple[Correction, Correction]:
    """The row that takes ``entry`` back, and the one that stands instead of it."""
    row = entry.row
    back = blank(row, batch=batch, model_id=row.model_id)
    back.reverses = True
    back.price_id, back.cost_reason = row.price_id, row.cost_reason
    back.cost = ZERO if entry.cost is None else -entry.cost
    if entry.cost is None and entry.exposed:
        back.exposure = -entry.exposed  # the cost is known: nothing of it is only possible
    again = blank(row, batch=batch, model_id=new.model_id)
    again.price_id, again.cost = new.price_id, new.usd
    for bucket in BUCKETS:
        setattr(back, bucket, -getattr(row, bucket))
        setattr(again, bucket, getattr(row, bucket))
    return back, again


def difference(
    row: CostEntry, *, amount: Decimal, exposed: Decimal | None, batch: CorrectionBatch
) -> Correction:
    """A row that changes what ``row`` cost by ``amount``, and no tokens."""
    entry = blank(row, batch=batch, model_id=row.model_id)
    entry.cost = amount
    entry.exposure = -exposed if exposed else None
    if row.usage_source != CostEntry.UsageSource.UNKNOWN:
        for bucket in BUCKETS:
            setattr(entry, bucket, 0)
    return entry


def blank(row: CostEntry, *, batch: CorrectionBatch, model_id: int) -> Correction:
    """A correction of ``row`` without tokens or cost."""
    return Correction(
        kind="correction",
        corrects_id=row.pk,
        batch_id=batch.pk,
        model_id=model_id,
        flags=_flags(row),
        note=f"{batch.author}: {batch.reason}"[:NOTE_LENGTH],
        **{name: getattr(row, name) for name in SAME},
    )


def moved(entries: Sequence[Correction]) -> Decimal:
    """USD by which the total moves."""
    return sum((entry.cost for entry in entries if entry.cost is not None), ZERO)


def _flags(row: CostEntry) -> tuple[str, ...]:
    """Whose tokens they are. Everything else that is remarkable is said by the first entry."""
    return (OTHER_MODEL,) if row.part and OTHER_MODEL in row.flags else ()
