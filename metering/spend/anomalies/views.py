"""/spend/anomalies/: what cost more than is usual."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import downloads, headings, queries
from metering.spend.access import for_spend_readers
from metering.spend.anomalies import asked, figures, rows
from metering.spend.anomalies.rows import Page
from metering.spend.downloads import Download
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
@downloads.as_file
def anomaly_file(request: HttpRequest, seen: Visibility) -> Download:
    found = _found(request, seen)
    start, end = found.asked.start, found.asked.end
    return Download(
        name=f"anomalies-{start}-{end}",
        title=f"Unusual {found.asked.grain}s",
        rows=rows.table(found.rows),
        facts=headings.of_days(start, end, time_zone=settings.TIME_ZONE, narrowed=found.asked.words),
    )


def _found(request: HttpRequest, seen: Visibility) -> Page:
    wanted = asked.read(request.GET, today=timezone.localdate())
    if wanted.team and not queries.team_is_visible(name=wanted.team, visibility=seen):
        raise Http404("no such team")
    if wanted.grain == "hour":
        summing.catch_up()
    return rows.page(asked=wanted, visibility=seen, zone=timezone.get_current_timezone())
