"""The pages of budgets: all that a person may see, and one with its raises, its notices and its past."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db.models import QuerySet

from catalog.visibility import Visibility
from metering import windows
from metering.budgets import raises
from metering.models import BudgetNotice, Limit, LimitRaise, LimitWindow
from metering.spend.budgets import standing as budgets
from metering.spend.budgets.standing import Budget, Budgets

MOST_RAISES = 20
MOST_NOTICES = 20
MOST_PERIODS = 13  # a year of months, and this one


@dataclass(frozen=True, slots=True)
class Raise:
    """A raise as it is shown. ``may_withdraw``: by the person who looks."""

    id: int
    limit_id: int
    team: str
    scope: str
    period: str
    amount: Decimal
    reason: str
    state: str
    starts_at: dt.datetime
    asked_by: str
    asked_at: dt.datetime
    decided_by: str
    decided_at: dt.datetime | None
    self_approved: bool
    note: str
    may_withdraw: bool

    @property
    def is_open(self) -> bool:
        return self.state == LimitRaise.State.OPEN


@dataclass(frozen=True, slots=True)
class Notice:
    """A threshold that was crossed, and to how many it was told."""

    threshold: int
    used: Decimal
    ceiling: Decimal
    created_at: dt.datetime
    rearmed_at: dt.datetime | None
    delivered: int
    deliveries: int


@dataclass(frozen=True, slots=True)
class Past:
    """One period of a budget: its total stays, whatever comes after it."""

    starts_at: dt.datetime
    spent: Decimal
    exposed: Decimal
    raised: Decimal


@dataclass(frozen=True, slots=True)
class Overview:
    """All budgets, and the raises that wait for a decision."""

    budgets: Budgets
    asked: tuple[Raise, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One budget. ``may_ask``, ``may_decide``: the person who looks."""

    budget: Budget
    starts_at: dt.datetime
    ends_at: dt.datetime
    notify_at: tuple[int, ...]
    raises: tuple[Raise, ...]
    notices: tuple[Notice, ...]
    past: tuple[Past, ...]
    may_ask: bool
    may_decide: bool


def overview(*, visibility: Visibility, person: User, now: dt.datetime) -> Overview:
    limits = visibility.restrict(budgets.in_use())
    asked = _raises(LimitRaise.objects.filter(limit__in=limits, state=LimitRaise.State.OPEN), person)
    return Overview(budgets.of_limits(limits, now=now), asked)


def find(*, limit_id: int, visibility: Visibility) -> Limit | None:
    """The budget, when this person may see it."""
    limits = visibility.restrict(Limit.objects.filter(unit=Limit.Unit.USD))
    return limits.select_related("team", "api_key", "model__provider").filter(pk=limit_id).first()


def find_raise(*, raise_id: int, visibility: Visibility) -> LimitRaise | None:
    """The raise, when this person may see its budget."""
    return visibility.restrict(LimitRaise.objects.all(), "limit__team").filter(pk=raise_id).first()


def page(*, limit: Limit, person: User, now: dt.datetime, zone: ZoneInfo) -> Page:
    starts_at, ends_at = windows.bounds(period=limit.period, at=now, zone=zone)
    opened = list(LimitWindow.objects.filter(limit=limit).order_by("-starts_at")[:MOST_PERIODS])
    current = next((window for window in opened if window.starts_at == starts_at), None)
    return Page(
        budget=budgets.budget_of(limit, current),
        starts_at=starts_at,
        ends_at=ends_at,
        notify_at=tuple(limit.notify_at),
        raises=_raises(limit.raises.all(), person),
        notices=_notices(limit),
        past=tuple(
            Past(window.starts_at, window.spent, window.exposed, window.raised)
            for window in opened
            if window is not current
        ),
        may_ask=limit.enabled and raises.may_ask(person=person, limit=limit),
        may_decide=person.has_perm(raises.MAY_DECIDE),
    )


def raises_of(*, visibility: Visibility, limit: Limit | None = None) -> QuerySet[LimitRaise]:
    """Every raise that the person may see, of one budget or of all, the newest first. One query."""
    rows = limit.raises.all() if limit else LimitRaise.objects.all()
    return visibility.restrict(_named(rows), "limit__team").order_by("-id")


def _named(rows: QuerySet[LimitRaise]) -> QuerySet[LimitRaise]:
    return rows.select_related(
        "limit__team", "limit__api_key", "limit__model__provider", "asked_by", "decided_by"
    )


def _raises(rows: QuerySet[LimitRaise], person: User) -> tuple[Raise, ...]:
    return tuple(
        Raise(
            id=row.pk,
            limit_id=row.limit_id,
            team=row.limit.team.name,
            scope=row.limit.scope,
            period=row.limit.period,
            amount=row.amount,
            reason=row.reason,
            state=row.state,
            starts_at=row.starts_at,
            asked_by=row.asked_by.get_username(),
            asked_at=row.asked_at,
            decided_by=row.decided_by.get_username() if row.decided_by else "",
            decided_at=row.decided_at,
            self_approved=row.self_approved,
            note=row.note,
            may_withdraw=row.state == LimitRaise.State.OPEN and row.asked_by_id == person.pk,
        )
        for row in _named(rows).order_by("-id")[:MOST_RAISES]
    )


def _notices(limit: Limit) -> tuple[Notice, ...]:
    rows = limit.notices.filter(kind=BudgetNotice.Kind.THRESHOLD).order_by("-id")
    return tuple(
        Notice(
            threshold=row.threshold or 0,
            used=row.used or Decimal(0),
            ceiling=row.ceiling or Decimal(0),
            created_at=row.created_at,
            rearmed_at=row.rearmed_at,
            delivered=sum(delivery.state == "delivered" for delivery in row.deliveries.all()),
            deliveries=len(row.deliveries.all()),
        )
        for row in rows.prefetch_related("deliveries")[:MOST_NOTICES]
    )
