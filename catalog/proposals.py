"""Drafts of prices: what a person or a feed would set and nobody has decided yet. Nothing is priced by them.

A person's draft is accepted by another one (catalog/approvals.py), a feed's by anybody who may.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction

from catalog import alarms, approvals, periods
from catalog import rates as rate_values
from catalog.audit import tracking
from catalog.models import LanguageModel, Price, PriceProposal

REASON_LENGTH = 300
NOTE_LENGTH = 300


class ProposalError(Exception):
    """A draft cannot be made or decided as asked.

    AlreadyDecided   it was accepted or dismissed before
    AlreadyDrafted   the same person has an open draft of this, from the same moment
    NotAPrice        no price can be like that; ``complaints`` says why
    NothingChanges   these terms hold at that moment already
    InThePast        a model that has prices cannot have another one before now
    """


class AlreadyDecided(ProposalError):
    """Carries ``proposal``."""

    def __init__(self, proposal: PriceProposal) -> None:
        super().__init__(f"already {proposal.state} by {proposal.decided_by}")
        self.proposal = proposal


class AlreadyDrafted(ProposalError):
    def __init__(self) -> None:
        super().__init__("You have drafted a price for this from the same moment already: withdraw that one.")


class NotAPrice(ProposalError):
    def __init__(self, error: ValidationError) -> None:
        self.complaints = [
            message if field == NON_FIELD_ERRORS else f"{field}: {message}"
            for field, messages in error.message_dict.items()
            for message in messages
        ]
        super().__init__(" ".join(self.complaints))


class NothingChanges(ProposalError):
    def __init__(self) -> None:
        super().__init__("These rates hold at that moment already.")


class InThePast(ProposalError):
    def __init__(self, model: LanguageModel) -> None:
        super().__init__(
            f"{model.full_name} has a price, and a new one begins now at the earliest; {periods.RE_RATE}"
        )


def slot_of(proposal: PriceProposal) -> periods.Slot:
    return periods.Slot(*(getattr(proposal, field) for field in periods.Slot._fields))


def terms_of(proposal: PriceProposal) -> periods.Terms:
    """What it would set. Without any rate it would only end the price in force."""
    paid = rate_values.from_text(proposal.rates)
    listed = {name: Decimal(value) for name, value in proposal.list_rates.items()}
    return periods.Terms(paid, proposal.tier, paid._replace(**listed))


def alarms_of(proposal: PriceProposal) -> list[alarms.Raised]:
    """What is more likely a slip than a price, whoever drafted it: beside the price in force then."""
    current = rate_values.of(proposal.current) if proposal.current else None
    return alarms.raised(current, terms_of(proposal).paid)


def ends_only(proposal: PriceProposal) -> bool:
    """Whether it proposes no price at all: a feed that does not know the price any more."""
    return not any(proposal.rates.values())


@transaction.atomic
def draft(
    *,
    model: LanguageModel,
    slot: periods.Slot,
    terms: periods.Terms,
    effective_from: dt.datetime,
    made_by: str,
    source: str,
    note: str,
    at: dt.datetime,
) -> PriceProposal:
    """A person's draft, refused now if it could not begin then. Raises ProposalError, PeriodError."""
    if effective_from < at and Price.objects.filter(model=model).exists():
        raise InThePast(model)
    current = periods.in_force(model=model, slot=slot, at=effective_from)
    _try_out(model=model, slot=slot, terms=terms, effective_from=effective_from, at=at)
    mine = PriceProposal.objects.filter(
        model=model, made_by=made_by, effective_from=effective_from, **periods.lookup(slot)
    )
    if mine.filter(state=PriceProposal.State.OPEN, from_feed=False).exists():
        raise AlreadyDrafted
    return PriceProposal.objects.create(
        model=model,
        effective_from=effective_from,
        tier=terms.tier,
        rates=rate_values.text(terms.paid),
        list_rates=terms.list_rates,
        current=current,
        reason=rate_values.difference(rate_values.of(current) if current else None, terms.paid)[
            :REASON_LENGTH
        ],
        note=note[:NOTE_LENGTH],
        source=source,
        source_date=at.date(),
        made_by=made_by,
        **slot._asdict(),
    )


