"""Costs by day of every team, and of what each budget is about. From the rollup."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Sum

from catalog.visibility import Visibility
from metering.models import DailySpend, DailyTagSpend, Limit

ByDay = dict[dt.date, Decimal]


def by_team(*, first: dt.date, last: dt.date, visibility: Visibility) -> dict[str, ByDay]:
    """USD. One query."""
    rows = visibility.restrict(DailySpend.objects.filter(day__range=(first, last)))
    found: dict[str, ByDay] = defaultdict(dict)
    for team, day, cost in rows.order_by().values_list("team__name", "day").annotate(sum=Sum("cost")):
        found[team][day] = cost
    return found


def narrower(*, limits: Iterable[Limit], first: dt.date, last: dt.date) -> dict[int, ByDay]:
    """Of budgets that are about a key, a model or a tag: what it cost by day, by the limit's id.

    Others are left out. Three queries.
    """
    asked = [limit for limit in limits if limit.api_key_id or limit.model_id or limit.tag_name]
    teams = {limit.team_id for limit in asked}
    spend = _spend([limit for limit in asked if not limit.tag_name], teams, first, last)
    return spend | _tagged([limit for limit in asked if limit.tag_name], teams, first, last)


def _spend(limits: list[Limit], teams: set[int], first: dt.date, last: dt.date) -> dict[int, ByDay]:
    rows = DailySpend.objects.filter(day__range=(first, last), team__in=teams).order_by()
    found: dict[int, ByDay] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows.values("team", "api_key", "model", "day").annotate(sum=Sum("cost")):
        for limit in limits:
            if _is_about(limit, row["team"], row["api_key"], row["model"]):
                found[limit.pk][row["day"]] += row["sum"]
    return found


def _tagged(limits: list[Limit], teams: set[int], first: dt.date, last: dt.date) -> dict[int, ByDay]:
    names = {limit.tag_name for limit in limits}
    rows = DailyTagSpend.objects.filter(day__range=(first, last), team__in=teams, name__in=names).order_by()
    found: dict[int, ByDay] = defaultdict(lambda: defaultdict(Decimal))
    by = ("team", "api_key", "model", "name", "value", "day")
    for row in rows.values(*by).annotate(sum=Sum("cost")):
        for limit in limits:
            if (limit.tag_name, limit.tag_value) == (row["name"], row["value"]) and _is_about(
                limit, row["team"], row["api_key"], row["model"]
            ):
                found[limit.pk][row["day"]] += row["sum"]
    return found


def _is_about(limit: Limit, team: int, key: int, model: int) -> bool:
    return (
        limit.team_id == team
        and (limit.api_key_id is None or limit.api_key_id == key)
        and (limit.model_id is None or limit.model_id == model)
    )
