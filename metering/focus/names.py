"""What teams, keys and models are called in a month's file.

Those of a closed month are what they were when it was closed, so that its file is the same ever after; those
of any other month, what they are now.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F

from catalog.models import ApiKey, LanguageModel, Team
from metering.models import BillingPeriod, ClosedTeam, Closing, DailySpend


class TeamName(NamedTuple):
    name: str
    title: str
    cost_center: str


class KeyName(NamedTuple):
    prefix: str  # the public part of the key
    label: str  # search/ci (tg_1234)


@dataclass(frozen=True, slots=True)
class Names:
    """All by id. ``models``: provider/model. ``zone`` is the business time zone of the month's days."""

    teams: dict[int, TeamName]
    keys: dict[int, KeyName]
    models: dict[int, str]
    zone: ZoneInfo
    status: str  # BillingPeriod.Status


def of(month: dt.date) -> Names:
    period = BillingPeriod.objects.filter(month=month).first()
    status = BillingPeriod.Status.OPEN.value if period is None else period.status
    closing = None
    if status == BillingPeriod.Status.CLOSED:
        closing = Closing.objects.filter(period=period).order_by("-version").first()
    return _now(month, status) if closing is None else _then(closing, status)


def _now(month: dt.date, status: str) -> Names:
    used = DailySpend.objects.filter(period=month)
    teams = Team.objects.filter(pk__in=used.values("team"))
    keys = ApiKey.objects.filter(pk__in=used.values("api_key")).annotate(of_team=F("team__name"))
    models = LanguageModel.objects.filter(pk__in=used.values("model")).select_related("provider")
    return Names(
        teams=_teams(teams.values_list("pk", "name", "title", "cost_center")),
        keys={key.pk: KeyName(key.prefix, f"{key.of_team}/{key.name} ({key.prefix})") for key in keys},
        models={model.pk: model.full_name for model in models},
        zone=ZoneInfo(settings.TIME_ZONE),
        status=status,
    )


def _then(closing: Closing, status: str) -> Names:
    labels = {int(number): label for number, label in closing.names["key"].items()}
    prefixes = ApiKey.objects.filter(pk__in=labels).values_list("pk", "prefix")
    closed = ClosedTeam.objects.filter(closing=closing)
    return Names(
        teams=_teams(closed.values_list("team", "name", "title", "cost_center")),
        keys={number: KeyName(prefix, labels[number]) for number, prefix in prefixes},
        models={int(number): name for number, name in closing.names["model"].items()},
        zone=ZoneInfo(closing.time_zone),
        status=status,
    )


def _teams(rows: Iterable[tuple[int, str, str, str]]) -> dict[int, TeamName]:
    return {number: TeamName(*names) for number, *names in rows}
