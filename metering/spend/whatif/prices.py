"""The prices that daily sums can be priced at: now, or those of each day."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from catalog import rates
from catalog.models import Price
from catalog.rates import Rates
from catalog.snapshot import price_row
from metering.spend.filters import BadFilter, Filters
from metering.spend.whatif.asked import Asked


@dataclass(frozen=True, slots=True)
class PriceList:
    """Of the chosen models. ``changes``: the first days of the slice's stretches of days, but for the first;
    ``moments``: when the prices of each stretch are in force.
    """

    by_model: Mapping[str, tuple[Price, ...]]
    changes: tuple[dt.date, ...]
    moments: tuple[dt.datetime, ...]

    def rates(self, model: str) -> list[Rates | None]:
        """Of each stretch; None where it had no price."""
        return [_rates_at(self.by_model[model], moment) for moment in self.moments]


def price_list(asked: Asked, *, now: dt.datetime, zone: ZoneInfo) -> PriceList:
    """At today's prices all days are one stretch. One query at most. Raises BadFilter."""
    by_model = _known(asked)
    if asked.prices == "today":
        return PriceList(by_model, (), (now,))
    every = [price for of in by_model.values() for price in of]
    changes = _days_of_change(every, filters=asked.spend, zone=zone)
    days = (asked.spend.start, *changes)
    return PriceList(by_model, changes, tuple(min(_end_of(day, zone=zone), now) for day in days))


def offered(*, at: dt.datetime) -> tuple[str, ...]:
    """The models with a price in force, by name. One query."""
    found = _base_rows().filter(Q(effective_to__isnull=True) | Q(effective_to__gt=at), effective_from__lte=at)
    names = found.order_by().values_list("model__provider__name", "model__name").distinct()
    return tuple(sorted(f"{provider}/{name}" for provider, name in names))


def _known(asked: Asked) -> Mapping[str, tuple[Price, ...]]:
    names = [target.model for target in asked.targets]
    by_model = _prices_of(names) if names else {}
    for name in names:
        if name not in by_model:
            raise BadFilter(f"no model {name} has a price: choose one that the page offers, as provider/name")
    return by_model


def _base_rows() -> QuerySet[Price]:
    """The prices that daily sums can be priced at: standard, without thresholds and peak hours."""
    return Price.objects.filter(variant="standard", above_input_tokens=0, daily_from__isnull=True)


def _prices_of(names: Sequence[str]) -> Mapping[str, tuple[Price, ...]]:
    """Every base price that each model ever had; those without any are left out. One query."""
    wanted = Q(pk__in=())
    for name in names:
        provider, _, model = name.partition("/")
        wanted |= Q(model__provider__name=provider, model__name=model)
    found: dict[str, tuple[Price, ...]] = {}
    for price in _base_rows().filter(wanted).select_related("model__provider").order_by("effective_from"):
        found[price.model.full_name] = (*found.get(price.model.full_name, ()), price)
    return found


def _rates_at(prices: Sequence[Price], moment: dt.datetime) -> Rates | None:
    held = (price for price in prices if price_row(price).holds_at(moment))
    return next((rates.of(price) for price in held), None)


def _days_of_change(prices: Sequence[Price], *, filters: Filters, zone: ZoneInfo) -> tuple[dt.date, ...]:
    """The days of the slice at whose end another price is in force than the day before."""
    moments = [price.effective_from for price in prices]
    moments += [price.effective_to for price in prices if price.effective_to is not None]
    days = {moment.astimezone(zone).date() for moment in moments}
    return tuple(sorted(day for day in days if filters.start < day <= filters.end))


def _end_of(day: dt.date, *, zone: ZoneInfo) -> dt.datetime:
    """Its last moment."""
    after = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=zone)
    return after - dt.timedelta(microseconds=1)
