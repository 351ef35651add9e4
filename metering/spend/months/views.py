"""/spend/months/: the months, their statements and files, and the steps of their close."""

import datetime as dt
from collections.abc import Callable
from functools import wraps
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from catalog.approvals import NeedsAnotherPerson
from catalog.visibility import Visibility
from metering.closing import obstacles, reopening, steps
from metering.closing.errors import Refused
from metering.spend import downloads, headings
from metering.spend.access import for_spend_readers
from metering.spend.downloads import Download
from metering.spend.months import documents, pages
from metering.spend.months import files as closing_files
from metering.spend.months.forms import DecisionForm, ReasonForm, WaiverForm

Step = Callable[..., object]
Page = Callable[..., HttpResponseBase]


def needs(permission: str) -> Callable[[Step], Page]:
    """A step of a close: by people who see every team and have ``permission``; then back to the month's page.

    What cannot be done is answered with the reason (409), and nothing was changed.
    """

    def decorated(step: Step) -> Page:
        @wraps(step)
        def guarded(request: HttpRequest, seen: Visibility, month: dt.date, **given: int) -> HttpResponseBase:
            if seen.team_ids is not None or not _person(request).has_perm(permission):
                raise PermissionDenied
            try:
                step(request, month, **given)
            except (Refused, NeedsAnotherPerson) as refusal:
                return _month_page(request, seen, month, refused=str(refusal), status=409)
            return redirect("spend:month", month=month)

        return guarded

    return decorated


@require_safe
@for_spend_readers
def month_list(request: HttpRequest, seen: Visibility) -> HttpResponse:
    found = pages.month_list(visibility=seen, at=timezone.now(), zone=_zone())
    return render(request, "spend/months.html", {"section": "months", "months": found})


@require_safe
@for_spend_readers
@downloads.as_file
def month_file(request: HttpRequest, seen: Visibility) -> Download:
    today = timezone.localdate()
    found = pages.month_list(visibility=seen, at=timezone.now(), zone=_zone())
    return Download(
        name=f"months-{today}",
        title="Months",
        rows=closing_files.month_rows(found, time_zone=settings.TIME_ZONE),
        facts=headings.of_moment(today, time_zone=settings.TIME_ZONE),
    )


@require_safe
@for_spend_readers
def month_page(request: HttpRequest, seen: Visibility, month: dt.date) -> HttpResponse:
    return _month_page(request, seen, month)


@require_POST
@for_spend_readers
@needs(pages.CLOSE)
def begin(request: HttpRequest, month: dt.date) -> None:
    steps.begin(month=month, at=timezone.now(), zone=_zone())


@require_POST
@for_spend_readers
@needs(pages.CLOSE)
def withdraw(request: HttpRequest, month: dt.date) -> None:
    steps.withdraw(month=month)


@require_POST
@for_spend_readers
@needs(pages.CLOSE)
def waive(request: HttpRequest, month: dt.date) -> None:
    form = WaiverForm(request.POST)
    if not form.is_valid():
        raise Refused("Say why it may pass: the reason is kept and printed on the statements.")
    obstacles.waive(
        month=month, by=_person(request).get_username(), at=timezone.now(), zone=_zone(), **form.cleaned_data
    )


@require_POST
@for_spend_readers
@needs(pages.CLOSE)
def finish(request: HttpRequest, month: dt.date) -> None:
    steps.finish(month=month, by=_person(request).get_username(), at=timezone.now(), zone=_zone())


@require_POST
@for_spend_readers
@needs(pages.CLOSE)
def ask_reopening(request: HttpRequest, month: dt.date) -> None:
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    reopening.ask(month=month, reason=reason, by=_person(request), at=timezone.now())


@require_POST
@for_spend_readers
@needs(pages.DECIDE)
def decide_reopening(request: HttpRequest, month: dt.date, number: int) -> None:
    form = DecisionForm(request.POST)
    if not form.is_valid():
        raise Refused("Decide: open it again, or leave it closed.")
    decide = {"approve": reopening.approve, "deny": reopening.deny}[form.cleaned_data["decision"]]
    decide(number=number, by=_person(request), note=form.cleaned_data["note"], at=timezone.now())


@require_safe
@for_spend_readers
@downloads.as_file
def chargeback_file(request: HttpRequest, seen: Visibility, month: dt.date) -> Download:
    return Download(
        name=f"chargeback-{month:%Y-%m}",
        title="Chargeback",
        rows=closing_files.chargeback(month=month, visibility=seen, time_zone=settings.TIME_ZONE),
        facts=(("Month", f"{month:%Y-%m}"),),
    )


def _month_page(
    request: HttpRequest, seen: Visibility, month: dt.date, *, refused: str = "", status: int = 200
) -> HttpResponse:
    found = pages.month_page(
        month=month, person=_person(request), visibility=seen, at=timezone.now(), zone=_zone()
    )
    if found is None:
        raise Http404("nothing was spent in that month")
    shown = {
        "section": "months",
        "found": found,
        "refused": refused,
        "can_make_pdf": documents.offers_pdf(),
    }
    return render(request, "spend/month.html", shown, status=status)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # LoginRequiredMiddleware
    return request.user


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.TIME_ZONE)
