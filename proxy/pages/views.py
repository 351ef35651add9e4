"""/spend/reliability/: each view reads its filters, asks one question, and shows the answer."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import downloads, headings, queries
from metering.spend.access import check_scope, for_spend_readers
from metering.spend.downloads import Download
from metering.spend.headings import Lines
from metering.summaries import durations
from proxy.pages import figures, files, filters, reports, standing
from proxy.pages.filters import Asked


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
        "precision": durations.PRECISION,
    }
    return render(request, "spend/reliability.html", shown)


@require_safe
@for_spend_readers
@downloads.as_file
def report_file(request: HttpRequest, seen: Visibility) -> Download:
    asked = filters.asked_from(request.GET, now=timezone.now())
    check_scope(asked.spend(), seen)
    first, last = asked.days
    return Download(
        name=f"reliability-by-{asked.by}-{first}-{last}",
        title=f"Reliability by {asked.by}",
        rows=files.report_rows(reports.report(asked=asked, visibility=seen)),
        facts=_facts(asked),
    )


@require_safe
@for_spend_readers
@downloads.as_file
def failures_file(request: HttpRequest, seen: Visibility) -> Download:
    asked = filters.asked_from(request.GET, now=timezone.now())
    check_scope(asked.spend(), seen)
    first, last = asked.days
    return Download(
        name=f"failures-{first}-{last}",
        title="Attempts that failed, and what they cost",
        rows=files.failure_rows(reports.report(asked=asked, visibility=seen)),
        facts=_facts(asked),
    )


def _facts(asked: Asked) -> Lines:
    narrowed = {name.capitalize(): getattr(asked, name) for name in filters.NARROWINGS}
    return headings.of_days(*asked.days, time_zone=settings.TIME_ZONE, narrowed=narrowed)
