"""The reads of the month pages, as plain rows. A closed month's figures come from its snapshot, never from
the ledger.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db.models import Count, Sum

from catalog.models import Team
from catalog.visibility import Visibility
from metering.closing import months, obstacles, rounding, statements
from metering.closing.obstacles import Obstacle
from metering.models import BillingPeriod, ClosedTeam, Closing, DailySpend, Reopening

CLOSE = "metering.close_billingperiod"
DECIDE = "metering.approve_reopening"
OPEN, CLOSING, CLOSED = BillingPeriod.Status.values
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the list. ``unpriced`` entries are in no amount."""

    month: dt.date
    status: str
    over: bool
    teams: int
    unpriced: int
    amount: Decimal
    closing: Closing | None  # the standing one

    @property
    def known_amount(self) -> Decimal | None:
        return None if self.unpriced and not self.amount else self.amount


@dataclass(frozen=True, slots=True)
class TeamRow:
    team_id: int
    name: str
    cost_center: str
    number: str  # of the statement; empty while the month is not closed
    unpriced: int
    exposure: Decimal
    amount: Decimal

    @property
    def billed(self) -> Decimal | None:
        """To the cent, as its statement says; None when nothing of it is known."""
        return None if self.unpriced and not self.amount else rounding.total(self.amount)


@dataclass(frozen=True, slots=True)
class MonthPage:
    """A month with its teams' statements, and what the person may do about it.

    ``for_earlier``: USD of the amount that is for days of earlier months; None when nothing is.
    ``needs_another``: the person let something pass, so somebody else closes.
    """

    of: Month
    teams: tuple[TeamRow, ...]
    obstacles: tuple[Obstacle, ...]
    closings: tuple[Closing, ...]
    reopenings: tuple[Reopening, ...]
    sees_all: bool
    may_close: bool
    may_decide: bool
    for_earlier: Decimal | None
    needs_another: bool

    @property
    def blocked(self) -> bool:
        return any(obstacle.blocks for obstacle in self.obstacles)

    @property
    def stands(self) -> bool:
        """Something is in the way that nobody can let pass."""
        return any(obstacle.stands for obstacle in self.obstacles)

    @property
    def billed(self) -> Decimal:
        """What the statements come to together."""
        return sum((row.billed or ZERO for row in self.teams), ZERO)

    @property
    def rounded_by(self) -> Decimal:
        """What rounding each statement by itself added to the exact sum's cents."""
        return self.billed - rounding.total(sum((row.amount for row in self.teams), ZERO))

    @property
    def waiting(self) -> Reopening | None:
        return next((asked for asked in self.reopenings if asked.state == "open"), None)


def month_list(*, visibility: Visibility, at: dt.datetime, zone: ZoneInfo) -> tuple[Month, ...]:
    """Every month with spend or a step of its close, the newest first. Four queries."""
    rolled = _rolled(visibility)
    status = dict(BillingPeriod.objects.values_list("month", "status"))
    closings = _standing()
    closed = _closed(visibility, closings.values())
    found = []
    for month in sorted(set(rolled) | set(status), reverse=True):
        closing = closings.get(month)
        teams, unpriced, amount = (rolled if closing is None else closed).get(month, _NONE)
        over = months.is_over(month, at=at, zone=zone)
        found.append(Month(month, status.get(month, OPEN), over, teams, unpriced, amount, closing))
    return tuple(found)


