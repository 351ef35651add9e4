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


RE_RATE = "past calls are corrected by re-rating them (manage.py rerate)"


class Terms(NamedTuple):
    """What a price row says: what is paid, for which tokens, and the vendor's list price."""

    paid: Rates
    tier: str = "whole"
    listed: Rates | None = None  # None: what is paid is the list price

    @property
    def list_rates(self) -> dict[str, str]:
        """As rows keep it: only what differs."""
        return rate_values.differing(listed=self.listed, paid=self.paid) if self.listed else {}

    def __str__(self) -> str:
        words = rate_values.short(self.paid)
        if self.tier != "whole":
            words += ", above the threshold alone"
        if self.list_rates:
            words += f" (list {', '.join(f'{name} {rate}' for name, rate in self.list_rates.items())})"
        return words


class PeriodError(Exception):
    """A price cannot start at the moment asked for; the message says why and what would do."""


class Started(NamedTuple):
    """A new price, and the one that it ended (None when there was none)."""

    price: Price
    ended: Price | None


def slot_of(price: Price) -> Slot:
    return Slot(*(getattr(price, field) for field in Slot._fields))


def terms_of(price: Price) -> Terms:
    return Terms(rate_values.of(price), price.tier, rate_values.listed(price))


def same(one: Terms, other: Terms) -> bool:
    return one.paid == other.paid and one.tier == other.tier and one.list_rates == other.list_rates


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
    terms: Terms,
    effective_from: dt.datetime,
    source: str,
    at: dt.datetime,
    note: str = "",
) -> Started | None:
    """Let ``terms`` hold from ``effective_from`` until the next price that is already known.

    Returns None when they hold already. A price in force is never edited: it ends where the new one starts.
    One that is still to come and starts at the same moment is replaced. Raises PeriodError.
    """
    LanguageModel.objects.select_for_update(of=("self",)).get(
        pk=model.pk
    )  # one writer of its prices at a time
    current = in_force(model=model, slot=slot, at=effective_from)
    if current and same(terms_of(current), terms):
        return None
    later = next((price for price in _rows(model, slot) if price.effective_from > effective_from), None)
    if later and later.effective_from <= at:
        if not current and same(terms_of(later), terms):
            return None
        raise PeriodError(_too_early(model, slot, later))
    if current and current.effective_from == effective_from:
        if current.effective_from <= at:
            raise PeriodError(_too_early(model, slot, current))
        current.delete()  # not begun: nothing can have been priced by it
        current = None
    if current:
        _end(current, effective_from)
    price = row(model=model, slot=slot, terms=terms, effective_from=effective_from, source=source, note=note)
    price.effective_to = later.effective_from if later else None
    price.source_date = at.date()
    _add(price)
    return Started(price, current)


def row(
    *,
    model: LanguageModel,
    slot: Slot,
    terms: Terms,
    effective_from: dt.datetime,
    source: str,
    note: str = "",
) -> Price:
    """The unsaved row of such a price, until further notice."""
    return Price(
        model=model,
        effective_from=effective_from,
        source=source,
        note=note,
        tier=terms.tier,
        list_rates=terms.list_rates,
        **slot._asdict(),
        **terms.paid._asdict(),
    )


@transaction.atomic
def call_off(price: Price, *, at: dt.datetime) -> None:
    """Delete a price that has not begun; the one that it was to end goes on instead. Raises PeriodError."""
    if price.effective_from <= at:
        raise PeriodError(f"this price has been in force since {_utc(price.effective_from)}")
    LanguageModel.objects.select_for_update(of=("self",)).get(pk=price.model_id)
    before = Price.objects.filter(
        model=price.model_id, effective_to=price.effective_from, **lookup(slot_of(price))
    ).first()
    until = price.effective_to
    price.delete()
    if before:
        _end(before, until)


@transaction.atomic
def end(*, model: LanguageModel, slot: Slot, at: dt.datetime) -> Price | None:
    """End the price in force at ``at`` (and return it) without a successor: later calls are unpriced."""
    current = in_force(model=model, slot=slot, at=at)
    if current:
        _end(current, at)
    return current


def _end(price: Price, at: dt.datetime | None) -> None:
    price.effective_to = at
    try:
        with transaction.atomic():
            price.save(update_fields=["effective_to"])
    except IntegrityError as error:
        if at is None or _constraint(error) != "price_booked_not_closed_before":
            raise
        raise PeriodError(
            f"calls made since {_utc(at)} are booked at the price in force since "
            f"{_utc(price.effective_from)}: let the new price start now or later; {RE_RATE}"
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
        f"is never edited: give the new one a later effective_from; {RE_RATE}"
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
