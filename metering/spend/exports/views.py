"""/spend/exports/: a month's charges as a FOCUS file."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.focus import BILLED_COSTS, VERSIONS
from metering.focus.parquet_files import is_available
from metering.spend.access import for_spend_readers
from metering.spend.exports import asked as focus_asked
from metering.spend.exports import files as focus_files
from metering.spend.months import pages as closing_pages


@require_safe
@for_spend_readers
def exports(request: HttpRequest, seen: Visibility) -> HttpResponse:
    zone = ZoneInfo(settings.TIME_ZONE)
    shown = {
        "section": "exports",
        "months": closing_pages.month_list(visibility=seen, at=timezone.now(), zone=zone),
        "versions": VERSIONS,
        "billed_costs": BILLED_COSTS,
        "forms": focus_asked.FORMS,
        "has_parquet": is_available(),
    }
    return render(request, "spend/exports.html", shown)


@require_safe
@for_spend_readers
def focus_file(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    return focus_files.response(request, focus_asked.download(request.GET, visibility=seen))
