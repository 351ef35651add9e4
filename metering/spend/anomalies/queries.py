"""Costs by team and day (the rollup) or hour (the summaries), and what a moment's cost was made of."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Q, Sum
from django.db.models.query import QuerySet

from catalog.visibility import Visibility
from metering.models import DailySpend, HourlySpend

Moment = dt.date | dt.datetime
Costs = dict[str, dict[Any, Decimal]]  # by team and moment; USD


class Part(NamedTuple):
    """What one model and key cost; ``key`` is (prefix, name)."""

    model: str
    key_prefix: str
    key_name: str


Parts = dict[tuple[str, Any], dict[Part, Decimal]]  # by team and moment
WHOSE = ("team__name", "model__provider__name", "model__name", "api_key__prefix", "api_key__name")


def by_day(*, first: dt.date, last: dt.date, team: str, visibility: Visibility) -> Costs:
    return _costs(_days(first, last, team, visibility), "day")


def by_hour(*, first: dt.date, last: dt.date, team: str, visibility: Visibility, zone: ZoneInfo) -> Costs:
    """Hours are UTC moments; the days are those of ``zone``."""
    return _costs(_hours(first, last, team, visibility, zone), "hour")


def parts_of_days(moments: Collection[tuple[str, Moment]], *, visibility: Visibility) -> Parts:
    return _parts(visibility.restrict(DailySpend.objects.all()), "day", moments)


def parts_of_hours(moments: Collection[tuple[str, Moment]], *, visibility: Visibility) -> Parts:
    return _parts(visibility.restrict(HourlySpend.objects.all()), "hour", moments)


def parts_in_all(
    *, first: dt.date, last: dt.date, teams: Collection[str], visibility: Visibility
) -> dict[str, dict[Part, Decimal]]:
    """What each model and key of the teams cost on all days together."""
    rows = visibility.restrict(DailySpend.objects.filter(day__range=(first, last), team__name__in=teams))
    found: dict[str, dict[Part, Decimal]] = defaultdict(dict)
    for row in rows.order_by().values(*WHOSE).annotate(sum=Sum("cost")):
        found[row["team__name"]][_part(row)] = row["sum"]
    return found


def _days(first: dt.date, last: dt.date, team: str, seen: Visibility) -> QuerySet[Any]:
    rows = seen.restrict(DailySpend.objects.filter(day__range=(first, last)))
    return rows.filter(team__name=team) if team else rows


def _hours(first: dt.date, last: dt.date, team: str, seen: Visibility, zone: ZoneInfo) -> QuerySet[Any]:
    begins = dt.datetime.combine(first, dt.time(), tzinfo=zone)
    ends = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), tzinfo=zone)
    rows = seen.restrict(HourlySpend.objects.filter(hour__gte=begins, hour__lt=ends))
    return rows.filter(team__name=team) if team else rows


def _costs(rows: QuerySet[Any], name: str) -> Costs:
    found: Costs = defaultdict(dict)
    for team, moment, cost in rows.order_by().values_list("team__name", name).annotate(sum=Sum("cost")):
        found[team][moment] = cost
    return found


def _parts(rows: QuerySet[Any], name: str, moments: Collection[tuple[str, Moment]]) -> Parts:
    wanted = Q(pk__in=[])
    for team, moment in moments:
        wanted |= Q(**{"team__name": team, name: moment})
    found: Parts = defaultdict(dict)
    for row in rows.filter(wanted).order_by().values(name, *WHOSE).annotate(sum=Sum("cost")):
        found[row["team__name"], row[name]][_part(row)] = row["sum"]
    return found


def _part(row: dict[str, Any]) -> Part:
    model = f"{row['model__provider__name']}/{row['model__name']}"
    return Part(model, row["api_key__prefix"], row["api_key__name"])
