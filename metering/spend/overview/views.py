"""/spend/: the overview, its files, and the views that people save of it."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from catalog.visibility import Visibility
from metering.models import SavedView
from metering.models.views import LONGEST_NAME
from metering.spend import downloads, filters, headings
from metering.spend.access import check_scope, for_spend_readers
from metering.spend.downloads import Download
from metering.spend.export import Cell
from metering.spend.filters import Filters
from metering.spend.overview import files, page, saved
from metering.spend.overview.forms import ViewForm
from metering.spend.overview.saved import ViewRefused

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def tells_refusals(shown: Page[P]) -> Page[P]:
    """What cannot be saved is answered with the reason, and nothing was changed."""

    @wraps(shown)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return shown(request, *args, **kwargs)
        except ViewRefused as refusal:
            return render(request, "spend/view_refused.html", {"reason": str(refusal)}, status=409)

    return guarded


@require_safe
@for_spend_readers
def report(request: HttpRequest, seen: Visibility) -> HttpResponse:
    asked = _asked(request, seen)
    found = page.overview(filters=asked, visibility=seen, person=_person(request), now=timezone.now())
    shown = {
        "section": "spend",
        "found": found,
        "filters": found.shown.filters,
        "report": found.shown.report,
        "choices": found.choices,
        "periods": filters.PERIODS,
    }
    return render(request, "spend/report.html", shown)


@require_safe
@for_spend_readers
@downloads.as_file
def report_file(request: HttpRequest, seen: Visibility) -> Download:
    shown = page.shown(filters=_asked(request, seen), visibility=seen, today=timezone.localdate())
    rows = files.table_rows(shown, time_zone=settings.TIME_ZONE)
    return _file(shown.filters, rows, what="Spend")


@require_safe
@for_spend_readers
@downloads.as_file
def days_file(request: HttpRequest, seen: Visibility) -> Download:
    shown = page.shown(filters=_asked(request, seen), visibility=seen, today=timezone.localdate())
    rows = files.day_rows(shown, today=timezone.localdate(), time_zone=settings.TIME_ZONE)
    return _file(shown.filters, rows, what=f"{filters.MEASURES[shown.filters.measure]} per day")


@for_spend_readers
@require_POST
@tells_refusals
def save_view(request: HttpRequest, seen: Visibility) -> HttpResponse:
    form = _form(request)
    asked = _filters_of(form.cleaned_data["query"])
    check_scope(asked, seen)
    saved.save(
        owner=_person(request),
        name=form.cleaned_data["name"],
        shared=form.cleaned_data["shared"],
        filters=asked,
        at=timezone.now(),
    )
    return _back_to(asked)


@for_spend_readers
@require_POST
@tells_refusals
def change_view(request: HttpRequest, seen: Visibility, view_id: int) -> HttpResponse:
    view, form = _own_view(request, view_id), _form(request)
    saved.change(view=view, name=form.cleaned_data["name"], shared=form.cleaned_data["shared"])
    return _back_to(_filters_of(form.cleaned_data["query"]))


@for_spend_readers
@require_POST
def delete_view(request: HttpRequest, seen: Visibility, view_id: int) -> HttpResponse:
    back = _filters_of(request.POST.get("query", ""))  # refused before anything is gone
    saved.delete(view=_own_view(request, view_id))
    return _back_to(back)


def _asked(request: HttpRequest, seen: Visibility) -> Filters:
    asked = filters.spend_filters(request.GET, today=timezone.localdate())
    check_scope(asked, seen)
    return asked


def _file(asked: Filters, rows: Iterable[tuple[Cell, ...]], *, what: str) -> Download:
    title = f"{what} by {asked.by.replace('_', ' ')}"
    return Download(
        name=f"{what.lower().replace(' ', '-')}-by-{asked.by}-{asked.start}-{asked.end}",
        title=title,
        rows=rows,
        facts=headings.of_filters(asked, time_zone=settings.TIME_ZONE),
    )


def _form(request: HttpRequest) -> ViewForm:
    """Raises ViewRefused."""
    form = ViewForm(request.POST)
    if not form.is_valid():
        raise ViewRefused(f"A saved view needs a name, of {LONGEST_NAME} characters at most.")
    return form


def _filters_of(query: str) -> Filters:
    """The query string of a page as it writes it itself: nothing else is kept, or come back to."""
    return filters.spend_filters(QueryDict(query).dict(), today=timezone.localdate())


def _own_view(request: HttpRequest, view_id: int) -> SavedView:
    found = saved.find(owner=_person(request), view_id=view_id)
    if found is None:
        raise Http404("no such saved view of yours")
    return found


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # LoginRequiredMiddleware
    return request.user


def _back_to(asked: Filters) -> HttpResponse:
    return redirect(f"{reverse('spend:report')}?{asked.query()}")
