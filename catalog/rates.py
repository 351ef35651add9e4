"""The rates of one price row as a plain value, and how they compare."""

from decimal import ROUND_HALF_EVEN, Decimal
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


# A vendor that lists no rate of its own for these bills them at the rate of what they are part of. The other
# kinds have no such rule: a missing rate there is unknown (docs/decisions/0004).
PART_OF = {"cache_read": "input", "cache_write_5m": "input", "reasoning": "output"}
FINEST = Decimal("0.000001")
HUNDRED = Decimal(100)


def of(price: "Price") -> Rates:
    return Rates(*(getattr(price, rate) for rate in Rates._fields))


def listed(price: "Price") -> Rates:
    """The vendor's list price: what is paid, but for the rates that are listed otherwise."""
    return of(price)._replace(**{name: Decimal(value) for name, value in price.list_rates.items()})


def differing(*, listed: Rates, paid: Rates) -> dict[str, str]:
    """The list rates that are known and not what is paid, as rows of prices keep them."""
    return {
        name: plain(value) or ""
        for name, value, other in zip(Rates._fields, listed, paid, strict=True)
        if value is not None and value != other
    }


def discounted(*, listed: Rates, percent: Decimal) -> Rates:
    """What is paid at so many percent off, rounded half even to 6 decimals as the rates of prices are."""
    share = (HUNDRED - percent) / HUNDRED
    return Rates(*(None if r is None else (r * share).quantize(FINEST, ROUND_HALF_EVEN) for r in listed))


def known(rates: Rates) -> dict[str, Decimal]:
    return {name: value for name, value in rates._asdict().items() if value is not None}


def text(rates: Rates) -> dict[str, str | None]:
    """Rate name to plain decimal string, as proposals keep them."""
    return {name: plain(value) for name, value in rates._asdict().items()}


def from_text(values: dict[str, str | None]) -> Rates:
    return Rates(**{name: None if value is None else Decimal(value) for name, value in values.items()})


def plain(value: Decimal | None) -> str | None:
    """``0.10`` and ``1E-7`` as ``0.1`` and ``0.0000001``."""
    return None if value is None else f"{value.normalize():f}"


def said(name: str, value: Decimal | None) -> str:
    """``2.5``; of an empty rate what it means: ``as input``, ``as output`` or ``unknown``."""
    return plain(value) or (f"as {PART_OF[name]}" if name in PART_OF else "unknown")


def dropped(old: Rates, new: Rates) -> dict[str, Decimal]:
    """The rates that ``old`` has and ``new`` leaves empty."""
    return {name: value for name, value in known(old).items() if getattr(new, name) is None}


def short(rates: Rates) -> str:
    """The rates that are known, on one line: ``input 1, output 5``."""
    return ", ".join(f"{name} {plain(value)}" for name, value in known(rates).items())


def difference(old: Rates | None, new: Rates) -> str:
    """``changed: input 1 -> 2``, or ``new price`` where there was none."""
    if old is None:
        return "new price"
    changed = [
        f"{name} {said(name, before)} -> {said(name, after)}"
        for name, before, after in zip(Rates._fields, old, new, strict=True)
        if before != after
    ]
    return f"changed: {', '.join(changed)}" if changed else "the rates stay"
