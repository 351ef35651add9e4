"""/spend/bridge/: why spend changed between two periods."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import export, filters, queries
from metering.spend.access import check_scope, for_spend_readers
from metering.spend.bridge import figures, files, words
from metering.spend.bridge import page as pages
from metering.spend.bridge.periods import bridge_periods


@require_safe
@for_spend_readers
def bridge(request: HttpRequest, seen: Visibility) -> HttpResponse:
    asked = bridge_periods(request.GET, today=timezone.localdate())
    check_scope(asked.now, seen)
    found = pages.bridge(periods=asked, visibility=seen)
    shown = {
        "section": "bridge",
        "spans": asked,
        "filters": asked.now,
        "bridge": found,
        "sentence": words.sentence(found),
        "chart": figures.waterfall(found),
        "table": figures.models(found),
        "meanings": [(words.TITLES[name], said) for name, said in words.MEANINGS.items()],
        "choices": queries.choices(filters=asked.now, visibility=seen),
        "periods": filters.PERIODS,
    }
    return render(request, "spend/bridge.html", shown)


@require_safe
@for_spend_readers
def bridge_csv(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    asked = bridge_periods(request.GET, today=timezone.localdate())
    check_scope(asked.now, seen)
    rows = files.rows(pages.bridge(periods=asked, visibility=seen), time_zone=settings.TIME_ZONE)
    name = f"bridge-{asked.before.start}-{asked.before.end}-to-{asked.now.start}-{asked.now.end}.csv"
    return export.response(request, rows, name=name, with_mark="bom" in request.GET)
