"""The bridge in words. Pure."""

from collections.abc import Iterator
from decimal import Decimal

from metering.spend import money
from metering.spend.bridge.decomposition import Effects
from metering.spend.bridge.page import NAMES, Bridge

TITLES = {
    "volume": "Volume",
    "mix": "Mix",
    "price": "Price",
    "cache": "Cache",
    "new": "New models",
    "gone": "Gone models",
    "other": "Other",
}
MEANINGS = {
    "volume": "More or fewer tokens, at the old mix and the old rates; of the models used in both periods.",
    "mix": "Other models, longer answers or prompts, more reasoning: the new tokens at the old rates.",
    "price": "The new tokens at the new rates: new prices, service tiers, long-context and peak hours.",
    "cache": "More or less of the prompts read from and written to the vendor's cache.",
    "new": "Models that were not used before.",
    "gone": "Models that are not used any more.",
    "other": "Amounts that no rate explains: vendors' own figures, adjustments, marginal tiers.",
}


def sentence(bridge: Bridge) -> str:
    """``Spend rose by $412.07 (+18 %), from $2,289.28 to $2,701.35: volume +$300.10, price +$80.00.``"""
    difference, before, now = bridge.difference, bridge.before.cost, bridge.now.cost
    if not difference:
        return f"Spend is unchanged at {money.total_usd(now)}{_parts(bridge.effects)}."
    verb = "rose" if difference > 0 else "fell"
    share = f" ({money.change(difference / before)})" if before > 0 else ""
    return (
        f"Spend {verb} by {money.total_usd(abs(difference))}{share}, from {money.total_usd(before)} "
        f"to {money.total_usd(now)}{_parts(bridge.effects)}."
    )


def signed(amount: Decimal) -> str:
    """``+$300.10``, ``-$12.00``, ``$0.00``: a total, rounded once."""
    return f"+{money.total_usd(amount)}" if amount > 0 else money.total_usd(amount)


def effects(made: Effects) -> Iterator[tuple[str, Decimal]]:
    """Name and amount, in the order in which they are worked out."""
    for name in NAMES:
        yield name, getattr(made, name)


def _parts(made: Effects) -> str:
    """The greatest first; what is nothing is left out."""
    known = sorted(((name, amount) for name, amount in effects(made) if amount), key=lambda x: -abs(x[1]))
    said = ", ".join(f"{TITLES[name].lower()} {signed(amount)}" for name, amount in known)
    return f": {said}" if said else ""
