"""/spend/budgets/: the pages of budgets, and the raises that are asked for and decided there."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from catalog.approvals import NeedsAnotherPerson
from catalog.visibility import Visibility
from metering.budgets import raises
from metering.budgets.raises import RaiseRefused
from metering.models import Limit
from metering.spend import downloads, headings
from metering.spend.access import for_spend_readers
from metering.spend.budgets import files
from metering.spend.budgets import pages as budget_pages
from metering.spend.budgets.forms import AskForm, DecisionForm
from metering.spend.downloads import Download

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
ZONE = ZoneInfo(settings.TIME_ZONE)


def tells_refusals(page: Page[P]) -> Page[P]:
    """What cannot be asked for or decided is answered with the reason, and nothing was changed."""

    @wraps(page)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return page(request, *args, **kwargs)
        except (RaiseRefused, NeedsAnotherPerson) as refusal:
            return render(request, "spend/raise_refused.html", {"reason": str(refusal)}, status=409)

    return guarded


@require_safe
@for_spend_readers
def budget_list(request: HttpRequest, seen: Visibility) -> HttpResponse:
    found = budget_pages.overview(visibility=seen, person=_person(request), now=timezone.now())
    return render(request, "spend/budgets.html", {"section": "budgets", "found": found})


@require_safe
@for_spend_readers
@downloads.as_file
def budget_file(request: HttpRequest, seen: Visibility) -> Download:
    found = budget_pages.overview(visibility=seen, person=_person(request), now=timezone.now())
    today = timezone.localdate()
    return Download(
        name=f"budgets-{today}",
        title="Budgets",
        rows=files.rows(found.budgets),
        facts=headings.of_moment(today, time_zone=settings.TIME_ZONE),
    )


@require_safe
@for_spend_readers
@downloads.as_file
def raise_file(request: HttpRequest, seen: Visibility, limit_id: int | None = None) -> Download:
    """Of one budget, or of all that the person may see."""
    limit = None if limit_id is None else _limit(limit_id, seen)
    today = timezone.localdate()
    of = {} if limit is None else {"Budget": f"{limit.team.name}, {limit.scope}, {limit.period}"}
    return Download(
        name=f"raises-{today}" if limit is None else f"raises-{limit.pk}-{today}",
        title="Raises of budgets",
        rows=files.raise_rows(budget_pages.raises_of(visibility=seen, limit=limit)),
        facts=headings.of_moment(today, time_zone=settings.TIME_ZONE, narrowed=of),
    )


@require_safe
@for_spend_readers
def budget(request: HttpRequest, seen: Visibility, limit_id: int) -> HttpResponse:
    return _shown(request, _limit(limit_id, seen), AskForm())


@for_spend_readers
@require_POST
@tells_refusals
def ask(request: HttpRequest, seen: Visibility, limit_id: int) -> HttpResponse:
    limit, form = _limit(limit_id, seen), AskForm(request.POST)
    if not form.is_valid():
        return _shown(request, limit, form, status=400)
    raises.ask(limit=limit, asked_by=_person(request), at=timezone.now(), zone=ZONE, **form.cleaned_data)
    return _back_to(limit_id)


@for_spend_readers
@require_POST
@tells_refusals
def decide(request: HttpRequest, seen: Visibility, raise_id: int) -> HttpResponse:
    asked, form = budget_pages.find_raise(raise_id=raise_id, visibility=seen), DecisionForm(request.POST)
    if asked is None or not form.is_valid():
        raise Http404("no such raise, or no such decision")
    raises.decide(limit_raise=asked, by=_person(request), at=timezone.now(), **form.cleaned_data)
    return _back_to(asked.limit_id)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # LoginRequiredMiddleware
    return request.user


def _limit(limit_id: int, seen: Visibility) -> Limit:
    found = budget_pages.find(limit_id=limit_id, visibility=seen)
    if found is None:
        raise Http404("no such budget")
    return found


def _shown(request: HttpRequest, limit: Limit, form: AskForm, *, status: int = 200) -> HttpResponse:
    found = budget_pages.page(limit=limit, person=_person(request), now=timezone.now(), zone=ZONE)
    return render(
        request, "spend/budget.html", {"section": "budgets", "found": found, "form": form}, status=status
    )


def _back_to(limit_id: int) -> HttpResponse:
    return redirect(f"{reverse('spend:budget', args=[limit_id])}#raises")
