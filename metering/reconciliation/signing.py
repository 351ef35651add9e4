"""Signing off a vendor's month: one person within the tolerance, two beyond it."""

import datetime as dt
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from catalog import approvals
from catalog.models import Provider
from metering.models import ReconciliationRun, SignOff
from metering.reconciliation import runs


class CannotSign(Exception):
    """The month cannot be signed as it is; the message says why to the person."""


def sign(*, run: ReconciliationRun, note: str, by: User, at: dt.datetime) -> SignOff:
    """Accept the month as ``run`` has it. Beyond the tolerance it waits for a second person.

    Raises CannotSign.
    """
    newest = runs.latest(provider=run.provider, month=run.month)
    if newest is None or newest.pk != run.pk:
        raise CannotSign("The month was compared anew meanwhile: look at it again, then sign.")
    needs_two = exceeds(run)
    if needs_two and not note.strip():
        raise CannotSign("The gap exceeds the tolerance: say why it is accepted.")
    done = {} if needs_two else {"signed_by": by, "signed_at": at}
    with transaction.atomic():
        _lock(run)
        if SignOff.objects.filter(run=run).exclude(state=SignOff.State.WITHDRAWN).exists():
            raise CannotSign("It is signed already, or waits for a second person.")
        SignOff.objects.filter(
            run__provider=run.provider, run__month=run.month, state=SignOff.State.WAITING
        ).update(state=SignOff.State.WITHDRAWN)
        state = SignOff.State.WAITING if needs_two else SignOff.State.SIGNED
        return SignOff.objects.create(
            run=run, state=state, needs_two=needs_two, note=note.strip(), asked_by=by, asked_at=at, **done
        )


def second(*, sign_off: SignOff, by: User, at: dt.datetime) -> SignOff:
    """The second person's signature. Raises CannotSign and approvals.NeedsAnotherPerson."""
    with transaction.atomic():
        found = SignOff.objects.select_for_update().get(pk=sign_off.pk)
        if found.state != SignOff.State.WAITING:
            raise CannotSign("It does not wait for anybody any more.")
        newest = runs.latest(provider=found.run.provider, month=found.run.month)
        if newest is None or newest.pk != found.run_id:
            raise CannotSign("The month was compared anew since it was asked for: ask again.")
        found.self_approved = approvals.is_self_approved(asked_by=found.asked_by_id, decided_by=by.pk)
        found.state, found.signed_by_id, found.signed_at = SignOff.State.SIGNED, by.pk, at
        found.save()
    return found


def exceeds(run: ReconciliationRun) -> bool:
    """Whether one signature is not enough: no figures, days without any, or more than the tolerance."""
    if run.gap is None or run.uncovered_days:
        return True
    return max(abs(Decimal(run.gap)), Decimal(run.open_gap)) > run.tolerance


def standing(*, provider: Provider, month: dt.date) -> SignOff | None:
    """The signature that holds: the last one, unless figures moved since by more than the tolerance."""
    signed = (
        SignOff.objects.filter(run__provider=provider, run__month=month, state=SignOff.State.SIGNED)
        .select_related("run")
        .order_by("-id")
        .first()
    )
    newest = runs.latest(provider=provider, month=month)
    if signed is None or newest is None or moved(signed.run, newest) > signed.run.tolerance:
        return None
    return signed


def moved(before: ReconciliationRun, now: ReconciliationRun) -> Decimal:
    """USD by which either side is another since; what became unknown, or known, counts whole."""
    ours = abs(Decimal(now.ours) - Decimal(before.ours))
    theirs = abs(Decimal(now.theirs or 0) - Decimal(before.theirs or 0))
    return max(ours, theirs)


def _lock(run: ReconciliationRun) -> None:
    """One signature at a time for each provider."""
    Provider.objects.select_for_update().get(pk=run.provider_id)
