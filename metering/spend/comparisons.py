"""Dearer although its token price is lower: what reasoning did to the bill.

The rule, also printed on the page. Two models are compared within one team, when their average input per
attempt differs by a factor of 2 at most. A pair is shown when the first lists the lower output price, cost
more per attempt, and would not have without its reasoning tokens (at its listed price): so reasoning is the
reason. Attempts of unknown cost are left out of the averages. The pairs that cost most come first.

Figures come from the rollup and the price list alone.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from django.db.models import Q

from catalog.models import Price
from catalog.visibility import Visibility
from metering.costing import MILLION
from metering.spend.filters import Filters
from metering.spend.queries import DIMENSIONS, spend_rows
from metering.spend.totals import Totals

SHOWN = 3
SIMILAR = 2  # the longer input is at most so many times the shorter


@dataclass(frozen=True, slots=True)
class ListPrice:
    """USD per 1,000,000 tokens: standard, in force, without thresholds and peak hours."""

    output: Decimal
    reasoning: Decimal


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What one model cost one team in the period."""

    team: str
    name: str
    price: ListPrice
    totals: Totals

    @property
    def attempts(self) -> int:
        return self.totals.attempts - self.totals.unpriced

    @property
    def cost_per_attempt(self) -> Decimal:
        return self.totals.cost / self.attempts

    @property
    def input_per_attempt(self) -> Decimal:
        return Decimal(self.totals.total_input) / self.totals.attempts

    @property
    def cost_without_reasoning(self) -> Decimal:
        """Per attempt, at the listed price of its reasoning tokens."""
        return self.cost_per_attempt - self.totals.reasoning * self.price.reasoning / MILLION / self.attempts


@dataclass(frozen=True, slots=True)
class Comparison:
    """``dearer`` cost its team more per attempt than ``cheaper``, at a lower output price, by reasoning."""

    dearer: ModelCost
    cheaper: ModelCost

    @property
    def ratio(self) -> Decimal:
        return self.dearer.cost_per_attempt / self.cheaper.cost_per_attempt

    @property
    def lost(self) -> Decimal:
        """What the attempts of ``dearer`` would have saved at the average of ``cheaper``."""
        each = self.dearer.cost_per_attempt - self.cheaper.cost_per_attempt
        return each * self.dearer.attempts


def comparisons(*, filters: Filters, visibility: Visibility, now: dt.datetime) -> tuple[Comparison, ...]:
    """The pairs of the period that cost most. Two queries; one when there is nothing to compare."""
    found = (
        spend_rows()
        .seen_by(visibility)
        .matching(filters)
        .added_up_by(DIMENSIONS["team"], DIMENSIONS["model"])
    )
    names = {row.values[1] for row in found}
    if len(names) < 2:
        return ()
    prices = list_prices(names=names, at=now)
    return pairs(
        [
            ModelCost(team, model, prices[model], row.totals)
            for row in found
            for team, model in [row.values]
            if model in prices
        ]
    )


def pairs(models: Iterable[ModelCost]) -> tuple[Comparison, ...]:
    """For each model of a team the cheapest alternative; the greatest loss first."""
    known = [model for model in models if model.attempts > 0 and model.totals.cost > 0]
    by_team = groupby(sorted(known, key=lambda model: (model.team, model.name)), key=lambda model: model.team)
    found = [pair for _, group in by_team for pair in _of_team(tuple(group))]
    return tuple(sorted(found, key=lambda pair: (-pair.lost, pair.dearer.team, pair.dearer.name)))[:SHOWN]


def list_prices(*, names: Iterable[str], at: dt.datetime) -> Mapping[str, ListPrice]:
    """The price in force of each ``provider/model``. Reasoning without a rate of its own costs as output."""
    wanted = Q()
    for name in names:
        provider, _, model = name.partition("/")
        wanted |= Q(model__provider__name=provider, model__name=model)
    rows = (
        Price.objects.filter(wanted, effective_from__lte=at, variant="standard", above_input_tokens=0)
        .filter(Q(effective_to__isnull=True) | Q(effective_to__gt=at))
        .filter(daily_from__isnull=True, output__isnull=False)
        .order_by()
        .values_list("model__provider__name", "model__name", "output", "reasoning")
    )
    return {
        f"{provider}/{model}": ListPrice(output, output if reasoning is None else reasoning)
        for provider, model, output, reasoning in rows
        if output is not None
    }


def _of_team(models: Sequence[ModelCost]) -> Iterable[Comparison]:
    for model in models:
        found = [Comparison(model, other) for other in models if _is_telling(model, other)]
        if found:
            yield min(found, key=lambda pair: (pair.cheaper.cost_per_attempt, pair.cheaper.name))


def _is_telling(model: ModelCost, other: ModelCost) -> bool:
    return (
        model.price.output < other.price.output
        and model.cost_per_attempt > other.cost_per_attempt
        and model.cost_without_reasoning <= other.cost_per_attempt
        and _is_similar(model.input_per_attempt, other.input_per_attempt)
    )


def _is_similar(one: Decimal, another: Decimal) -> bool:
    less, more = sorted((one, another))
    return more <= SIMILAR * less
