"""/spend/what-if/: real traffic at the prices of other models."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import downloads, filters, headings, queries
from metering.spend.access import check_scope, for_spend_readers
from metering.spend.downloads import Download
from metering.spend.whatif import asked, files, forms
from metering.spend.whatif import page as pages
from metering.spend.whatif.page import Page


@require_safe
@for_spend_readers
def what_if(request: HttpRequest, seen: Visibility) -> HttpResponse:
    found = _found(request, seen)
    choices = queries.choices(filters=found.asked.spend, visibility=seen)
    shown = {
        "section": "what-if",
        "page": found,
        "asked": found.asked,
        "filters": found.asked.spend,
        "form": forms.form(found, choices),
        "periods": filters.PERIODS,
        "prices": asked.PRICES,
    }
    return render(request, "spend/what_if.html", shown)


@require_safe
@for_spend_readers
@downloads.as_file
def what_if_file(request: HttpRequest, seen: Visibility) -> Download:
    found = _found(request, seen)
    spend = found.asked.spend
    return Download(
        name=f"what-if-{spend.start}-{spend.end}",
        title="What this traffic would have cost on other models",
        rows=files.rows(found, time_zone=settings.TIME_ZONE),
        facts=headings.of_filters(spend, time_zone=settings.TIME_ZONE),
    )


def _found(request: HttpRequest, seen: Visibility) -> Page:
    wanted = asked.read(request.GET, today=timezone.localdate())
    check_scope(wanted.spend, seen)
    return pages.page(asked=wanted, visibility=seen, now=timezone.now(), zone=timezone.get_current_timezone())
