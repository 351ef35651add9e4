"""Causes that stand on the bill and not in the calls: tools, credits, tax, currency, rounding, omissions."""

from decimal import Decimal

from metering.reconciliation.around import Around, Finding
from metering.reconciliation.detectors import words
from metering.reconciliation.sides import HALF_A_CENT, REQUESTS, ROW_TOLERANCE, ZERO, Row

# What a vendor's cost report never has, by the provider's kind: price variants, and the source of it.
LEFT_OUT = {"anthropic": {"priority": "Anthropic's cost report leaves out the Priority Tier"}}
# By meter: the reason, its words, whether that settles it.
LINES = {
    "tool": ("TOOL", "the vendor charged a tool, which is not tokens", False),
    "credit": ("CREDIT", "the vendor credited it", True),
    "tax": ("TAX/FX", "the vendor added tax", True),
    "rounding": ("ROUND", "the vendor's own rounding line", True),
    "adjustment": ("LATE", "the vendor adjusted an earlier bill", False),
}
FX_SHARE = Decimal("0.05")  # a month's rate is not a day's; more than 5 % is another price


def by_line(row: Row, around: Around) -> Finding | None:
    """A line of the bill that says itself what it is."""
    if row.key.meter not in LINES or row.gap_usd is None:
        return None
    reason, what, settles = LINES[row.key.meter]
    if row.key.meter == "credit" and row.gap_usd > 0:
        what = "the vendor took a credit back"
    named = f" ({row.key.item})" if row.key.item else ""
    return Finding(reason, f"{what}{named}: {words.signed(row.gap_usd)}", row.gap_usd, settles)


def searches(row: Row, around: Around) -> Finding | None:
    """More searches (or other calls that cost a fee) on the bill than the answers told of."""
    if row.key.meter != REQUESTS or row.gap_usd is None or (row.same_quantity and row.gap_usd <= 0):
        return None
    theirs = "" if row.theirs.quantity is None else f"{words.count(row.theirs.quantity)} searches, "
    ours = words.count(row.ours.quantity or ZERO)
    evidence = f"{theirs}{words.usd(row.theirs.usd or ZERO)} on the bill; the answers told of {ours} for "
    return Finding("TOOL", evidence + words.usd(row.ours.usd or ZERO), row.gap_usd)


def left_out(row: Row, around: Around) -> Finding | None:
    """What we booked of a tier that the vendor's report does not have."""
    if row.gap_usd is None or row.gap_usd >= 0:
        return None
    for variant, why in LEFT_OUT.get(around.kind, {}).items():
        amounts = around.ours_by_tier(row.key).get(variant)
        theirs = row.cell.tiers.get(variant) if row.cell else None
        if amounts and amounts.usd and not (theirs and theirs.usd):
            evidence = f"{why}: {words.usd(amounts.usd)} of ours is {variant}"
            return Finding("EXCL", evidence, -amounts.usd, settles=True)
    return None


def rounding(row: Row, around: Around) -> Finding | None:
    """Amounts in whole cents: each line may be half a cent off."""
    cell = row.cell
    if row.gap_usd is None or cell is None or not cell.cost_lines or not cell.whole_cents:
        return None
    most = HALF_A_CENT * cell.cost_lines
    if abs(row.gap_usd) > most or not (row.gap_quantity is None or row.same_quantity):
        return None
    evidence = (
        f"the vendor's {words.plural(cell.cost_lines, 'line')} in whole cents: at most {words.usd(most)} off"
    )
    return Finding("ROUND", evidence, row.gap_usd, settles=True)


def free(row: Row, around: Around) -> Finding | None:
    """The same tokens, and nothing charged: a free tier, or a grant taken off before the bill."""
    if row.theirs.usd != 0 or not row.theirs.quantity or not row.same_quantity or not row.ours.usd:
        return None
    evidence = (
        f"{words.count(row.theirs.quantity)} tokens on both sides, for which the vendor charged nothing"
    )
    return Finding("CREDIT", evidence, row.gap_usd, settles=True)


def currency(row: Row, around: Around) -> Finding | None:
    """The same tokens, billed in another currency at the vendor's rate of the month."""
    if row.cell is None or not row.cell.conversions or row.gap_usd is None or not row.same_quantity:
        return None
    if abs(row.gap_usd) > max(FX_SHARE * (row.ours.usd or ZERO), ROW_TOLERANCE):
        return None
    rates = ", ".join(f"{rate.normalize():f} {name}" for name, rate in sorted(row.cell.conversions))
    return Finding("TAX/FX", f"same quantity, billed at {rates} for one USD", row.gap_usd, settles=True)
