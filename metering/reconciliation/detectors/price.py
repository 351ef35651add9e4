"""Causes of price: the quantities agree (or nobody tells them), the money does not."""

from decimal import Decimal

from metering.reconciliation.around import Around, Finding
from metering.reconciliation.detectors import words
from metering.reconciliation.sides import TOKENS, ZERO, Row, near

LONG_CONTEXT = ("200k-1M", "> 200k", "long")  # as vendors write it
NEAR_RATE = Decimal("0.000001")  # USD per 1,000,000 tokens: as implied rates are rounded


def another_tier(row: Row, around: Around) -> Finding | None:
    """The vendor served, or charged, another service tier or context length than we booked."""
    if row.gap_usd is None or row.key.meter not in TOKENS or not _quantity_agrees(row):
        return None
    return _told_otherwise(row, around) or _price_of_another(row, around) or _long_context(row, around)


def _told_otherwise(row: Row, around: Around) -> Finding | None:
    """The reports name tiers of which the ledger has another share, or none."""
    ours, theirs = around.ours_by_tier(row.key), row.cell.tiers if row.cell else {}
    for tier in sorted(set(theirs) - {"standard", ""}):
        mine, told = ours.get(tier), theirs[tier]
        if told.quantity is not None and (mine is None or mine.quantity != told.quantity):
            booked = words.count(mine.quantity or ZERO) if mine else "none"
            evidence = f"{words.count(told.quantity)} tokens as {tier} by the vendor, {booked} by us"
            return Finding("TIER", evidence, row.gap_usd)
        if told.quantity is None and told.usd and mine is None:
            return Finding("TIER", f"{words.usd(told.usd)} of the bill is {tier}, none of ours", row.gap_usd)
    return None


def _price_of_another(row: Row, around: Around) -> Finding | None:
    """What the vendor charged a token is the price book's rate of another row of the same model."""
    implied = _implied(row)
    if implied is None or implied == 0:
        return None
    booked = {(variant, 0) for variant in around.ours_by_tier(row.key)} or {("standard", 0)}
    for known in around.rates_of(row.key.model):
        other = (known.variant, known.above_input_tokens) not in booked
        if other and known.meter == row.key.meter and near(implied, known.rate, within=NEAR_RATE):
            what = known.variant
            if known.above_input_tokens:
                what += f" above {known.above_input_tokens:,} input tokens"
            return Finding(
                "TIER", f"the vendor charged {words.rate(implied)}: our price of {what}", row.gap_usd
            )
    return None


def _long_context(row: Row, around: Around) -> Finding | None:
    told = sorted(set(row.cell.contexts) & set(LONG_CONTEXT)) if row.cell else []
    above = any(known.above_input_tokens for known in around.rates_of(row.key.model))
    if not told or above:
        return None
    evidence = f"the vendor charged context window {', '.join(told)}, for which we have no price"
    return Finding("TIER", evidence, row.gap_usd)


def no_price_yet(row: Row, around: Around) -> Finding | None:
    """Entries of ours whose cost is unknown, while the vendor knows what it charged."""
    if not row.facts.unpriced or row.worth is None or row.worth <= 0 or row.key.meter not in (*TOKENS, "all"):
        return None
    waiting = words.plural(row.facts.unpriced, "entry" if row.facts.unpriced == 1 else "entrie")
    evidence = f"{waiting} of ours of unknown cost: price them, and correct the month"
    return Finding("PRICE", evidence, row.gap_usd)


def another_model(row: Row, around: Around) -> Finding | None:
    """The same number of tokens is with the vendor under one name and with us under another."""
    other = around.counterpart(row)
    if other is None or row.gap_quantity is None:
        return None
    ours, theirs = (row, other) if row.gap_quantity < 0 else (other, row)
    evidence = (
        f"{words.count(abs(row.gap_quantity))} tokens are {theirs.key.model} with the vendor and"
        f" {ours.key.model} with us: the name resolved to another model"
    )
    return Finding("PRICE", evidence, row.worth)


def another_price(row: Row, around: Around) -> Finding | None:
    """The same tokens at another unit price."""
    implied = _implied(row)
    if implied is None or row.gap_usd is None or not row.same_quantity:
        return None
    if row.rate is None or not row.ours.usd:
        return Finding("PRICE", f"the vendor charged {words.rate(implied)}, we nothing", row.gap_usd)
    ours = words.per_million(row.rate, Decimal(1))
    evidence = (
        f"the same {words.count(row.theirs.quantity or ZERO)} tokens: {words.rate(implied)} by the vendor, "
    )
    return Finding("PRICE", evidence + f"{words.rate(ours)} by us{_times(implied, ours)}", row.gap_usd)


def _times(theirs: Decimal, ours: Decimal) -> str:
    if not ours or not theirs:
        return ""
    ratio = max(theirs / ours, ours / theirs)
    return f" ({ratio:.1f} times)" if ratio >= 2 else ""


def _implied(row: Row) -> Decimal | None:
    """USD per 1,000,000 tokens that the vendor charged; None when it tells no tokens."""
    if not row.theirs.quantity or row.theirs.usd is None or row.key.meter not in (*TOKENS, "all"):
        return None
    return words.per_million(row.theirs.usd, row.theirs.quantity)


def _quantity_agrees(row: Row) -> bool:
    return row.gap_quantity is None or row.same_quantity
