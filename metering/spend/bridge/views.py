"""/spend/bridge/: why spend changed between two periods."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import downloads, filters, headings, queries
from metering.spend.access import check_scope, for_spend_readers
from metering.spend.bridge import figures, files, words
from metering.spend.bridge import page as pages
from metering.spend.bridge.periods import bridge_periods
from metering.spend.downloads import Download


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
        "driven": words.driven(found),
        "chart": figures.waterfall(found),
        "teams": figures.drivers(found.teams, found, kind="team"),
        "top_models": figures.drivers(found.by_model, found, kind="model"),
        "table": figures.models(found),
        "meanings": [(words.TITLES[name], said) for name, said in words.MEANINGS.items()],
        "choices": queries.choices(filters=asked.now, visibility=seen),
        "periods": filters.PERIODS,
    }
    return render(request, "spend/bridge.html", shown)


@require_safe
@for_spend_readers
@downloads.as_file
def bridge_file(request: HttpRequest, seen: Visibility) -> Download:
    asked = bridge_periods(request.GET, today=timezone.localdate())
    check_scope(asked.now, seen)
    return Download(
        name=f"bridge-{asked.before.start}-{asked.before.end}-to-{asked.now.start}-{asked.now.end}",
        title=f"Why spend changed since {asked.before.start} to {asked.before.end}",
        rows=files.rows(pages.bridge(periods=asked, visibility=seen), time_zone=settings.TIME_ZONE),
        facts=headings.of_filters(asked.now, time_zone=settings.TIME_ZONE),
    )
