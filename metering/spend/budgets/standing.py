"""What is left of the budgets (limits in USD) that a person may see, in the window that is open now."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, QuerySet

from catalog.models import Team
from catalog.visibility import Visibility
from metering.models import Limit, LimitWindow
from metering.spend.filters import Filters

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget. Its figures are None before its window is opened, by the first call in it.

    ``raised``: what was added to the amount for this period.
    """

    id: int
    team: str
    scope: str
    period: str
    hard: bool
    amount: Decimal
    spent: Decimal | None
    held: Decimal | None
    exposed: Decimal | None
    ends_at: dt.datetime | None
    raised: Decimal = ZERO

    @property
    def ceiling(self) -> Decimal:
        return self.amount + self.raised

    @property
    def taken(self) -> Decimal | None:
        """Spent, set aside by open calls, or possibly spent by calls of unknown cost."""
        if self.spent is None or self.held is None or self.exposed is None:
            return None
        return self.spent + self.held + self.exposed

    @property
    def left(self) -> Decimal | None:
        return None if self.taken is None else self.ceiling - self.taken

    @property
    def share(self) -> Decimal | None:
        """Of the amount and its raises; None when it is unknown, or when nothing is allowed."""
        return None if self.taken is None or not self.ceiling else self.taken / self.ceiling

    @property
    def bar(self) -> int:
        """0 to 100."""
        share = self.share if self.ceiling else Decimal(1)
        return min(100, round(100 * (share or ZERO)))

    @property
    def over(self) -> bool:
        return self.left is not None and self.left < 0

    @property
    def overrun(self) -> Decimal | None:
        """What was spent beyond the amount and its raises; None when nothing was."""
        return -self.left if self.left is not None and self.left < 0 else None


@dataclass(frozen=True, slots=True)
class Budgets:
    """The fullest first."""

    rows: tuple[Budget, ...]


def budgets(*, filters: Filters, visibility: Visibility, now: dt.datetime) -> Budgets:
    """Two queries."""
    return of_limits(visibility.restrict(in_use().filter(_narrowing(filters))), now=now)


def in_use() -> QuerySet[Limit]:
    return Limit.objects.filter(unit=Limit.Unit.USD, enabled=True)


def of_limits(limits: QuerySet[Limit], *, now: dt.datetime) -> Budgets:
    """Two queries."""
    found = limits.select_related("team", "api_key", "model__provider").order_by("team__name", "pk")
    open_now = LimitWindow.objects.filter(limit__in=limits.order_by(), starts_at__lte=now, ends_at__gt=now)
    windows = {window.limit_id: window for window in open_now}
    rows = [budget_of(limit, windows.get(limit.pk)) for limit in found]
    return Budgets(tuple(sorted(rows, key=lambda row: -(row.share or ZERO))))


def budget_of(limit: Limit, window: LimitWindow | None) -> Budget:
    return Budget(
        id=limit.pk,
        team=limit.team.name,
        scope=limit.scope,
        period=limit.period,
        hard=limit.mode == Limit.Mode.HARD,
        amount=limit.amount,
        spent=window.spent if window else None,
        held=window.held if window else None,
        exposed=window.exposed if window else None,
        ends_at=window.ends_at if window and limit.period != Limit.Period.TOTAL else None,
        raised=window.raised if window else ZERO,
    )


def _narrowing(filters: Filters) -> Q:
    """Budgets in scope of what is asked for: a key's calls count for its team's budgets, too."""
    wanted = Q()
    if filters.team:
        wanted &= Q(team__name=filters.team)
    if filters.cost_center:
        wanted &= Q(team__cost_center=filters.cost_center)
    if filters.key:
        of_the_key = Team.objects.filter(api_keys__prefix=filters.key)
        wanted &= Q(api_key__prefix=filters.key) | Q(api_key=None, team__in=of_the_key)
    if filters.provider:
        wanted &= Q(model=None) | Q(model__provider__name=filters.provider)
    if filters.model:
        provider, _, name = filters.model.partition("/")
        wanted &= Q(model=None) | Q(model__provider__name=provider, model__name=name)
    return wanted
