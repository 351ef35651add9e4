"""Proposed prices: what a source says and a person has not decided yet. Nothing is priced by them."""

import datetime as dt

from django.db import transaction

from catalog import periods
from catalog import rates as rate_values
from catalog.models import LanguageModel, Price, PriceProposal

REASON_LENGTH = 300


class ProposalError(Exception):
    """A proposal cannot be decided as asked."""


class AlreadyDecided(ProposalError):
    """The proposal was accepted or dismissed before. Carries ``proposal``."""

    def __init__(self, proposal: PriceProposal) -> None:
        super().__init__(f"already {proposal.state} by {proposal.decided_by}")
        self.proposal = proposal


def slot_of(proposal: PriceProposal) -> periods.Slot:
    return periods.Slot(*(getattr(proposal, field) for field in periods.Slot._fields))


@transaction.atomic
def accept(proposal: PriceProposal, *, by: str, at: dt.datetime) -> Price | None:
    """End the price in force and start the proposed one, in one transaction.

    Where there was a price the new one starts at ``at`` at the earliest: what was charged stays explained. A
    proposal without rates (the source no longer knows the price) only ends the one in force and returns None.
    Raises AlreadyDecided, PeriodError.
    """
    locked = _open(proposal)
    slot = slot_of(locked)
    price: Price | None = None
    if any(locked.rates.values()):
        priced = Price.objects.filter(model=locked.model)
        first = not priced.exists()
        has_slot = priced.filter(**periods.lookup(slot)).exists()
        started = periods.start(
            model=locked.model,
            slot=slot,
            rates=rate_values.from_text(locked.rates),
            effective_from=max(locked.effective_from, at) if has_slot else locked.effective_from,
            source=locked.source,
            at=at,
            note=f"Accepted by {by}: {locked.reason}"[:REASON_LENGTH],
        )
        price = started.price if started else None
        if first and not locked.model.enabled:  # a new model waits, disabled, for its first price
            LanguageModel.objects.filter(pk=locked.model_id).update(enabled=True)
    else:
        periods.end(model=locked.model, slot=slot, at=at)
    _decide(locked, state=PriceProposal.State.ACCEPTED, by=by, at=at)
    proposal.refresh_from_db()
    return price


@transaction.atomic
def dismiss(proposal: PriceProposal, *, by: str, at: dt.datetime) -> None:
    """Decide against it. The same rates are not proposed again. Raises AlreadyDecided."""
    _decide(_open(proposal), state=PriceProposal.State.DISMISSED, by=by, at=at)
    proposal.refresh_from_db()


def _open(proposal: PriceProposal) -> PriceProposal:
    locked = (
        PriceProposal.objects.select_for_update(of=("self",))
        .select_related("model__provider")
        .get(pk=proposal.pk)
    )
    if locked.state != PriceProposal.State.OPEN:
        raise AlreadyDecided(locked)
    return locked


def _decide(proposal: PriceProposal, *, state: str, by: str, at: dt.datetime) -> None:
    proposal.state = state
    proposal.decided_by = by
    proposal.decided_at = at
    proposal.save(update_fields=["state", "decided_by", "decided_at"])
