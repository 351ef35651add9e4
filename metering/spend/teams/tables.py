"""The files of teams and keys: /spend/teams/export.csv and those beside it."""

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import downloads, headings
from metering.spend.access import for_spend_readers
from metering.spend.downloads import Download
from metering.spend.teams import files, pages, views
from metering.spend.teams.spending import Spend


@require_safe
@for_spend_readers
@downloads.as_file
def team_list(request: HttpRequest, seen: Visibility) -> Download:
    today, zone = timezone.localdate(), settings.TIME_ZONE
    found = pages.teams(seen=seen, today=today, now=timezone.now())
    return Download(
        name=f"teams-{today}",
        title="Teams",
        rows=files.team_rows(found, today=today, time_zone=zone),
        facts=headings.of_moment(today, time_zone=zone),
    )


@require_safe
@for_spend_readers
@downloads.as_file
def team_models(request: HttpRequest, seen: Visibility, name: str) -> Download:
    return _models(views.found_team(request, seen, name).spend, name=f"team-{name}-models")


@require_safe
@for_spend_readers
@downloads.as_file
def team_keys(request: HttpRequest, seen: Visibility, name: str) -> Download:
    found = views.found_team(request, seen, name)
    asked = found.spend.filters
    return Download(
        name=f"team-{name}-keys-{asked.start}-{asked.end}",
        title="Keys",
        rows=files.key_rows(found.keys, spend=found.spend, time_zone=settings.TIME_ZONE),
        facts=headings.of_filters(asked, time_zone=settings.TIME_ZONE),
    )


@require_safe
@for_spend_readers
@downloads.as_file
def key_models(request: HttpRequest, seen: Visibility, prefix: str) -> Download:
    return _models(views.found_key(request, seen, prefix).spend, name=f"key-{prefix}-models")


def _models(spend: Spend, *, name: str) -> Download:
    return Download(
        name=f"{name}-{spend.filters.start}-{spend.filters.end}",
        title="Spend by model",
        rows=files.model_rows(spend, time_zone=settings.TIME_ZONE),
        facts=headings.of_filters(spend.filters, time_zone=settings.TIME_ZONE),
    )
