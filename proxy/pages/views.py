"""/spend/reliability/: each view reads its filters, asks one question, and shows the answer."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import export, queries
from metering.spend.access import check_scope, for_spend_readers
from proxy.pages import figures, files, filters, reports, standing


@require_safe
@for_spend_readers
def report(request: HttpRequest, seen: Visibility) -> HttpResponse:
    now = timezone.now()
    asked = filters.asked_from(request.GET, now=now)
    check_scope(asked.spend(), seen)
    found = reports.report(asked=asked, visibility=seen)
    # what opened a breaker may have been anybody's calls
    stands = standing.standing(asked=asked, now=now) if seen.team_ids is None else None
    shown = {
        "section": "reliability",
        "report": found,
        "filters": asked,
        "standing": stands,
        "choices": queries.choices(filters=asked.spend(), visibility=seen),
        "periods": filters.PERIODS,
        "groupings": filters.GROUPINGS,
        "charts": figures.charts(found, stands),
    }
    return render(request, "spend/reliability.html", shown)


@require_safe
@for_spend_readers
def report_csv(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    asked = filters.asked_from(request.GET, now=timezone.now())
    check_scope(asked.spend(), seen)
    rows = files.report_rows(reports.report(asked=asked, visibility=seen))
    name = f"reliability-by-{asked.by}-{asked.days[0]}-{asked.days[1]}.csv"
    return export.response(request, rows, name=name, with_mark="bom" in request.GET)


@require_safe
@for_spend_readers
def failures_csv(request: HttpRequest, seen: Visibility) -> HttpResponseBase:
    asked = filters.asked_from(request.GET, now=timezone.now())
    check_scope(asked.spend(), seen)
    rows = files.failure_rows(reports.report(asked=asked, visibility=seen))
    name = f"failures-{asked.days[0]}-{asked.days[1]}.csv"
    return export.response(request, rows, name=name, with_mark="bom" in request.GET)
