"""Opening the last closed month again: one person asks and says why, another decides. All of it is kept."""

import datetime as dt

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from catalog import approvals
from metering.closing import months, steps
from metering.closing.errors import Refused
from metering.models import BillingPeriod, Closing, Reopening

Status = BillingPeriod.Status


def ask(*, month: dt.date, reason: str, by: User, at: dt.datetime) -> Reopening:
    """Raises Refused: without a reason, for a month that is not the last closed one, or asked for already."""
    if not reason.strip():
        raise Refused("Say why the month has to be opened again: the reason is kept.")
    closing = _last_closing()
    if closing is None or closing.period.month != month:
        last = "none is" if closing is None else f"that is {months.written(closing.period.month)}"
        raise Refused(f"Only the last closed month can be opened again: {last}.")
    try:
        with transaction.atomic():
            return Reopening.objects.create(closing=closing, reason=reason.strip(), asked_by=by, asked_at=at)
    except IntegrityError as error:
        raise Refused("Somebody has asked for that already: it waits for a decision.") from error


def approve(*, number: int, by: User, note: str, at: dt.datetime) -> Reopening:
    """The month is open again. Raises Refused, or catalog.approvals.NeedsAnotherPerson."""
    with steps.refusals():
        asked = _waiting(number)
        asked.self_approved = approvals.is_self_approved(asked_by=asked.asked_by_id, decided_by=by.pk)
        _decide(asked, Reopening.State.APPROVED, by=by, note=note, at=at)
        steps.reopen(month=asked.closing.period.month)
        return asked


def deny(*, number: int, by: User, note: str, at: dt.datetime) -> Reopening:
    """The month stays closed. Raises Refused."""
    with steps.refusals():
        return _decide(_waiting(number), Reopening.State.DENIED, by=by, note=note, at=at)


def waiting(*, month: dt.date) -> Reopening | None:
    """What waits for a decision."""
    return Reopening.objects.filter(closing__period__month=month, state=Reopening.State.OPEN).first()


def _last_closing() -> Closing | None:
    closed = Closing.objects.filter(period__status=Status.CLOSED).select_related("period")
    return closed.order_by("-period__month", "-version").first()


def _waiting(number: int) -> Reopening:
    asked = (
        Reopening.objects.select_for_update(of=("self",))
        .select_related("closing__period")
        .filter(pk=number, state=Reopening.State.OPEN)
        .first()
    )
    if asked is None:
        raise Refused("Nothing waits for a decision here: it was decided already.")
    return asked


def _decide(asked: Reopening, state: str, *, by: User, note: str, at: dt.datetime) -> Reopening:
    asked.state, asked.decided_by_id, asked.decided_at, asked.note = state, by.pk, at, note.strip()
    asked.save()
    return asked