def month_page(
    *, month: dt.date, person: AbstractUser, visibility: Visibility, at: dt.datetime, zone: ZoneInfo
) -> MonthPage | None:
    """None for a month that nobody spent anything in, of whom the person may see the spend."""
    listed = month_list(visibility=visibility, at=at, zone=zone)
    of = next((one for one in listed if one.month == month), None)
    if of is None:
        return None
    sees_all = visibility.team_ids is None
    may_close = sees_all and person.has_perm(CLOSE)
    watched = may_close and of.over and of.status != CLOSED
    standing = obstacles.found(month=month, zone=zone) if watched else []
    return MonthPage(
        of=of,
        teams=tuple(team_rows(month=month, visibility=visibility)),
        obstacles=tuple(standing),
        closings=tuple(Closing.objects.filter(period__month=month).order_by("version")),
        reopenings=_reopenings(month) if sees_all else (),
        sees_all=sees_all,
        may_close=may_close,
        may_decide=sees_all and person.has_perm(DECIDE),
        for_earlier=_for_earlier(month, visibility),
        needs_another=not settings.SELF_APPROVAL and _let_pass(standing, person.get_username()),
    )


def team_rows(*, month: dt.date, visibility: Visibility) -> Iterable[TeamRow]:
    """Each team's part of a month: as it was closed, else by the rollup."""
    closing = statements.standing(month)
    if closing is not None:
        written = months.written(month)
        for closed in visibility.restrict(closing.teams.order_by("number")):
            number = f"{written}/{closed.name}/{closing.version}"
            facts = (closed.unpriced, closed.exposure, closed.amount)
            yield TeamRow(closed.team_id, closed.name, closed.cost_center, number, *facts)
        return
    names = ("team_id", "team__name", "team__cost_center")
    rows = (
        visibility.restrict(DailySpend.objects.filter(period=month))
        .order_by("team__name")
        .values_list(*names)
    )
    summed = rows.annotate(Sum("unpriced"), Sum("exposure"), Sum("cost"))
    for team_id, name, center, unpriced, exposure, amount in summed:
        yield TeamRow(team_id, name, center, "", unpriced, exposure, amount)


def versions_of(*, team_id: int, month: dt.date) -> tuple[int, ...]:
    """Of the closings that the team has a statement of, the oldest first."""
    closed = ClosedTeam.objects.filter(team=team_id, closing__period__month=month)
    return tuple(closed.order_by("closing__version").values_list("closing__version", flat=True))


def find_team(*, team_id: int, visibility: Visibility) -> Team | None:
    return visibility.teams().filter(pk=team_id).first()


def _for_earlier(month: dt.date, visibility: Visibility) -> Decimal | None:
    rows = visibility.restrict(DailySpend.objects.filter(period=month, day__lt=month))
    found: Decimal | None = rows.aggregate(sum=Sum("cost"))["sum"]
    return found


def _let_pass(standing: Iterable[Obstacle], name: str) -> bool:
    return any(one.waiver is not None and one.waiver.waived_by == name for one in standing)


_NONE = (0, 0, ZERO)


def _rolled(visibility: Visibility) -> dict[dt.date, tuple[int, int, Decimal]]:
    rows = visibility.restrict(DailySpend.objects.all()).order_by().values_list("period")
    summed = rows.annotate(Count("team", distinct=True), Sum("unpriced"), Sum("cost"))
    return {month: (teams, unpriced, amount) for month, teams, unpriced, amount in summed}


def _closed(visibility: Visibility, closings: Iterable[Closing]) -> dict[dt.date, tuple[int, int, Decimal]]:
    standing = ClosedTeam.objects.filter(closing__in=[closing.pk for closing in closings])
    rows = visibility.restrict(standing).order_by().values_list("closing__period__month")
    summed = rows.annotate(Count("pk"), Sum("unpriced"), Sum("amount"))
    return {month: (teams, unpriced, amount) for month, teams, unpriced, amount in summed}


def _standing() -> dict[dt.date, Closing]:
    found = Closing.objects.filter(period__status=CLOSED).select_related("period").order_by("version")
    return {closing.period.month: closing for closing in found}


def _reopenings(month: dt.date) -> tuple[Reopening, ...]:
    asked = Reopening.objects.filter(closing__period__month=month)
    return tuple(asked.select_related("asked_by", "decided_by", "closing").order_by("-pk"))
