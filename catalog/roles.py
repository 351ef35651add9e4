"""What a person is here, in words for pages that refuse them something."""

from dataclasses import dataclass

from django.contrib.auth.models import AbstractUser, AnonymousUser

from catalog import visibility
from catalog.models import Team

MOST_TEAMS = 5  # named


@dataclass(frozen=True, slots=True)
class Standing:
    """``roles`` and ``teams`` by name; ``teams`` are those that the person leads, ``more`` how many further
    ones; ``sees_spend``: of some team; ``opens_admin``: as far as the roles go."""

    roles: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    more: int = 0
    sees_spend: bool = False
    opens_admin: bool = False


def of(person: AbstractUser | AnonymousUser) -> Standing:
    """Four queries at most."""
    if not person.is_active:
        return Standing()
    roles = tuple(person.groups.order_by("name").values_list("name", flat=True))
    led = tuple(Team.objects.filter(leads=person.pk).order_by("name").values_list("name", flat=True))
    return Standing(
        roles=("Superuser", *roles) if person.is_superuser else roles,
        teams=led[:MOST_TEAMS],
        more=max(0, len(led) - MOST_TEAMS),
        sees_spend=not visibility.of(person).nothing,
        opens_admin=person.is_staff,
    )


__all__ = ["Standing", "of"]
