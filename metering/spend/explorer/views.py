"""/spend/entries/: the list, its files, one request, and the way from an id to its request."""

import uuid

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import bookings, export, filters, queries, remarks, workbook
from metering.spend.access import check_scope, for_spend_readers
from metering.spend.explorer import files, pages, story
from metering.spend.explorer.asked import EntryFilters, entry_filters


@require_safe
@for_spend_readers
def entry_list(request: HttpRequest, seen: Visibility) -> HttpResponse:
    asked = _asked(request, seen)
    shown = {
        "section": "entries",
        "page": pages.page(filters=asked, visibility=seen),
        "asked": asked,
        "filters": asked.spend,
        "choices": queries.choices(filters=asked.spend, visibility=seen),
        "outcomes": filters.OUTCOMES,
        "usages": filters.USAGE,
        "kinds": filters.KINDS,
        "flags": remarks.WORDS,
    }
    return render(request, "spend/entries.html", shown)


@require_safe
@for_spend_readers
def find(request: HttpRequest, seen: Visibility) -> HttpResponse:
    """To the request that has this id; to the list, when several have it or none."""
    called = filters.read_text(request.GET, "q")
    found = pages.only_request(called=called, visibility=seen) if called else None
    if found is not None:
        return redirect("spend:request", found)
    return redirect(files.list_of(called))


@require_safe
@for_spend_readers
def entry_list_csv(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    asked = _asked(request, seen)
    rows = export.entry_rows(files.entries(filters=asked, visibility=seen))
    return export.response(request, rows, name=files.name(asked, "csv"), with_mark="bom" in request.GET)


@require_safe
@for_spend_readers
def entry_list_xlsx(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    asked = _asked(request, seen)
    rows = export.entry_rows(files.for_a_sheet(filters=asked, visibility=seen))
    about = files.about(asked, time_zone=settings.TIME_ZONE, made_at=timezone.now())
    return workbook.response(request, rows, name=files.name(asked, "xlsx"), about=about)


@require_safe
@for_spend_readers
def request_detail(request: HttpRequest, seen: Visibility, request_id: uuid.UUID) -> HttpResponse:
    found = bookings.request(request_id=request_id, visibility=seen)
    if found is None:
        raise Http404("no such request")
    shown = {"section": "entries", "found": found, "story": story.told(found)}
    return render(request, "spend/request.html", shown)


def _asked(request: HttpRequest, seen: Visibility) -> EntryFilters:
    asked = entry_filters(request.GET, today=timezone.localdate())
    check_scope(asked.spend, seen)
    return asked
