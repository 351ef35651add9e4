"""Pricing entries again, in a batch: begun by a person with a reason, booked in chunks, resumable.

Note [Chunks]: a chunk is one transaction of some hundred entries, so that calls wait for its windows and
daily rows for a moment only; the batch's own figures are written with it. The books are right after every
chunk. A batch that was interrupted goes on behind the last entry that it corrected: entries come in the order
of their ids.

Note [One corrector at a time]: chunks and adjustments take an advisory lock first, and read what stands after
it: two batches over the same entries find what the other one made of them. No entry is locked by it, and
metering_settle takes its own locks in its own order, so no call can be in a deadlock with a corrector.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec
from django.db import connection, transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from metering import locks, settling
from metering.corrections import pricing, rows, scopes, standing
from metering.corrections.pricelists import CatalogPrices
from metering.corrections.pricing import PriceList, Rated
from metering.corrections.scopes import Scope, ScopeError
from metering.entries import Correction
from metering.models import CorrectionBatch, CostEntry

CHUNK = 500
LAST = "last_entry"  # of a batch's scope: entries booked after it began are not its business
LOCK = f"SELECT pg_advisory_xact_lock({locks.CORRECTIONS})"  # see Note [One corrector at a time]


@dataclass(frozen=True, slots=True)
class Progress:
    """Entries looked at by this run, of how many; and what the batch corrected in all its runs."""

    done: int
    of: int
    corrected: int
    amount: Decimal


def begin(*, scope: Scope, reason: str, author: str) -> CorrectionBatch:
    """A batch that is running, with nothing booked yet. Raises ScopeError."""
    scope = scopes.checked(scope)
    if not reason.strip():
        raise ScopeError("say why: a correction without a reason explains nothing")
    last = CostEntry.objects.aggregate(last=Max("pk"))["last"] or 0
    return CorrectionBatch.objects.create(
        kind=CorrectionBatch.Kind.RE_RATE,
        reason=reason.strip()[:500],
        author=author,
        scope=scope.text() | {LAST: str(last)},
    )


def running(*, batch_id: int) -> CorrectionBatch:
    """A batch that can be resumed. Raises ScopeError."""
    batch = CorrectionBatch.objects.filter(pk=batch_id, kind=CorrectionBatch.Kind.RE_RATE).first()
    if batch is None:
        raise ScopeError(f"there is no re-rating {batch_id}")
    if batch.state != CorrectionBatch.State.RUNNING:
        raise ScopeError(f"batch {batch_id} is done: it corrected {batch.corrected} entries")
    return batch


def run(*, batch: CorrectionBatch, chunk: int = CHUNK) -> Iterator[Progress]:
    """Book what is left of ``batch``, ``chunk`` entries a transaction, and end it. See Note [Chunks]."""
    scope = Scope.from_text(batch.scope)
    prices = CatalogPrices(chosen=scope.at_prices)
    ids = _left_of(batch, scope)
    for start in range(0, len(ids), chunk):
        if not _book(batch, ids[start : start + chunk], prices):
            return  # somebody else ended it
        batch.refresh_from_db()
        yield Progress(min(start + chunk, len(ids)), len(ids), batch.corrected, batch.amount)
    CorrectionBatch.objects.filter(pk=batch.pk, state=CorrectionBatch.State.RUNNING).update(
        state=CorrectionBatch.State.DONE, done_at=Now()
    )
    batch.refresh_from_db()
    yield Progress(len(ids), len(ids), batch.corrected, batch.amount)


def settle(entries: Sequence[Correction]) -> None:
    """Book corrections; in the transaction that is open."""
    with connection.cursor() as cursor:
        cursor.execute(settling.SETTLE, [msgspec.json.encode(entries).decode()])
        cursor.fetchall()


def take_turn() -> None:
    """Wait for other correctors; until the transaction ends. See Note [One corrector at a time]."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK)


def _left_of(batch: CorrectionBatch, scope: Scope) -> "array[int]":
    """Ids of the entries that the batch has not come to: 8 bytes each, however many there are."""
    reached = CostEntry.objects.filter(batch=batch).aggregate(reached=Max("corrects"))["reached"] or 0
    found = scopes.entries(scope).filter(pk__gt=reached, pk__lte=int(batch.scope[LAST]))
    return array("q", found.values_list("pk", flat=True).iterator(chunk_size=10_000))


@transaction.atomic
def _book(batch: CorrectionBatch, ids: Sequence[int], prices: PriceList) -> bool:
    """One chunk. False when the batch is no longer running."""
    take_turn()
    ours = CorrectionBatch.objects.filter(pk=batch.pk, state=CorrectionBatch.State.RUNNING)
    if not ours.exists():
        return False
    found = standing.rows().filter(pk__in=ids).standing().order_by("id").marked()
    pairs = [
        rows.corrected(entry, new, batch=batch)
        for entry in found
        if isinstance(new := pricing.rated(entry, prices), Rated)
    ]
    if pairs:
        entries = [row for pair in pairs for row in pair]
        settle(entries)
        ours.update(corrected=F("corrected") + len(pairs), amount=F("amount") + rows.moved(entries))
    return True
