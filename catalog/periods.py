"""Price periods: a new price ends the one in force and starts its own period.

This is the only way a price changes.
"""

import datetime as dt
from typing import NamedTuple

from django.db import IntegrityError, transaction

from catalog import rates as rate_values
from catalog.models import LanguageModel, Price
from catalog.rates import Rates


class Slot(NamedTuple):
    """What a model's price rows may differ in besides time; periods of one slot never overlap."""

    variant: str = "standard"
    above_input_tokens: int = 0
    daily_from: dt.time | None = None
    daily_to: dt.time | None = None
    weekdays: str = ""

    def __str__(self) -> str:
        parts = [self.variant]
        if self.above_input_tokens:
            parts.append(f"above {self.above_input_tokens} input tokens")
        if self.daily_from and self.daily_to:
            parts.append(f"{self.daily_from:%H:%M}-{self.daily_to:%H:%M} UTC {self.weekdays}".strip())
        return ", ".join(parts)


class PeriodError(Exception):
    """A price cannot start at the moment asked for; the message says why and what would do."""


class Started(NamedTuple):
    """A new price, and the one that it ended (None when there was none)."""

    price: Price
    ended: Price | None


def slot_of(price: Price) -> Slot:
    return Slot(*(getattr(price, field) for field in Slot._fields))


def in_force(*, model: LanguageModel, slot: Slot, at: dt.datetime) -> Price | None:
    """The row of exactly this slot at ``at``."""
    for price in _rows(model, slot):
        if price.effective_from <= at and (price.effective_to is None or at < price.effective_to):
            return price
    return None


@transaction.atomic
def start(
    *,
    model: LanguageModel,
    slot: Slot,
    rates: Rates,
    effective_from: dt.datetime,
    source: str,
    at: dt.datetime,
    note: str = "",
) -> Started | None:
    """Let ``rates`` hold from ``effective_from`` until the next price that is already known.

    Returns None when they hold already. A price in force is never edited: it ends where the new one starts.
    One that is still to come and starts at the same moment is replaced. Raises PeriodError.
    """
    LanguageModel.objects.select_for_update(of=("self",)).get(
        pk=model.pk
    )  # one writer of its prices at a time
    current = in_force(model=model, slot=slot, at=effective_from)
    if current and rate_values.of(current) == rates:
        return None
    later = next((price for price in _rows(model, slot) if price.effective_from > effective_from), None)
    if later and later.effective_from <= at:
        if not current and rate_values.of(later) == rates:
            return None
        raise PeriodError(_too_early(model, slot, later))
    if current and current.effective_from == effective_from:
        if current.effective_from <= at:
            raise PeriodError(_too_early(model, slot, current))
        current.delete()  # not begun: nothing can have been priced by it
        current = None
    if current:
        _end(current, effective_from)
    price = Price(
        model=model,
        effective_from=effective_from,
        effective_to=later.effective_from if later else None,
        source=source,
        source_date=at.date(),
        note=note,
        **slot._asdict(),
        **rates._asdict(),
    )
    _add(price)
    return Started(price, current)


@transaction.atomic
def end(*, model: LanguageModel, slot: Slot, at: dt.datetime) -> Price | None:
    """End the price in force at ``at`` (and return it) without a successor: later calls are unpriced."""
    current = in_force(model=model, slot=slot, at=at)
    if current:
        _end(current, at)
    return current


def _end(price: Price, at: dt.datetime) -> None:
    price.effective_to = at
    try:
        with transaction.atomic():
            price.save(update_fields=["effective_to"])
    except IntegrityError as error:
        if _constraint(error) != "price_booked_not_closed_before":
            raise
        raise PeriodError(
            f"calls made since {_utc(at)} are booked at the price in force since "
            f"{_utc(price.effective_from)}: let the new price start now or later"
        ) from error


def _add(price: Price) -> None:
    try:
        with transaction.atomic():
            price.save()
    except IntegrityError as error:
        if _constraint(error) != "price_no_overlap":
            raise
        raise PeriodError(
            f"the hours of {price.model.full_name} ({slot_of(price)}) overlap those of another of its prices"
        ) from error


def _too_early(model: LanguageModel, slot: Slot, price: Price) -> str:
    return (
        f"{model.full_name} ({slot}) has had another price since {_utc(price.effective_from)} "
        f"({rate_values.short(rate_values.of(price))}; {price.source}), and a price that has been in force "
        "is never edited: give the new one a later effective_from"
    )


def _rows(model: LanguageModel, slot: Slot) -> list[Price]:
    return list(Price.objects.filter(model=model, **lookup(slot)).order_by("effective_from"))


def _utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def lookup(slot: Slot) -> dict[str, object]:
    """What to filter rows of prices (or proposals) by, to find those of ``slot``."""
    return {
        (f"{field}__isnull" if value is None else field): (True if value is None else value)
        for field, value in slot._asdict().items()
    }


def _constraint(error: IntegrityError) -> str:
    """The name of the rule that the database says was broken."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) or str(error)
