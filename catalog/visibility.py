"""Whose numbers a person may see: every team's, or those of the teams they lead."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db.models import Model, QuerySet

from catalog.models import Team

# Named, not imported: the permission belongs to the rollup of finance, one floor up.
SEES_EVERY_TEAM = "metering.view_dailyspend"

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Visibility:
    """``team_ids`` is None for people who see every team, else the teams they lead (maybe none)."""

    team_ids: frozenset[int] | None

    @property
    def nothing(self) -> bool:
        return self.team_ids is not None and not self.team_ids

    def restrict(self, rows: QuerySet[M], lookup: str = "team") -> QuerySet[M]:
        """``rows`` without those of other people's teams; ``lookup`` leads from a row to its team."""
        if self.team_ids is None:
            return rows
        return rows.filter(**{f"{lookup}__in": sorted(self.team_ids)})

    def teams(self) -> QuerySet[Team]:
        return self.restrict(Team.objects.order_by("name"), "pk")


def of(user: AbstractUser | AnonymousUser) -> Visibility:
    """What ``user`` may see. Leading a team needs no permission; seeing all needs SEES_EVERY_TEAM."""
    if not user.is_active:
        return Visibility(team_ids=frozenset())
    if user.has_perm(SEES_EVERY_TEAM):
        return Visibility(team_ids=None)
    led: Iterable[int] = Team.objects.filter(leads=user.pk).order_by().values_list("pk", flat=True)
    return Visibility(team_ids=frozenset(led))
