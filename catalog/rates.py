"""The rates of one price row as a plain value, and how they compare."""

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from catalog.models import Price


class Rates(NamedTuple):
    """USD per 1,000,000 tokens (``per_request``: per request). None is unknown, never zero."""

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    reasoning: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    per_request: Decimal | None = None


def of(price: "Price") -> Rates:
    return Rates(*(getattr(price, rate) for rate in Rates._fields))


def text(rates: Rates) -> dict[str, str | None]:
    """Rate name to plain decimal string, as proposals keep them."""
    return {name: plain(value) for name, value in rates._asdict().items()}


def from_text(values: dict[str, str | None]) -> Rates:
    return Rates(**{name: None if value is None else Decimal(value) for name, value in values.items()})


def plain(value: Decimal | None) -> str | None:
    """``0.10`` and ``1E-7`` as ``0.1`` and ``0.0000001``."""
    return None if value is None else f"{value.normalize():f}"


def short(rates: Rates) -> str:
    """The rates that are known, on one line: ``input 1, output 5``."""
    return ", ".join(f"{name} {plain(value)}" for name, value in rates._asdict().items() if value is not None)
