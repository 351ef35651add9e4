"""/spend/forecast/: what is still to come."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import downloads, filters, headings, queries
from metering.spend.access import for_spend_readers
from metering.spend.downloads import Download
from metering.spend.forecast import figures, files, rows
from metering.spend.forecast.rows import Page
from metering.summaries import summing


@require_safe
@for_spend_readers
def forecast(request: HttpRequest, seen: Visibility) -> HttpResponse:
    page = _found(request, seen)
    chart = figures.chart(page) if page.teams else None
    return render(request, "spend/forecast.html", {"section": "forecast", "page": page, "chart": chart})


@require_safe
@for_spend_readers
@downloads.as_file
def forecast_file(request: HttpRequest, seen: Visibility, table: str) -> Download:
    if table not in files.TABLES:
        raise Http404("no such table")
    page = _found(request, seen)
    narrowed = {"Team": page.team}
    return Download(
        name=f"forecast-{table}-{page.today}",
        title=files.TITLES[table],
        rows=files.TABLES[table](page, time_zone=settings.TIME_ZONE),
        facts=headings.of_moment(page.today, time_zone=settings.TIME_ZONE, narrowed=narrowed),
    )


def _found(request: HttpRequest, seen: Visibility) -> Page:
    team = filters.read_text(request.GET, "team")
    if team and not queries.team_is_visible(name=team, visibility=seen):
        raise Http404("no such team")
    summing.catch_up()
    return rows.page(team=team, visibility=seen, now=timezone.now(), zone=timezone.get_current_timezone())
