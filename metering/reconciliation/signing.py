"""Signing off a vendor's month: one person within the tolerance, two beyond it or over an own file."""

import datetime as dt
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from catalog import approvals
from catalog.models import Provider
from metering.closing import months
from metering.models import ReconciliationRun, SignOff, VendorReport
from metering.reconciliation import drift, runs, telling, theirs
from metering.reconciliation.sides import ZERO


class CannotSign(Exception):
    """The month cannot be signed as it is; the message says why to the person."""


def sign(*, run: ReconciliationRun, note: str, by: User, at: dt.datetime) -> SignOff:
    """Accept the month as ``run`` has it. Beyond the tolerance it waits for a second person.

    Raises CannotSign.
    """
    why = needs_two(run, by=by)
    if why and not note.strip():
        raise CannotSign(f"{why[0].upper()}{why[1:]}: say why it is accepted.")
    done = {} if why else {"signed_by": by, "signed_at": at}
    with transaction.atomic():
        _lock(run)
        newest = runs.latest(provider=run.provider, month=run.month)
        if newest is None or newest.pk != run.pk:
            raise CannotSign("The month was compared anew meanwhile: look at it again, then sign.")
        _not_moved(run)
        if SignOff.objects.filter(run=run).exclude(state=SignOff.State.WITHDRAWN).exists():
            raise CannotSign("It is signed already, or waits for a second person.")
        SignOff.objects.filter(
            run__provider=run.provider, run__month=run.month, state=SignOff.State.WAITING
        ).update(state=SignOff.State.WITHDRAWN)
        state = SignOff.State.WAITING if why else SignOff.State.SIGNED
        return SignOff.objects.create(
            run=run, state=state, needs_two=bool(why), note=note.strip(), asked_by=by, asked_at=at, **done
        )


def second(*, sign_off: SignOff, by: User, at: dt.datetime, note: str = "") -> SignOff:
    """The second person's signature; a note is theirs to give or not.

    Raises CannotSign and approvals.NeedsAnotherPerson.
    """
    with transaction.atomic():
        found = SignOff.objects.select_for_update().get(pk=sign_off.pk)
        if found.state != SignOff.State.WAITING:
            raise CannotSign("It does not wait for anybody any more.")
        newest = runs.latest(provider=found.run.provider, month=found.run.month)
        if newest is None or newest.pk != found.run_id:
            raise CannotSign("The month was compared anew since it was asked for: ask again.")
        _not_moved(found.run)
        found.self_approved = approvals.is_self_approved(asked_by=found.asked_by_id, decided_by=by.pk)
        found.state, found.signed_by_id, found.signed_at = SignOff.State.SIGNED, by.pk, at
        found.second_note = note.strip()
        found.save()
    return found


def may_second(*, asked_by: int, by: User) -> bool:
    """Whether ``by`` can be the second person for what the user ``asked_by`` asked."""
    try:
        approvals.is_self_approved(asked_by=asked_by, decided_by=by.pk)
    except approvals.NeedsAnotherPerson:
        return False
    return True


def needs_two(run: ReconciliationRun, *, by: User) -> str:
    """Why the signature of ``by`` is not enough, or empty.

    A bill is evidence against the books only if whoever signs for it did not bring it: files can be written.
    """
    if run.state == ReconciliationRun.State.NOTHING:
        return ""
    if run.uncovered_days:
        return "there are days without a report"
    if not telling.is_told(run.gap):
        return "no report tells what was charged"
    if max(abs(Decimal(run.gap)), Decimal(run.open_gap)) > run.tolerance:
        return "the gap, or what is open of it, exceeds the tolerance"
    if _brought(run, by):
        return "it rests on a file that you imported yourself"
    return ""


def standing(*, provider: Provider, month: dt.date) -> SignOff | None:
    """The signature that holds: the last one, unless figures moved since by more than the tolerance, those of
    the ledger whether the month was compared again or not.
    """
    signed = (
        SignOff.objects.filter(run__provider=provider, run__month=month, state=SignOff.State.SIGNED)
        .select_related("run")
        .order_by("-id")
        .first()
    )
    newest = runs.latest(provider=provider, month=month)
    if signed is None or newest is None:
        return None
    if moved(signed.run, newest, since=drift.of(newest)) > signed.run.tolerance:
        return None
    return signed


def moved(before: ReconciliationRun, now: ReconciliationRun, *, since: Decimal = ZERO) -> Decimal:
    """USD by which either side is another since; what became unknown, or known, counts whole.

    ``since`` is by how much the ledger moved after ``now`` (metering.reconciliation.drift).
    """
    ours = abs(Decimal(now.ours) + since - Decimal(before.ours))
    theirs = abs(Decimal(now.theirs or 0) - Decimal(before.theirs or 0))
    return max(ours, theirs)


def _brought(run: ReconciliationRun, by: User) -> bool:
    """Whether a file that ``by`` imported speaks for a day of the month, as of the run."""
    last = months.after(run.month) - dt.timedelta(days=1)
    found = theirs.sources(provider=run.provider, first=run.month, last=last, as_of=run.as_of)
    speaking = {of_day[0].report for by_day in found.values() for of_day in by_day.values()}
    files = VendorReport.objects.filter(pk__in=speaking, fetched=False)
    return files.filter(imported_by=by.get_username()).exists()


def _not_moved(run: ReconciliationRun) -> None:
    moved_since = drift.of(run)
    if abs(moved_since) > run.tolerance:
        raise CannotSign(f"{drift.words(moved_since).capitalize()}: compare again, then sign.")


def _lock(run: ReconciliationRun) -> None:
    """One signature at a time for each provider."""
    Provider.objects.select_for_update(no_key=True).get(pk=run.provider_id)
