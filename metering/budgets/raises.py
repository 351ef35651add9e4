"""More room in one budget for one of its periods: asked for by one person, decided by another.

An approved raise counts from the commit on, for every worker: admission reads it with the budget's window.
"""

import datetime as dt
import uuid
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet

from catalog import approvals
from metering import windows
from metering.models import BudgetNotice, Limit, LimitRaise, LimitWindow, NoticeDelivery, Webhook

MAY_ASK = "metering.ask_limitraise"
MAY_DECIDE = "metering.approve_limitraise"
APPLY = "SELECT metering_apply_raises(%s, %s)"


class RaiseRefused(Exception):
    """This raise cannot be asked for, or decided, by this person or at this moment; the message says why."""


def may_ask(*, person: User, limit: Limit) -> bool:
    """Leads of the budget's team, and those who may ask for any."""
    return person.has_perm(MAY_ASK) or limit.team.leads.filter(pk=person.pk).exists()


@transaction.atomic
def ask(
    *, limit: Limit, amount: Decimal, reason: str, asked_by: User, at: dt.datetime, zone: ZoneInfo
) -> LimitRaise:
    """For the period that is open ``at`` the moment. ``amount``: USD on top. Raises RaiseRefused."""
    if not may_ask(person=asked_by, limit=limit):
        raise RaiseRefused("Leads of the team ask for more.")
    if limit.unit != Limit.Unit.USD or not limit.enabled:
        raise RaiseRefused("Only a budget that is in use can be raised.")
    starts_at, ends_at = _period(limit, at, zone)
    Limit.objects.select_for_update(no_key=True).get(pk=limit.pk)  # two clicks are one request
    waiting = LimitRaise.objects.filter(
        limit=limit, starts_at=starts_at, asked_by=asked_by, state=LimitRaise.State.OPEN
    )
    if waiting.exists():
        raise RaiseRefused(
            "You have asked for more already, and it waits for a decision: withdraw that first."
        )
    asked = LimitRaise.objects.create(
        limit=limit, starts_at=starts_at, ends_at=ends_at, amount=amount, reason=reason, asked_by=asked_by
    )
    _tell(asked, BudgetNotice.Kind.RAISE_ASKED, _deciders().exclude(pk=asked_by.pk), at)
    return asked


def _period(limit: Limit, at: dt.datetime, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """Of the window that is open, whatever the zone it was opened in; else the one that would be opened."""
    opened = LimitWindow.objects.filter(limit=limit, starts_at__lte=at, ends_at__gt=at).first()
    if opened is not None:
        return opened.starts_at, opened.ends_at
    return windows.bounds(period=limit.period, at=at, zone=zone)


def decide(*, limit_raise: LimitRaise, decision: str, by: User, note: str, at: dt.datetime) -> LimitRaise:
    """``decision``: approve, deny or withdraw. Raises what these raise."""
    if decision == "withdraw":
        return withdraw(limit_raise=limit_raise, by=by, at=at)
    decided = approve if decision == "approve" else deny
    return decided(limit_raise=limit_raise, decided_by=by, note=note, at=at)


def approve(*, limit_raise: LimitRaise, decided_by: User, note: str, at: dt.datetime) -> LimitRaise:
    """Raises RaiseRefused and NeedsAnotherPerson."""
    return _decide(limit_raise, LimitRaise.State.APPROVED, decided_by, note, at)


def deny(*, limit_raise: LimitRaise, decided_by: User, note: str, at: dt.datetime) -> LimitRaise:
    """Raises RaiseRefused and NeedsAnotherPerson: who asked withdraws instead."""
    return _decide(limit_raise, LimitRaise.State.DENIED, decided_by, note, at)


@transaction.atomic
def withdraw(*, limit_raise: LimitRaise, by: User, at: dt.datetime) -> LimitRaise:
    """By whoever asked for it. Raises RaiseRefused."""
    asked = _open(limit_raise)
    if asked.asked_by_id != by.pk:
        raise RaiseRefused("Only who asked for a raise withdraws it.")
    return _ended(asked, LimitRaise.State.WITHDRAWN, by, "", at)


@transaction.atomic
def _decide(
    limit_raise: LimitRaise, state: LimitRaise.State, decided_by: User, note: str, at: dt.datetime
) -> LimitRaise:
    if not decided_by.has_perm(MAY_DECIDE):
        raise RaiseRefused("Another role decides about raises.")
    asked = _open(limit_raise)
    if asked.ends_at <= at:
        raise RaiseRefused("The period that it was for is over.")
    asked.self_approved = approvals.is_self_approved(asked_by=asked.asked_by_id, decided_by=decided_by.pk)
    decided = _ended(asked, state, decided_by, note, at)
    if state == LimitRaise.State.APPROVED:
        with connection.cursor() as cursor:
            cursor.execute(APPLY, [decided.limit_id, decided.starts_at])
    _tell(decided, BudgetNotice.Kind.RAISE_DECIDED, User.objects.filter(pk=decided.asked_by_id), at)
    return decided


def _open(limit_raise: LimitRaise) -> LimitRaise:
    """The row, locked, still to be decided."""
    found = LimitRaise.objects.select_for_update().get(pk=limit_raise.pk)
    if found.state != LimitRaise.State.OPEN:
        raise RaiseRefused(f"This raise is {found.state} already.")
    return found


def _ended(asked: LimitRaise, state: LimitRaise.State, by: User, note: str, at: dt.datetime) -> LimitRaise:
    asked.state, asked.decided_by, asked.decided_at, asked.note = state, by, at, note
    asked.save(update_fields=["state", "decided_by", "decided_at", "note", "self_approved"])
    return asked


def _deciders() -> "QuerySet[User]":
    return User.objects.with_perm(MAY_DECIDE, backend="django.contrib.auth.backends.ModelBackend")


def _tell(of: LimitRaise, kind: BudgetNotice.Kind, people: "QuerySet[User]", at: dt.datetime) -> None:
    """The notice and its deliveries, in the transaction of what it tells."""
    notice = BudgetNotice.objects.create(
        event_id=uuid.uuid4(),
        kind=kind,
        limit_id=of.limit_id,
        starts_at=of.starts_at,
        ends_at=of.ends_at,
        limit_raise=of,
        created_at=at,
    )
    addresses = people.filter(is_active=True).exclude(email="").values_list("email", flat=True)
    NoticeDelivery.objects.bulk_create(
        [
            *[
                NoticeDelivery(notice=notice, channel="email", address=address, next_try_at=at)
                for address in sorted(set(addresses))
            ],
            *[
                NoticeDelivery(
                    notice=notice, channel="webhook", address=hook.url, webhook=hook, next_try_at=at
                )
                for hook in Webhook.objects.of_team(of.limit.team_id)
            ],
        ]
    )
