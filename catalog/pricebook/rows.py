"""The price book's plain rows."""

import datetime as dt
from typing import NamedTuple

from catalog import vendors
from catalog.rates import Rates


class PriceRow(NamedTuple):
    """One period of one (variant, threshold, hours). ``effective_to`` None: until further notice."""

    variant: str
    above_input_tokens: int
    daily_from: dt.time | None
    daily_to: dt.time | None
    weekdays: str
    effective_from: dt.datetime
    effective_to: dt.datetime | None
    rates: Rates
    note: str


class ModelRow(NamedTuple):
    name: str
    context_window: int | None
    max_output_tokens: int | None
    capabilities: dict[str, bool]
    prices: tuple[PriceRow, ...]


class VendorRow(NamedTuple):
    vendor: vendors.Vendor
    models: tuple[ModelRow, ...]


class Omission(NamedTuple):
    """Something of the package that is not in the book, and why."""

    vendor: str
    model: str
    reason: str


class PriceBook(NamedTuple):
    source: str  # "genai-prices 0.2.3"
    vendors: tuple[VendorRow, ...]
    omissions: tuple[Omission, ...]