@transaction.atomic
def accept(
    proposal: PriceProposal, *, by: str, at: dt.datetime, impact: dict[str, Any] | None = None
) -> Price | None:
    """End the price in force and start the proposed one, in one transaction.

    It begins when it says, or at ``at`` where that has passed: what was charged stays explained. Only the
    first prices of a model may begin in the past. A proposal without rates (the source no longer knows the
    price) only ends the one in force and returns None. ``impact``: what ``by`` was told that it would change.
    Raises AlreadyDecided, PeriodError, approvals.NeedsAnotherPerson.
    """
    locked = _open(proposal)
    locked.self_approved = not locked.from_feed and approvals.is_self_approved(
        asked_by=locked.made_by, decided_by=by
    )
    if ends_only(locked):
        periods.end(model=locked.model, slot=slot_of(locked), at=at)
    else:
        locked.price = _start(locked, by=by, at=at)
    _decide(locked, state=PriceProposal.State.ACCEPTED, by=by, at=at, impact=impact)
    proposal.refresh_from_db()
    return locked.price


@transaction.atomic
def dismiss(
    proposal: PriceProposal, *, by: str, at: dt.datetime, impact: dict[str, Any] | None = None
) -> None:
    """Decide against it; who made it withdraws it. A feed does not propose dismissed rates again.

    Raises AlreadyDecided.
    """
    locked = _open(proposal)
    own = not locked.from_feed and locked.made_by == by
    state = PriceProposal.State.WITHDRAWN if own else PriceProposal.State.DISMISSED
    _decide(locked, state=state, by=by, at=at, impact=impact)
    proposal.refresh_from_db()


def begins_at(proposal: PriceProposal, *, at: dt.datetime) -> dt.datetime:
    """When it would begin, accepted at ``at``; in the past only if drafted before there was a price."""
    older = Price.objects.filter(model=proposal.model_id, created_at__lt=proposal.created_at)
    return max(proposal.effective_from, at) if older.exists() else proposal.effective_from


def _start(proposal: PriceProposal, *, by: str, at: dt.datetime) -> Price | None:
    """Let its price begin. A new model waits, disabled, for its first one."""
    first = not Price.objects.filter(model=proposal.model_id).exists()
    started = periods.start(
        model=proposal.model,
        slot=slot_of(proposal),
        terms=terms_of(proposal),
        effective_from=begins_at(proposal, at=at),
        source=proposal.source,
        at=at,
        note=_story(proposal, by)[:NOTE_LENGTH],
    )
    if first and not proposal.model.enabled:
        LanguageModel.objects.filter(pk=proposal.model_id).update(enabled=True)
        tracking.noted(proposal.model, {"enabled": (False, True)})
    return started.price if started else None


def _story(proposal: PriceProposal, by: str) -> str:
    if proposal.from_feed:
        return f"Accepted by {by}: {proposal.reason}"
    who = (
        f"Drafted and accepted by {by}"
        if proposal.self_approved
        else f"Drafted by {proposal.made_by}, accepted by {by}"
    )
    return f"{who}: {proposal.note or proposal.reason}"


def _try_out(
    *,
    model: LanguageModel,
    slot: periods.Slot,
    terms: periods.Terms,
    effective_from: dt.datetime,
    at: dt.datetime,
) -> None:
    """Start it and take it back: the rule that will decide says now whether it can be."""
    row = periods.row(model=model, slot=slot, terms=terms, effective_from=effective_from, source="draft")
    try:
        row.full_clean()
    except ValidationError as error:
        raise NotAPrice(error) from error
    with transaction.atomic():
        started = periods.start(
            model=model, slot=slot, terms=terms, effective_from=effective_from, source="draft", at=at
        )
        transaction.set_rollback(True)
    if started is None:
        raise NothingChanges


def _open(proposal: PriceProposal) -> PriceProposal:
    locked = (
        PriceProposal.objects.select_for_update(of=("self",))
        .select_related("model__provider")
        .get(pk=proposal.pk)
    )
    if locked.state != PriceProposal.State.OPEN:
        raise AlreadyDecided(locked)
    return locked


def _decide(
    proposal: PriceProposal, *, state: str, by: str, at: dt.datetime, impact: dict[str, Any] | None
) -> None:
    proposal.state = state
    proposal.decided_by = by
    proposal.decided_at = at
    proposal.impact = impact
    proposal.save(update_fields=["state", "decided_by", "decided_at", "self_approved", "impact", "price"])
