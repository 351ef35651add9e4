"""The reads of the what-if page: traffic by model, and where models answered alike."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import BooleanField, Case, Q, QuerySet, Sum, Value, When

from catalog.models import LanguageModel, Team
from catalog.visibility import Visibility
from metering.models import DailyUsage
from metering.spend import queries
from metering.spend.economics.usage import INPUT, UsageRows, usage_rows
from metering.spend.filters import Filters
from metering.usage import BUCKETS
from metering.whatif.measuring import Use
from metering.whatif.pricing import Traffic

GROUP = ("stretch", "model_id")
WINDOW = dt.timedelta(days=89)  # before its last: models are compared in 90 days, where the slice has fewer


@dataclass(frozen=True, slots=True)
class Slice:
    """``traffic``: of known cost; beside it ``aside`` tokens of unknown cost, which are in no amount.

    Tokens without a known cost have nothing to be compared with. A row of the summary has them alone, or
    together with others: the same key, model and route had a cost of the vendor's own on that day. ``mixed``:
    attempts of unknown cost whose tokens can so not be told apart, and are in the traffic.
    """

    traffic: tuple[Traffic, ...]
    aside: int = 0
    mixed: int = 0

    @property
    def answers(self) -> int:
        return sum(one.answers for one in self.traffic)

    @property
    def models(self) -> frozenset[str]:
        return frozenset(one.model for one in self.traffic)


def traffic(*, filters: Filters, visibility: Visibility, changes: Sequence[dt.date]) -> Slice:
    """A row for each model and stretch of days; a stretch ends before each of ``changes``. Three queries."""
    rows = _matching(filters, visibility).annotate(stretch=_stretch(changes)).order_by()
    names = ("answers", *BUCKETS, *(f"usd_{name}" for name in BUCKETS), "usd_unsplit")
    # Grouped by ids: to sort a large ledger's rows by names takes three times as long.
    sums = {f"sum_{name}": Sum(name) for name in names}
    every: Iterable[dict[str, Any]] = rows.values(*GROUP).annotate(**sums)
    found = {(row["stretch"], row["model_id"]): row for row in every}
    unknown = list(_of_unknown_cost(rows))
    aside = [row for row in unknown if row["alone"]]
    for row in aside:
        _take_out(found[row["stretch"], row["model_id"]], row)
    models = _model_names(model for _, model in found)
    kept = (_traffic(row, models) for row in found.values())
    return Slice(
        tuple(one for one in kept if one.answers or any(one.tokens.values()) or one.cost),
        aside=sum(_tokens(row) for row in aside),
        mixed=sum(int(row["sum_unpriced"]) for row in unknown if not row["alone"]),
    )


def uses(*, filters: Filters, visibility: Visibility) -> tuple[Use, ...]:
    """What each model used for each team and route in the 90 days up to the slice's end. Three queries."""
    wide = Filters(start=min(filters.start, filters.end - WINDOW), end=filters.end)
    callers = queries.of_the_same(replace(filters, provider="", model=""))
    sums = ("answers", *INPUT, "output", "reasoning", "cost", "unpriced")
    found = list(
        _matching(wide, visibility)
        .annotate(inside=_whether(callers) if callers else Value(True, output_field=BooleanField()))
        .order_by()
        .values("inside", "team_id", "route", "model_id")
        .annotate(**{f"sum_{name}": Sum(name) for name in sums})
    )
    models = _model_names(row["model_id"] for row in found)
    teams = dict(Team.objects.filter(pk__in={row["team_id"] for row in found}).values_list("pk", "name"))
    return tuple(_use(row, teams, models) for row in found)


def _matching(filters: Filters, visibility: Visibility) -> UsageRows:
    return usage_rows().seen_by(visibility).matching(filters)


def _stretch(changes: Sequence[dt.date]) -> Case | Value:
    whens = [When(day__lt=day, then=Value(number)) for number, day in enumerate(changes)]
    return Case(*whens, default=Value(len(changes))) if whens else Value(0)


def _whether(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def _of_unknown_cost(rows: QuerySet[DailyUsage]) -> Iterable[dict[str, Any]]:
    """``alone``: with nothing else in the row."""
    found: Iterable[dict[str, Any]] = (
        rows.filter(price=None, unpriced__gt=0)
        .exclude(**dict.fromkeys(BUCKETS, 0))
        .annotate(alone=_whether(Q(cost=0)))
        .values(*GROUP, "alone")
        .annotate(**{f"sum_{name}": Sum(name) for name in ("answers", "unpriced", *BUCKETS)})
    )
    return found


def _take_out(row: dict[str, Any], part: Mapping[str, Any]) -> None:
    for name in ("answers", *BUCKETS):
        row[f"sum_{name}"] -= part[f"sum_{name}"]


def _model_names(ids: Iterable[int]) -> Mapping[int, str]:
    """``provider/name`` by id."""
    found = LanguageModel.objects.filter(pk__in=set(ids)).values_list("pk", "provider__name", "name")
    return {pk: f"{provider}/{name}" for pk, provider, name in found}


def _tokens(row: Mapping[str, Any]) -> int:
    return sum(int(row[f"sum_{name}"]) for name in BUCKETS if name != "requests")


def _traffic(row: Mapping[str, Any], models: Mapping[int, str]) -> Traffic:
    return Traffic(
        stretch=row["stretch"],
        model=models[row["model_id"]],
        answers=int(row["sum_answers"]),
        tokens={name: int(row[f"sum_{name}"]) for name in BUCKETS},
        usd={name: row[f"sum_usd_{name}"] for name in BUCKETS},
        unsplit=row["sum_usd_unsplit"],
    )


def _use(row: Mapping[str, Any], teams: Mapping[int, str], models: Mapping[int, str]) -> Use:
    return Use(
        team=teams[row["team_id"]],
        route=row["route"],
        model=models[row["model_id"]],
        in_slice=row["inside"],
        answers=int(row["sum_answers"]),
        input=int(sum(row[f"sum_{name}"] for name in INPUT)),
        output=int(row["sum_output"]),
        reasoning=int(row["sum_reasoning"]),
        cost=row["sum_cost"],
        unpriced=int(row["sum_unpriced"]),
    )
