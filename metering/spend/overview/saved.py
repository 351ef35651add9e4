"""Saved views: the overview's filters under a name. The writers and readers of SavedView."""

import datetime as dt
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Case, Q, Value, When

from catalog.visibility import Visibility
from metering.models import SavedView
from metering.models.views import LONGEST_QUERY
from metering.spend.filters import Filters

MOST = 50  # of one person
SHOWN = 100


class ViewRefused(Exception):
    """What cannot be saved; the message says why, in words for the page."""


@dataclass(frozen=True, slots=True)
class View:
    """``by``: who shared it; empty for one's own."""

    id: int
    name: str
    query: str
    shared: bool
    by: str

    @property
    def own(self) -> bool:
        return not self.by


def save(*, owner: User, name: str, filters: Filters, shared: bool, at: dt.datetime) -> SavedView:
    """Raises ViewRefused."""
    if SavedView.objects.filter(owner=owner).count() >= MOST:
        raise ViewRefused(f"You have {MOST} saved views, which is the most. Delete one first.")
    query = filters.query()
    if len(query) > LONGEST_QUERY:
        raise ViewRefused("These filters are too long to be saved.")
    view = SavedView(owner=owner, name=name, query=query, shared=shared, created_at=at)
    _write(view)
    return view


def change(*, view: SavedView, name: str, shared: bool) -> None:
    """Raises ViewRefused."""
    view.name, view.shared = name, shared
    _write(view)


def delete(*, view: SavedView) -> None:
    view.delete()


def find(*, owner: User, view_id: int) -> SavedView | None:
    """One's own; those of others are not to be changed, and are the same as none."""
    return SavedView.objects.filter(owner=owner, pk=view_id).first()


def views(*, owner: User, visibility: Visibility) -> tuple[View, ...]:
    """One's own, then what others share. One query.

    Names and filters of a shared view may tell of other people's teams: whoever leads teams sees those of
    people who lead one of the same teams, and no others.
    """
    own_first = Case(When(owner=owner, then=Value(0)), default=Value(1))
    shared = Q(shared=True)
    if visibility.team_ids is not None:
        shared &= Q(owner__in=User.objects.filter(led_teams__in=sorted(visibility.team_ids)))
    rows = SavedView.objects.filter(Q(owner=owner) | shared).select_related("owner")
    return tuple(
        View(row.pk, row.name, row.query, row.shared, "" if row.owner_id == owner.pk else row.owner.username)
        for row in rows.order_by(own_first, "name", "pk")[:SHOWN]
    )


def _write(view: SavedView) -> None:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        if "saved_view_name_once_per_owner" in str(error):
            raise ViewRefused(f"You have a saved view “{view.name}” already. Choose another name.") from error
        raise
