"""/spend/economics/: what tokens are listed at and what answers really cost."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import downloads, filters, headings, queries
from metering.spend.access import check_scope, for_spend_readers
from metering.spend.downloads import Download
from metering.spend.economics import files
from metering.spend.economics import page as pages
from metering.spend.economics.asked import economics_filters


@require_safe
@for_spend_readers
def economics(request: HttpRequest, seen: Visibility) -> HttpResponse:
    asked = economics_filters(request.GET, today=timezone.localdate())
    check_scope(asked, seen)
    shown = {
        "section": "economics",
        "filters": asked,
        "page": pages.page(filters=asked, visibility=seen, now=timezone.now()),
        "choices": queries.choices(filters=asked, visibility=seen),
        "periods": filters.PERIODS,
    }
    return render(request, "spend/economics.html", shown)


@require_safe
@for_spend_readers
@downloads.as_file
def economics_file(request: HttpRequest, seen: Visibility, table: str) -> Download:
    if table not in files.TABLES:
        raise Http404("no such table")
    asked = economics_filters(request.GET, today=timezone.localdate())
    check_scope(asked, seen)
    found = pages.page(filters=asked, visibility=seen, now=timezone.now())
    return Download(
        name=f"economics-{table}-{asked.start}-{asked.end}",
        title=files.TITLES[table],
        rows=files.TABLES[table](found, time_zone=settings.TIME_ZONE),
        facts=headings.of_filters(asked, time_zone=settings.TIME_ZONE),
    )
