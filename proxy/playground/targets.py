"""Who would answer to a name, and at which rates: what the page's running estimate is worked out from."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, QuerySet

from catalog import snapshot
from catalog.models import LanguageModel, Route
from catalog.snapshot import PriceRow
from metering import costing
from metering.spend import money
from proxy.playground.names import Names

BUCKETS = ("input", "cache_read", "cache_write_5m", "output", "reasoning")
ONE_AFTER_ANOTHER = "The first that works"


@dataclass(frozen=True, slots=True)
class Target:
    """A model as provider/model. ``rates``: of the standard variant at this moment, for a prompt below every
    threshold, in USD per 1,000,000 tokens by BUCKETS; None: no price is in force."""

    model: str
    rates: Mapping[str, Decimal | None] | None

    def for_script(self) -> dict[str, object]:
        """Decimals as strings: a script's numbers would round them."""
        if self.rates is None:
            return {"model": self.model, "rates": None}
        written = {name: None if rate is None else money.exact(rate) for name, rate in self.rates.items()}
        return {"model": self.model, "rates": written}


@dataclass(frozen=True, slots=True)
class Targets:
    """In the order in which they are tried; ``strategy`` says it in words where there are several."""

    rows: tuple[Target, ...]
    strategy: str


def targets_of(name: str, *, names: Names, at: dt.datetime) -> Targets:
    """Who answers to ``name``: nobody, where it is not known or no vendor of it would answer.

    A route hides a model of the same name, even while it is disabled, as it does for callers.
    """
    route = Route.objects.filter(name=name).first()
    if route is None:
        return Targets(_rows(_models_named(name), names, at), ONE_AFTER_ANOTHER)
    behind = LanguageModel.objects.filter(route_targets__route=route).order_by("route_targets__position")
    found = _rows(_callable(behind), names, at) if route.enabled else ()
    return Targets(found, route.get_strategy_display())


def _callable(models: QuerySet[LanguageModel]) -> QuerySet[LanguageModel]:
    rows = models.filter(enabled=True, provider__enabled=True)
    return rows.select_related("provider").prefetch_related("prices")


def _models_named(name: str) -> list[LanguageModel]:
    """The model with this full name, else all that are sold under it, by the priority of their sellers."""
    provider, _, rest = name.partition("/")
    every = LanguageModel.objects.filter(Q(name=name) | Q(provider__name=provider, name=rest))
    found = list(_callable(every.order_by("provider__priority", "provider__name")))
    return [model for model in found if model.full_name == name] or found


def _rows(models: Iterable[LanguageModel], names: Names, at: dt.datetime) -> tuple[Target, ...]:
    return tuple(
        Target(model.full_name, _rates(model, at)) for model in models if model.full_name in names.sold
    )


def _rates(model: LanguageModel, at: dt.datetime) -> Mapping[str, Decimal | None] | None:
    prices: list[PriceRow] = [snapshot.price_row(price) for price in model.prices.all()]
    row = costing.price_for(prices, at=at, variant="standard", input_tokens=0)
    return None if row is None else {bucket: costing.rate_of(row.rates, bucket) for bucket in BUCKETS}
