"""/spend/teams/ and /spend/keys/: what teams and their keys spend. What is done with keys: actions.py."""

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import filters
from metering.spend.access import for_spend_readers
from metering.spend.teams import access, pages
from metering.spend.teams.pages import KeyPage, TeamPage


@require_safe
@for_spend_readers
def team_list(request: HttpRequest, seen: Visibility) -> HttpResponse:
    found = pages.teams(seen=seen, today=timezone.localdate(), now=timezone.now())
    return render(request, "spend/teams.html", {"section": "teams", "teams": found})


@require_safe
@for_spend_readers
def team(request: HttpRequest, seen: Visibility, name: str) -> HttpResponse:
    shown = {"section": "teams", "found": found_team(request, seen, name), "periods": filters.PERIODS}
    return render(request, "spend/team.html", shown)


@require_safe
@for_spend_readers
def key(request: HttpRequest, seen: Visibility, prefix: str) -> HttpResponse:
    found = found_key(request, seen, prefix)
    if found.prefix != prefix:  # of a secret that it had before
        return redirect("spend:key", found.prefix)
    return render(request, "spend/key.html", {"section": "teams", "found": found, "periods": filters.PERIODS})


def found_team(request: HttpRequest, seen: Visibility, name: str) -> TeamPage:
    """In the period of the URL. Raises Http404 and BadFilter."""
    today = timezone.localdate()
    return pages.team(
        found=access.team_of(name=name, seen=seen),
        asked=filters.spend_filters(request.GET, today=today),
        seen=seen,
        person=person(request),
        today=today,
        now=timezone.now(),
    )


def found_key(request: HttpRequest, seen: Visibility, prefix: str) -> KeyPage:
    """By the prefix of its secret, or of one that it had before. Raises Http404 and BadFilter."""
    today = timezone.localdate()
    return pages.key(
        found=access.key_of(prefix=prefix, seen=seen),
        asked=filters.spend_filters(request.GET, today=today),
        seen=seen,
        person=person(request),
        today=today,
        now=timezone.now(),
    )


def person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # LoginRequiredMiddleware
    return request.user
