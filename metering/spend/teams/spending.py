"""What a team, or one of its keys, spent in a period. From the daily rollup alone."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Max, Q, Sum

from catalog.models import Team
from catalog.visibility import Visibility
from metering.models import DailySpend
from metering.spend import queries
from metering.spend.charts import Chart
from metering.spend.filters import Filters
from metering.spend.queries import DIMENSIONS
from metering.spend.tables import GroupRow
from metering.spend.teams import figures
from metering.spend.totals import Totals

HISTORY = dt.timedelta(days=62)  # for forecasts: more than they look at
CALLED = Q(calls__gt=0) | Q(attempts__gt=0)  # a correction alone is no call


@dataclass(frozen=True, slots=True)
class Spend:
    """``filters`` name the team or key; ``models``: the dearest first. No chart where nothing was called."""

    filters: Filters
    total: Totals
    models: tuple[GroupRow, ...]
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class Days:
    """USD by day of one team since HISTORY, and what this month added up to."""

    costs: dict[dt.date, Decimal]
    month: Totals


def spend(*, filters: Filters, seen: Visibility, title: str) -> Spend:
    """Two queries."""
    model = DIMENSIONS["model"]
    rows = queries.spend_rows().seen_by(seen).matching(filters)
    groups = rows.added_up_by(model)
    shown = groups if len(groups) <= queries.SHOWN_SERIES + 1 else groups[: queries.SHOWN_SERIES]
    bars = rows.bars(model, shown) if groups else ()
    drawn = figures.cost_by_day(filters=filters, shown=shown, bars=bars, title=title)
    return Spend(filters, queries.added_up(groups), groups, drawn if groups else None)


def of_keys(*, filters: Filters, seen: Visibility) -> dict[str, Totals]:
    """What each key spent, by prefix. One query."""
    rows = queries.spend_rows().seen_by(seen).matching(filters)
    return {row.value: row.totals for row in rows.added_up_by(DIMENSIONS["key"])}


def by_day(*, seen: Visibility, today: dt.date) -> dict[int, Days]:
    """What every team spent each day, by the team's id. One query."""
    first = today.replace(day=1)
    rows = seen.restrict(DailySpend.objects.filter(day__gte=min(first, today - HISTORY), day__lte=today))
    sums = ("cost", "unpriced", "unbounded", "calls")
    summed: Any = (
        rows.order_by().values("team", "day").annotate(**{f"sum_{name}": Sum(name) for name in sums})
    )
    found: dict[int, Days] = {}
    for row in summed:
        days = found.get(row["team"], Days({}, Totals()))
        days.costs[row["day"]] = row["sum_cost"]
        month = Totals(**{name: row[f"sum_{name}"] for name in sums}) if row["day"] >= first else Totals()
        found[row["team"]] = Days(days.costs, days.month + month)
    return found


def last_used(*, team: Team) -> dict[int, dt.date]:
    """The last day with a call of each key of ``team``, by its id; never called: not in it. One query."""
    rows = DailySpend.objects.filter(CALLED, team=team).order_by()
    return dict(rows.values_list("api_key").annotate(Max("day")))


def calls_on(*, day: dt.date, key_id: int) -> int:
    """What callers asked for with this key on one day. One query."""
    rows = DailySpend.objects.filter(day=day, api_key=key_id)
    calls: int = rows.aggregate(calls=Sum("calls", default=0))["calls"]
    return calls
