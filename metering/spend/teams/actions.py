"""What leads do with the keys of their teams: make, rotate, end an old secret, revoke.

Each has a page that says what it does (GET) and does it (POST), with a reason that is kept. A secret is in
the answer to its POST alone: in no address, session, message or log, and kept by no cache.
"""

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from catalog import keys
from catalog.audit import acting
from catalog.models import ApiKey, Team
from catalog.visibility import Visibility
from metering.spend import addresses, filters
from metering.spend.access import for_spend_readers
from metering.spend.teams import access, callable_names, first_call, key_rows, pages
from metering.spend.teams.access import tells_refusals
from metering.spend.teams.forms import NewKeyForm, ReasonForm, RotateForm
from metering.spend.teams.views import person

# Of a team, by its leads; a platform admin makes more in the admin.
MOST_KEYS = 50  # in use at once
MOST_SECRETS = 200  # made within 24 hours


@require_http_methods(["GET", "HEAD", "POST"])
@for_spend_readers
@tells_refusals
def new_key(request: HttpRequest, seen: Visibility, name: str) -> HttpResponse:
    team = access.managed_team(name=name, seen=seen, person=person(request))
    groups = callable_names.offered(team=team)
    form = NewKeyForm(request.POST if request.method == "POST" else None, groups=groups)
    if not form.is_valid():
        shown = {"section": "teams", "team": team.name, "groups": groups, "form": form}
        return render(request, "spend/key_new.html", shown, status=400 if form.is_bound else 200)
    key, secret = keys.issue(
        team=team,
        name=form.cleaned_data["name"],
        models=form.cleaned_data["models"],
        expires_at=form.expires_at(at=timezone.now()),
        by=person(request),
        reason=_why(form),
        most=MOST_KEYS,
        most_a_day=MOST_SECRETS,
    )
    return _secret(request, team, key, secret)


@require_http_methods(["GET", "HEAD", "POST"])
@for_spend_readers
@tells_refusals
def rotate(request: HttpRequest, seen: Visibility, prefix: str) -> HttpResponse:
    key = access.managed_key(prefix=prefix, seen=seen, person=person(request))
    now = timezone.now()
    is_expired = key_rows.state_of(key, now=now) == key_rows.EXPIRED
    form = RotateForm(request.POST if request.method == "POST" else None, is_expired=is_expired)
    if not form.is_valid():
        return _asked(request, seen, key, "spend/key_rotate.html", form)
    secret = keys.rotate(
        key=key,
        at=now,
        overlap=form.overlap_of(),
        by=person(request),
        reason=_why(form),
        expires_at=form.expires_at(at=now, before=key.expires_at),
        most=MOST_KEYS,
        most_a_day=MOST_SECRETS,
    )
    return _secret(request, key.team, key, secret, old=prefix)


@require_http_methods(["GET", "HEAD", "POST"])
@for_spend_readers
@tells_refusals
def end_old(request: HttpRequest, seen: Visibility, prefix: str) -> HttpResponse:
    key = access.managed_key(prefix=prefix, seen=seen, person=person(request))
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _asked(request, seen, key, "spend/key_end_old.html", form)
    keys.end_former(key=key, at=timezone.now(), by=person(request), reason=_why(form))
    return redirect("spend:key", key.prefix)


@require_http_methods(["GET", "HEAD", "POST"])
@for_spend_readers
@tells_refusals
def revoke(request: HttpRequest, seen: Visibility, prefix: str) -> HttpResponse:
    key = access.managed_key(prefix=prefix, seen=seen, person=person(request))
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _asked(request, seen, key, "spend/key_revoke.html", form)
    keys.revoke(key=key, at=timezone.now(), by=person(request), reason=_why(form))
    return redirect("spend:key", key.prefix)


def _why(form: Form) -> str:
    """The reason that was given; the audit trail keeps it, too."""
    reason: str = form.cleaned_data["reason"]
    acting.because(reason)
    return reason


def _asked(request: HttpRequest, seen: Visibility, key: ApiKey, template: str, form: Form) -> HttpResponse:
    """The page that says what would happen, with the key as it stands."""
    today = timezone.localdate()
    found = pages.key(
        found=key,
        asked=filters.spend_filters({}, today=today),
        seen=seen,
        person=person(request),
        today=today,
        now=timezone.now(),
    )
    shown = {"section": "teams", "found": found, "form": form}
    return render(request, template, shown, status=400 if form.is_bound else 200)


def _secret(request: HttpRequest, team: Team, key: ApiKey, secret: str, *, old: str = "") -> HttpResponse:
    """The one page that shows a secret. ``old``: the prefix of the one that it replaces."""
    former = key.former_secrets.filter(prefix=old, ends_at__gt=timezone.now()).first() if old else None
    shown = {
        "section": "teams",
        "key": key,
        "secret": secret,
        "old": old,
        "old_until": former.ends_at if former else None,
        "curl": first_call.curl(
            gateway=addresses.gateway(request),
            secret=secret,
            model=callable_names.example(team=team, models=key.models),
        ),
    }
    return render(request, "spend/key_secret.html", shown)
