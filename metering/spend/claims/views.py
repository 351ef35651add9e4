"""/spend/claims/: what failed attempts cost, per vendor and month."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering import claims as failed
from metering.spend import downloads, headings
from metering.spend.access import for_spend_readers
from metering.spend.claims import rows as claims
from metering.spend.claims.rows import ClaimFilters
from metering.spend.downloads import Download
from metering.spend.filters import BadFilter
from metering.spend.headings import Lines


@require_safe
@for_spend_readers
def claim_list(request: HttpRequest, seen: Visibility) -> HttpResponse:
    today = timezone.localdate()
    asked = claims.claim_filters(request.GET, today=today)
    found = claims.page(filters=asked, visibility=seen)
    shown = {
        "section": "claims",
        "asked": asked,
        "page": found,
        "chosen": found.chosen(asked.provider),
        "this_month": today.replace(day=1),
    }
    return render(request, "spend/claims.html", shown)


@require_safe
@for_spend_readers
@downloads.as_file
def claim_file(request: HttpRequest, seen: Visibility) -> Download:
    asked = claims.claim_filters(request.GET, today=timezone.localdate())
    if not asked.provider:
        raise BadFilter("a claim is sent to one vendor: choose a provider")
    found = failed.claimed(month=asked.month, provider=asked.provider, visibility=seen)
    return Download(
        name=f"claim-{asked.month:%Y-%m}",
        title=f"Failed and repeated attempts at {asked.provider}",
        rows=claims.rows(found),
        facts=_facts(asked),
    )


@require_safe
@for_spend_readers
@downloads.as_file
def vendor_file(request: HttpRequest, seen: Visibility) -> Download:
    asked = claims.claim_filters(request.GET, today=timezone.localdate())
    found = failed.by_vendor(month=asked.month, visibility=seen)
    return Download(
        name=f"claims-by-vendor-{asked.month:%Y-%m}",
        title="Failed and repeated attempts by vendor",
        rows=claims.vendor_rows(found, month=asked.month),
        facts=_facts(asked),
    )


def _facts(asked: ClaimFilters) -> Lines:
    return headings.of_days(asked.month, asked.last_day, time_zone=settings.TIME_ZONE)
