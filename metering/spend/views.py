"""/spend/: the finance pages. Each view reads its filters, asks one question, and shows the answer."""

import uuid

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import bookings, comparisons, entries, export, figures, filters, queries, trend
from metering.spend.access import check_scope, for_spend_readers
from metering.spend.budgets import standing as budgets


@require_safe
@for_spend_readers
def report(request: HttpRequest, seen: Visibility) -> HttpResponse:
    asked = filters.spend_filters(request.GET, today=timezone.localdate())
    check_scope(asked, seen)
    now = timezone.now()
    found = queries.report(filters=asked, visibility=seen)
    shown = {
        "section": "spend",
        "report": found,
        "filters": asked,
        "choices": queries.choices(filters=asked, visibility=seen),
        "comparisons": comparisons.comparisons(filters=asked, visibility=seen, now=now),
        "before": trend.before(report=found, visibility=seen),
        "projection": trend.projection(report=found, today=timezone.localdate(now)),
        "budgets": budgets.budgets(filters=asked, visibility=seen, now=now),
        "figure": figures.spend_by_day(found),
        "figure_summary": figures.summary(found),
        "day_table": figures.day_table(found),
        "dimensions": [queries.DIMENSIONS[name] for name in filters.GROUPINGS],
        "periods": filters.PERIODS,
    }
    return render(request, "spend/report.html", shown)


@require_safe
@for_spend_readers
def report_csv(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    asked = filters.spend_filters(request.GET, today=timezone.localdate())
    check_scope(asked, seen)
    rows = export.report_rows(queries.report(filters=asked, visibility=seen), time_zone=settings.TIME_ZONE)
    name = f"spend-by-{asked.by}-{asked.start}-{asked.end}.csv"
    return export.response(request, rows, name=name, with_mark="bom" in request.GET)


@require_safe
@for_spend_readers
def entry_list(request: HttpRequest, seen: Visibility) -> HttpResponse:
    asked = filters.entry_filters(request.GET, today=timezone.localdate())
    check_scope(asked.spend, seen)
    shown = {
        "section": "entries",
        "page": entries.page(filters=asked, visibility=seen),
        "asked": asked,
        "filters": asked.spend,
        "choices": queries.choices(filters=asked.spend, visibility=seen),
        "outcomes": filters.OUTCOMES,
        "usages": filters.USAGE,
        "kinds": filters.KINDS,
    }
    return render(request, "spend/entries.html", shown)


@require_safe
@for_spend_readers
def entry_list_csv(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    asked = filters.entry_filters(request.GET, today=timezone.localdate())
    check_scope(asked.spend, seen)
    rows = export.entry_rows(entries.all_entries(filters=asked, visibility=seen))
    name = f"entries-{asked.spend.start}-{asked.spend.end}.csv"
    return export.response(request, rows, name=name, with_mark="bom" in request.GET)


@require_safe
@for_spend_readers
def request_detail(request: HttpRequest, seen: Visibility, request_id: uuid.UUID) -> HttpResponse:
    found = bookings.request(request_id=request_id, visibility=seen)
    if found is None:
        raise Http404("no such request")
    return render(request, "spend/request.html", {"section": "entries", "found": found})
