"""/spend/forecast/: what is still to come."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import filters, queries
from metering.spend.access import for_spend_readers
from metering.spend.forecast import figures, rows
from metering.summaries import summing


@require_safe
@for_spend_readers
def forecast(request: HttpRequest, seen: Visibility) -> HttpResponse:
    team = filters.read_text(request.GET, "team")
    if team and not queries.team_is_visible(name=team, visibility=seen):
        raise Http404("no such team")
    summing.catch_up()
    page = rows.page(team=team, visibility=seen, now=timezone.now(), zone=timezone.get_current_timezone())
    chart = figures.chart(page) if page.teams else None
    return render(request, "spend/forecast.html", {"section": "forecast", "page": page, "chart": chart})
