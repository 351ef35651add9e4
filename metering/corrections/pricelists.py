"""The price lists of corrections, read from the catalog as they are asked for."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import replace

from catalog.models import LanguageModel, Price
from catalog.periods import Slot
from catalog.snapshot import PriceRow, price_row

ALWAYS = dt.datetime.min.replace(tzinfo=dt.UTC)


class CatalogPrices:
    """Every price row of each model. ``chosen`` rows hold all the time, instead of those of their slots."""

    def __init__(self, *, chosen: Sequence[int]) -> None:
        self.chosen = frozenset(chosen)
        self._of: dict[int, tuple[PriceRow, ...]] = {}
        self._sold: dict[tuple[int, str], int | None] = {}

    def of(self, model_id: int) -> Sequence[PriceRow]:
        if model_id not in self._of:
            found = Price.objects.filter(model=model_id).order_by("id")
            self._of[model_id] = as_chosen([price_row(price) for price in found], self.chosen)
        return self._of[model_id]

    def sold_by(self, provider_id: int, name: str) -> int | None:
        asked = provider_id, name
        if asked not in self._sold:
            models = LanguageModel.objects.filter(provider=provider_id, name=name)
            self._sold[asked] = models.values_list("pk", flat=True).first()
        return self._sold[asked]


def as_chosen(rows: Sequence[PriceRow], chosen: Collection[int]) -> tuple[PriceRow, ...]:
    """``rows`` as if the ``chosen`` of them had always been in force, instead of those of their slots."""
    always = [replace(row, effective_from=ALWAYS, effective_to=None) for row in rows if row.id in chosen]
    taken = {_slot(row) for row in always}
    return (*always, *(row for row in rows if _slot(row) not in taken))


def _slot(price: PriceRow) -> Slot:
    return Slot(*(getattr(price, field) for field in Slot._fields))
