"""The economics of each model: what its tokens are listed at, and what its answers really cost."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from django.db.models import Q

from catalog.models import Price
from catalog.visibility import Visibility
from metering.costing import MILLION
from metering.spend import queries
from metering.spend.economics.caching import Caching, caching
from metering.spend.economics.usage import PricedUsage, Used, added_up
from metering.spend.filters import Filters
from metering.spend.totals import Totals

# Three input tokens for one output token: the blend that public comparisons of model prices mostly use.
INPUT_PARTS = 3
OUTPUT_PARTS = 1
BLEND = f"{INPUT_PARTS} input tokens to {OUTPUT_PARTS} output token"


@dataclass(frozen=True, slots=True)
class ListPrice:
    """The rates in force: standard, without thresholds and peak hours; USD per 1,000,000 tokens."""

    input: Decimal | None
    output: Decimal | None

    @property
    def blend(self) -> Decimal | None:
        """One number for both; None where one of them is unknown."""
        if self.input is None or self.output is None:
            return None
        parts = INPUT_PARTS * self.input + OUTPUT_PARTS * self.output
        return parts / (INPUT_PARTS + OUTPUT_PARTS)


@dataclass(frozen=True, slots=True)
class ModelEconomics:
    """One model, or all together. ``unpriced`` attempts are of unknown cost: left out of every amount."""

    model: str
    used: Used
    caching: Caching
    price: ListPrice | None = None
    unpriced: int = 0
    failed: int = 0

    @property
    def blend(self) -> Decimal | None:
        """What a million tokens are listed at, see BLEND; USD."""
        return None if self.price is None else self.price.blend

    @property
    def known_cost(self) -> Decimal | None:
        return None if self.unpriced > 0 and self.used.cost == 0 else self.used.cost

    @property
    def at_least(self) -> bool:
        """What is known of the cost is a lower bound."""
        return self.unpriced > 0

    @property
    def cost_per_answer(self) -> Decimal | None:
        """All that the model cost, failed attempts too, for each answered request; None: unknown."""
        return None if self.known_cost is None else _each(self.known_cost, self.used.answers)

    @property
    def input_per_answer(self) -> Decimal | None:
        return _each(self.used.total_input, self.used.answers)

    @property
    def output_per_answer(self) -> Decimal | None:
        return _each(self.used.total_output, self.used.answers)

    @property
    def cost_per_million(self) -> Decimal | None:
        """What a million tokens of all types really cost, USD."""
        tokens = self.used.total_input + self.used.total_output
        cost = self.known_cost
        return None if cost is None else _each(cost * MILLION, tokens)

    @property
    def reasoning_of_output(self) -> Decimal | None:
        return _each(self.used.tokens["reasoning"], self.used.total_output)

    @property
    def reasoning_of_money(self) -> Decimal | None:
        """Of the cost that is known by type of token."""
        return _each(self.used.usd["reasoning"], self.used.split)

    @property
    def hit_share(self) -> Decimal | None:
        """Of the input tokens, those read from the vendor's cache."""
        return _each(self.used.tokens["cache_read"], self.used.total_input)


def by_model(
    rows: Iterable[PricedUsage], *, prices: Mapping[str, ListPrice], totals: Mapping[str, Totals]
) -> tuple[ModelEconomics, ...]:
    """The dearest answers first; what is unknown comes last."""
    found = [
        _economics(name, tuple(group), prices.get(name), totals.get(name, Totals()))
        for name, group in groupby(rows, key=lambda row: row.model)
    ]
    return tuple(sorted(found, key=_place))


def together(models: Iterable[ModelEconomics]) -> ModelEconomics:
    """All of them as one, without a price."""
    known = tuple(models)
    return ModelEconomics(
        model="Together",
        used=sum((one.used for one in known), start=Used()),
        caching=sum((one.caching for one in known), start=Caching()),
        unpriced=sum(one.unpriced for one in known),
        failed=sum(one.failed for one in known),
    )


def list_prices(*, names: Iterable[str], at: dt.datetime) -> Mapping[str, ListPrice]:
    """What each ``provider/name`` costs now. One query."""
    wanted = Q(pk__in=())
    for name in names:
        provider, _, model = name.partition("/")
        wanted |= Q(model__provider__name=provider, model__name=model)
    rows = (
        Price.objects.filter(wanted, effective_from__lte=at, variant="standard", above_input_tokens=0)
        .filter(Q(effective_to__isnull=True) | Q(effective_to__gt=at), daily_from__isnull=True)
        .order_by()
        .values_list("model__provider__name", "model__name", "input", "output")
    )
    return {
        f"{provider}/{model}": ListPrice(rate_in, rate_out) for provider, model, rate_in, rate_out in rows
    }


def totals(*, filters: Filters, visibility: Visibility) -> Mapping[str, Totals]:
    """What the daily rollup says of each model: it knows what is unknown by now. One query."""
    rows = queries.spend_rows().seen_by(visibility).matching(filters)
    return {row.value: row.totals for row in rows.added_up_by(queries.DIMENSIONS["model"])}


def _economics(
    name: str, rows: tuple[PricedUsage, ...], price: ListPrice | None, totals: Totals
) -> ModelEconomics:
    return ModelEconomics(
        model=name,
        used=added_up(rows),
        caching=caching(rows),
        price=price,
        unpriced=totals.unpriced,
        failed=totals.failed,
    )


def _each(whole: Decimal | int, parts: Decimal | int) -> Decimal | None:
    return Decimal(whole) / parts if parts > 0 else None


def _place(one: ModelEconomics) -> tuple[bool, Decimal, str]:
    cost = one.cost_per_answer
    return (cost is None, -(cost or Decimal(0)), one.model)
