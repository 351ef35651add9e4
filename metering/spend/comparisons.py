"""Dearer although its token price is lower: what reasoning (or long prompts) did to the bill.

The rule, also printed on the page: a pair is shown when the first model has the lower listed output price but
the higher average cost per attempt in the period; attempts of unknown cost are left out of the averages.
Figures come from the rollup and the price list alone.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q

from catalog.models import Price
from catalog.visibility import Visibility
from metering.spend.filters import Filters
from metering.spend.queries import DIMENSIONS, Totals, spend_rows

SHOWN = 5


@dataclass(frozen=True, slots=True)
class ModelCost:
    """One model in the period. ``output_price`` is listed, per 1,000,000 tokens; None when unknown."""

    name: str
    output_price: Decimal | None
    totals: Totals

    @property
    def cost_per_attempt(self) -> Decimal | None:
        return self.totals.cost_per_attempt


@dataclass(frozen=True, slots=True)
class Comparison:
    """``dearer`` costs ``ratio`` times as much per attempt as ``cheaper``, at a lower output price."""

    dearer: ModelCost
    cheaper: ModelCost
    ratio: Decimal

    @property
    def reasoned(self) -> bool:
        return (self.dearer.totals.reasoning_share or 0) > (self.cheaper.totals.reasoning_share or 0)


def comparisons(*, filters: Filters, visibility: Visibility, now: dt.datetime) -> tuple[Comparison, ...]:
    """The most telling pairs of the period, the greatest ratio first. Two queries."""
    found = spend_rows().seen_by(visibility).matching(filters).added_up_by(DIMENSIONS["model"])
    if len(found) < 2:
        return ()
    prices = listed_output_prices(names=[row.value for row in found], at=now)
    return pairs([ModelCost(row.value, prices.get(row.value), row.totals) for row in found])


def pairs(models: Sequence[ModelCost]) -> tuple[Comparison, ...]:
    """For each model the cheapest one (per attempt) that lists a higher output price."""
    best = [comparison for model in models if (comparison := _cheapest_against(model, models)) is not None]
    return tuple(sorted(best, key=lambda c: (-c.ratio, c.dearer.name)))[:SHOWN]


def listed_output_prices(*, names: Iterable[str], at: dt.datetime) -> Mapping[str, Decimal]:
    """The standard output price in force for each ``provider/model``, without thresholds and peak hours."""
    wanted = Q()
    for name in names:
        provider, _, model = name.partition("/")
        wanted |= Q(model__provider__name=provider, model__name=model)
    rows = (
        Price.objects.filter(wanted, effective_from__lte=at, variant="standard", above_input_tokens=0)
        .filter(
            Q(effective_to__isnull=True) | Q(effective_to__gt=at),
            daily_from__isnull=True,
            output__isnull=False,
        )
        .order_by()
        .values_list("model__provider__name", "model__name", "output")
    )
    return {f"{provider}/{model}": output for provider, model, output in rows if output is not None}


def _cheapest_against(model: ModelCost, models: Sequence[ModelCost]) -> Comparison | None:
    own = model.cost_per_attempt
    if model.output_price is None or not own:
        return None
    candidates = [
        (cost, other.name, other)
        for other in models
        if other.output_price is not None
        and other.output_price > model.output_price
        and (cost := other.cost_per_attempt)
        and cost < own
    ]
    if not candidates:
        return None
    cost, _, cheapest = min(candidates)
    return Comparison(dearer=model, cheaper=cheapest, ratio=own / cost)
