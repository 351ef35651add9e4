"""The pages of teams: all that a person may see, one of them, and one of its keys."""

import datetime as dt
from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.db.models import Count, Q

from catalog.models import ApiKey, KeyEvent, Team
from catalog.visibility import Visibility
from metering import forecasting
from metering.forecasting import MonthEnd
from metering.models import Limit
from metering.spend.budgets import standing
from metering.spend.budgets.standing import Budget, Budgets
from metering.spend.filters import Filters
from metering.spend.teams import access, key_rows, spending
from metering.spend.teams.key_rows import Keys
from metering.spend.teams.spending import Days, Spend
from metering.spend.totals import Totals

MOST_EVENTS = 50
NO_DAYS = Days({}, Totals())


@dataclass(frozen=True, slots=True)
class TeamRow:
    """One team of the list. ``budget``: its fullest; ``month_end``: None without enough days before."""

    name: str
    title: str
    cost_center: str
    enabled: bool
    month: Totals
    month_end: MonthEnd | None
    budget: Budget | None
    keys: int


@dataclass(frozen=True, slots=True)
class TeamPage:
    """One team in a period. ``month`` and ``month_end`` are of this month, whatever the period."""

    name: str
    title: str
    cost_center: str
    enabled: bool
    models: tuple[str, ...]
    leads: tuple[str, ...]
    spend: Spend
    month: Totals
    month_end: MonthEnd | None
    budgets: Budgets
    keys: Keys
    may_manage: bool


@dataclass(frozen=True, slots=True)
class Event:
    """``by`` empty: nobody who was logged in here."""

    what: str
    prefix: str
    at: dt.datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class OldSecret:
    prefix: str
    replaced_at: dt.datetime
    ends_at: dt.datetime
    works: bool


@dataclass(frozen=True, slots=True)
class KeyPage:
    """One key in a period. ``rates``: its limits that are no budgets, in words."""

    name: str
    prefix: str
    team: str
    state: str
    models: tuple[str, ...]
    team_models: tuple[str, ...]
    created_at: dt.datetime
    created_by: str
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used: dt.date | None
    calls_today: int
    spend: Spend
    budgets: Budgets
    rates: tuple[str, ...]
    old: tuple[OldSecret, ...]
    events: tuple[Event, ...]
    may_manage: bool

    @property
    def overlaps(self) -> bool:
        return self.state == key_rows.LIVE and any(secret.works for secret in self.old)


def teams(*, seen: Visibility, today: dt.date, now: dt.datetime) -> tuple[TeamRow, ...]:
    """The dearest of this month first. Four queries."""
    days = spending.by_day(seen=seen, today=today)
    budgets: dict[str, Budget] = {}
    for budget in standing.of_limits(seen.restrict(standing.in_use()), now=now).rows:
        budgets.setdefault(budget.team, budget)  # the fullest comes first
    unexpired = Q(api_keys__expires_at__isnull=True) | Q(api_keys__expires_at__gt=now)
    live = Count("api_keys", filter=Q(api_keys__revoked_at__isnull=True) & unexpired)
    rows = [
        TeamRow(
            name=team.name,
            title=team.title,
            cost_center=team.cost_center,
            enabled=team.enabled,
            month=days.get(team.pk, NO_DAYS).month,
            month_end=forecasting.month_end(costs=days.get(team.pk, NO_DAYS).costs, today=today),
            budget=budgets.get(team.name),
            keys=team.live,
        )
        for team in seen.teams().annotate(live=live)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.month.cost, row.name)))


def team(
    *, found: Team, asked: Filters, seen: Visibility, person: User, today: dt.date, now: dt.datetime
) -> TeamPage:
    narrowed = replace(asked, by="model", team=found.name, key="")
    own = Visibility(frozenset({found.pk}))
    days = spending.by_day(seen=own, today=today).get(found.pk, NO_DAYS)
    return TeamPage(
        name=found.name,
        title=found.title,
        cost_center=found.cost_center,
        enabled=found.enabled,
        models=tuple(found.models),
        leads=tuple(found.leads.order_by("username").values_list("username", flat=True)),
        spend=spending.spend(filters=narrowed, seen=own, title="Cost by day and model"),
        month=days.month,
        month_end=forecasting.month_end(costs=days.costs, today=today),
        budgets=standing.of_limits(own.restrict(standing.in_use()), now=now),
        keys=key_rows.of_team(
            team=found, spent=spending.of_keys(filters=replace(narrowed, by="key"), seen=own), now=now
        ),
        may_manage=access.may_manage(person=person, team=found),
    )


def key(
    *, found: ApiKey, asked: Filters, seen: Visibility, person: User, today: dt.date, now: dt.datetime
) -> KeyPage:
    narrowed = replace(asked, by="model", team="", key=found.prefix)
    events = _events(found)
    limits = Limit.objects.filter(api_key=found, enabled=True)
    return KeyPage(
        name=found.name,
        prefix=found.prefix,
        team=found.team.name,
        state=key_rows.state_of(found, now=now),
        models=tuple(found.models),
        team_models=tuple(found.team.models),
        created_at=found.created_at,
        created_by=next((event.by for event in events if event.what == KeyEvent.Action.CREATED.label), ""),
        expires_at=found.expires_at,
        revoked_at=found.revoked_at,
        last_used=spending.last_used(team=found.team).get(found.pk),
        calls_today=spending.calls_on(day=today, key_id=found.pk),
        spend=spending.spend(filters=narrowed, seen=seen, title="Cost by day and model"),
        budgets=standing.of_limits(limits.filter(unit=Limit.Unit.USD), now=now),
        rates=tuple(_said(limit) for limit in limits.exclude(unit=Limit.Unit.USD).order_by("unit", "pk")),
        old=_old_secrets(found, now=now),
        events=events,
        may_manage=access.may_manage(person=person, team=found.team),
    )


def _old_secrets(found: ApiKey, *, now: dt.datetime) -> tuple[OldSecret, ...]:
    return tuple(
        OldSecret(row.prefix, row.replaced_at, row.ends_at, row.ends_at > now)
        for row in found.former_secrets.all()[:MOST_EVENTS]
    )


def _events(found: ApiKey) -> tuple[Event, ...]:
    rows = found.events.select_related("by")[:MOST_EVENTS]
    return tuple(
        Event(
            what=row.get_action_display(),
            prefix=row.prefix,
            at=row.at,
            by=row.by.get_username() if row.by else "",
            reason=row.reason,
        )
        for row in rows
    )


def _said(limit: Limit) -> str:
    """``60 requests a minute``, ``4 calls in flight``"""
    amount = f"{limit.amount.normalize():,f}"
    if limit.unit == Limit.Unit.CONCURRENCY:
        return f"{amount} calls in flight"
    soft = "" if limit.mode == Limit.Mode.HARD else " (counted, not refused)"
    period = "in total" if limit.period == Limit.Period.TOTAL else f"a {limit.period}"
    return f"{amount} {limit.unit} {period}{soft}"
