"""/spend/anomalies/: what cost more than is usual."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import export, queries
from metering.spend.access import for_spend_readers
from metering.spend.anomalies import asked, figures, rows
from metering.spend.anomalies.rows import Page
from metering.summaries import summing


@require_safe
@for_spend_readers
def anomaly_list(request: HttpRequest, seen: Visibility) -> HttpResponse:
    found = _found(request, seen)
    shown = {
        "section": "anomalies",
        "page": found,
        "asked": found.asked,
        "chart": figures.chart(found, zone=timezone.get_current_timezone()) if found.costs else None,
        "grains": asked.GRAINS,
    }
    return render(request, "spend/anomalies.html", shown)


@require_safe
@for_spend_readers
def anomaly_csv(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    found = _found(request, seen)
    name = f"anomalies-{found.asked.start}-{found.asked.end}.csv"
    return export.response(request, rows.table(found.rows), name=name, with_mark="bom" in request.GET)


def _found(request: HttpRequest, seen: Visibility) -> Page:
    wanted = asked.read(request.GET, today=timezone.localdate())
    if wanted.team and not queries.team_is_visible(name=wanted.team, visibility=seen):
        raise Http404("no such team")
    if wanted.grain == "hour":
        summing.catch_up()
    return rows.page(asked=wanted, visibility=seen, zone=timezone.get_current_timezone())
