"""Who may do something with a team's keys: its leads, and whoever keeps the keys of all teams."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render

from catalog import keys
from catalog.models import ApiKey, Team
from catalog.visibility import Visibility

MAY_KEEP_ALL = "catalog.change_apikey"

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def may_manage(*, person: User, team: Team) -> bool:
    """Of a team that this person sees."""
    return person.has_perm(MAY_KEEP_ALL) or team.leads.filter(pk=person.pk).exists()


def team_of(*, name: str, seen: Visibility) -> Team:
    """Raises Http404: a team of others is one that does not exist."""
    found = seen.teams().filter(name=name).first()
    if found is None:
        raise Http404("no such team")
    return found


def key_of(*, prefix: str, seen: Visibility) -> ApiKey:
    """By the prefix of its secret, or of one that it had before. Raises Http404, for keys of others too."""
    every = seen.restrict(ApiKey.objects.select_related("team"))
    found = every.filter(prefix=prefix).first() or every.filter(former_secrets__prefix=prefix).first()
    if found is None:
        raise Http404("no such key")
    return found


def managed_team(*, name: str, seen: Visibility, person: User) -> Team:
    """A team that may be given keys. Raises Http404, PermissionDenied and KeyRefused."""
    team = team_of(name=name, seen=seen)
    if not may_manage(person=person, team=team):
        raise PermissionDenied
    if not team.enabled:
        raise keys.KeyRefused(f"team {team.name} is disabled: a key of it would open nothing")
    return team


def managed_key(*, prefix: str, seen: Visibility, person: User) -> ApiKey:
    """The key whose secret begins so now. Raises Http404, PermissionDenied and SecretReplaced."""
    key = key_of(prefix=prefix, seen=seen)
    if not may_manage(person=person, team=key.team):
        raise PermissionDenied
    if key.prefix != prefix:
        raise keys.SecretReplaced(name=key.name, prefix=prefix)
    return key


def tells_refusals(page: Page[P]) -> Page[P]:
    """What cannot be done with a key is answered with the reason, and nothing was changed."""

    @wraps(page)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return page(request, *args, **kwargs)
        except keys.KeyRefused as refusal:
            shown = {"section": "teams", "reason": str(refusal)}
            return render(request, "spend/key_refused.html", shown, status=409)

    return guarded
