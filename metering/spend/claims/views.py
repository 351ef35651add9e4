"""/spend/claims/: what failed attempts cost, per vendor and month."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering import claims as failed
from metering.spend import export
from metering.spend.access import for_spend_readers
from metering.spend.claims import rows as claims
from metering.spend.filters import BadFilter


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
def claim_csv(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    asked = claims.claim_filters(request.GET, today=timezone.localdate())
    if not asked.provider:
        raise BadFilter("a claim is sent to one vendor: choose a provider")
    found = failed.claimed(month=asked.month, provider=asked.provider, visibility=seen)
    name = f"claim-{asked.month:%Y-%m}.csv"
    return export.response(request, claims.rows(found), name=name, with_mark="bom" in request.GET)
