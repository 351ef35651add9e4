"""Where in the ledger the entries of some groups are, by what is added up of it.

The rollup says on which days which keys called which models for a team, a provider, a route; the summary by
tag says it of a tag, and both together of calls without it. Keys and models by their numbers tell PostgreSQL
how rare they are, as names in other tables do not, so that it looks for what is rare where it is; what never
was is not looked for at all.

Where several are asked for together it takes them for rarer than they are (a team has its own keys and calls
its own models), and would gather and sort many entries for one page: the rollup knows their number.
"""

import datetime as dt
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.expressions import Combinable

from catalog.visibility import Visibility
from metering.costing import TOKEN_BUCKETS
from metering.models import DailySpend, DailyTagSpend
from metering.spend import queries
from metering.spend.filters import Filters

MANY = 10_000  # attempts in the period; to gather and sort fewer takes some tens of milliseconds
GROUP = ("day", "api_key_id", "model_id")
NOTHING = (0, 0, 0, 0)
NONE = Q(pk__in=())
FEW = 4  # so many times fewer days than the period has are named one by one

Groups = tuple[tuple[Any, ...], ...]  # day, key, model, attempts


@dataclass(frozen=True, slots=True)
class Reach:
    """``condition``: what the entries of these days and groups meet, and no others do.

        ``groups``: its days, keys and models alone. ``many``: so many that a page of them is soon met in the
    order of the list.
    """

    condition: Q
    groups: Q
    many: bool


def reach(filters: Filters, visibility: Visibility, *, trust_summary: bool) -> Reach:
    """Two queries at most. ``trust_summary``: the summary by tag has all entries; else it is not asked."""
    if trust_summary and filters.by_tag:
        found = _groups_with_tag(filters, visibility) if filters.tag_value else _without(filters, visibility)
    else:
        found = tuple(_attempts(_in_rollup(filters, visibility)))
    if not found:
        return Reach(NONE, NONE, many=False)
    number = sum(row[3] for row in found)
    groups = _days({row[0] for row in found}, filters) & _numbers(found, filters)
    return Reach(_rest(filters) & groups, groups, many=number > MANY)


def _groups_with_tag(filters: Filters, visibility: Visibility) -> Groups:
    return tuple(_attempts(with_tag(filters, visibility)))


def _without(filters: Filters, visibility: Visibility) -> Groups:
    """The groups of which the rollup has more than the summary has with the tag."""
    tagged = _matching(DailyTagSpend.objects.filter(name=filters.tag), filters, visibility)
    named = {row[:3]: row[3:] for row in _sums(tagged, F("tokens"))}
    tokens = sum((F(bucket) for bucket in TOKEN_BUCKETS[1:]), start=F(TOKEN_BUCKETS[0]))
    rolled = _sums(_in_rollup(filters, visibility), tokens)
    found = [(row[:3], row[3:], named.get(row[:3], NOTHING)) for row in rolled]
    return tuple((*group, whole[0] - part[0]) for group, whole, part in found if whole != part)


def _attempts(rows: Any) -> Any:
    """Of each group, as tuples."""
    return rows.order_by().values_list(*GROUP).annotate(together=Sum("attempts"))


def _sums(rows: Any, tokens: Combinable) -> Any:
    """Everything that both tables have: a correction alone is no attempt, but has a cost or tokens."""
    return _attempts(rows).annotate(all_calls=Sum("calls"), all_tokens=Sum(tokens), all_cost=Sum("cost"))


def _rest(filters: Filters) -> Q:
    """The route and the tag."""
    return queries.narrowing(replace(filters, team="", provider="", model="", key="", cost_center=""))


def _numbers(found: Groups, filters: Filters) -> Q:
    """By keys, by models, or by both: a key belongs to one team for good, a model to one provider."""
    keys = Q(api_key__in={row[1] for row in found})
    models = Q(model__in={row[2] for row in found})
    if not (filters.model or filters.provider):
        return keys
    return models & keys if filters.key or filters.team or filters.cost_center else models


def with_tag(filters: Filters, visibility: Visibility) -> QuerySet[Any]:
    """The summary's rows of the tag that ``filters`` name with its value."""
    named = DailyTagSpend.objects.filter(name=filters.tag, value=filters.tag_value)
    return _matching(named, filters, visibility)


def _in_rollup(filters: Filters, visibility: Visibility) -> QuerySet[Any]:
    return _matching(DailySpend.objects.all(), filters, visibility)


def _matching(rows: QuerySet[Any], filters: Filters, visibility: Visibility) -> QuerySet[Any]:
    period = rows.filter(day__gte=filters.start, day__lte=filters.end)
    return visibility.restrict(period.filter(queries.of_the_same(filters)))


def _days(days: Set[dt.date], filters: Filters) -> Q:
    if len(days) * FEW < filters.days:
        return Q(day__in=days)
    return Q(day__gte=min(days), day__lte=max(days))


__all__ = ["Reach", "reach", "with_tag"]
