"""The bridge in words. Pure."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from metering.spend import money
from metering.spend.bridge.decomposition import Effects
from metering.spend.bridge.drivers import Driver
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


def driven(bridge: Bridge) -> str:
    """``Most of it by team search (+$300.10, 73 %) and model openai/gpt-4o (+$280.00, 68 %).``

    Of what moved in the same direction as the whole. Empty where nothing moved, or there is no choice.
    """
    named = {"team": bridge.teams, "model": bridge.by_model}
    found = [_most(kind, rows, bridge.difference) for kind, rows in named.items() if len(rows) > 1]
    said = " and ".join(filter(None, found))
    return f"Most of it by {said}." if said else ""


def effects(made: Effects) -> Iterator[tuple[str, Decimal]]:
    """Name and amount, in the order in which they are worked out."""
    for name in NAMES:
        yield name, getattr(made, name)


def _most(kind: str, rows: Iterable[Driver], difference: Decimal) -> str:
    same = [one for one in rows if one.change * difference > 0]
    if not same:
        return ""
    one = max(same, key=lambda driver: abs(driver.change))
    share = money.percent(one.change / difference)
    return f"{kind} {one.name} ({money.signed_usd(one.change)}, {share})"


def _parts(made: Effects) -> str:
    """The greatest first; what is nothing is left out."""
    known = sorted(((name, amount) for name, amount in effects(made) if amount), key=lambda x: -abs(x[1]))
    said = ", ".join(f"{TITLES[name].lower()} {money.signed_usd(amount)}" for name, amount in known)
    return f": {said}" if said else ""
