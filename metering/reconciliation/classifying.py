"""Each row's status and reason. Pure.

Note [Who settles a gap]: what is a matter of days that are not over, of the bill, or of what the vendor's
report leaves out is explained by its evidence alone. What says that calls cost otherwise than booked, or that
somebody calls beside the gateway, is named, and stays open until a person corrects the books or explains it.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from metering.reconciliation.around import Around, Finding
from metering.reconciliation.detectors import invoice, price, timing, usage, words
from metering.reconciliation.sides import ROW_TOLERANCE, ZERO, Key, Row, near

Detector = Callable[[Row, Around], Finding | None]
# In this order: what a line says of itself, then what explains a figure to the digit, then what bounds it.
DETECTORS: tuple[Detector, ...] = (
    invoice.by_line,
    invoice.searches,
    invoice.left_out,
    invoice.rounding,
    timing.not_settled,
    timing.another_zone,
    usage.cached_tokens,
    price.another_tier,
    invoice.free,
    invoice.currency,
    price.no_price_yet,
    price.another_model,
    price.another_price,
    usage.elsewhere,
    timing.restated,
    usage.broken_off,
    usage.failed_for_us,
    usage.never_called,
)
UNMAPPED = "not mapped: say in the vendor aliases which model and token type it is"
LEAVES = "; that leaves "
FOUND = "\n"  # between a person's note, which has one line, and what was found beside it
UNTOLD = "nothing that is known explains it"
NO_USAGE = "; no report tells the quantity: import the vendor's usage to tell usage from price"


class Explanation(NamedTuple):
    """A person's word on a gap as it was then."""

    reason: str
    note: str
    author: str
    gap_usd: Decimal | None
    gap_quantity: Decimal | None


class Verdict(NamedTuple):
    """``open_usd`` is what the row adds to the open gap of its month."""

    row: Row
    status: str
    triage: str = ""
    reason: str = ""
    evidence: str = ""
    explained_by: str = ""
    open_usd: Decimal = ZERO


def verdicts(*, rows: Iterable[Row], around: Around, explained: Mapping[Key, Explanation]) -> list[Verdict]:
    return [_verdict(row, around, explained.get(row.key)) for row in rows if not _quantity_alone(row, around)]


def _quantity_alone(row: Row, around: Around) -> bool:
    """Our tokens, of a day whose money is told in other rows: nothing that the vendor reports is missing."""
    return (row.ours.usd, *row.theirs) == (None, None, None) and row.key.day in around.theirs.cost


def _verdict(row: Row, around: Around, said: Explanation | None) -> Verdict:
    if row.theirs.usd is None and row.theirs.quantity is None:
        return Verdict(row, "unreported")
    if row.matches:
        return Verdict(row, "matched")
    triage = _triage(row)
    finding = _finding(row, around)
    if said is not None and _still_holds(said, row):
        evidence = " ".join(said.note.split()) + (FOUND + _found(finding, row) if finding else "")
        return Verdict(row, "explained", triage, said.reason, evidence, said.author)
    if finding is None:
        return Verdict(row, "open", triage, evidence=_nothing(row), open_usd=_open(row, around))
    if finding.settles and _covers(finding, row):
        return Verdict(row, "explained", triage, finding.reason, finding.evidence)
    evidence = finding.evidence + _rest(finding, row)
    return Verdict(row, "open", triage, finding.reason, evidence, open_usd=_open(row, around))


def _finding(row: Row, around: Around) -> Finding | None:
    """The first that covers the gap; else the first at all."""
    first = None
    for detector in DETECTORS:
        finding = detector(row, around)
        if finding is not None and _covers(finding, row):
            return finding
        first = first or finding
    return first


def _covers(finding: Finding, row: Row) -> bool:
    if finding.covers is None or row.worth is None:
        return finding.covers is None and row.worth is None
    return near(finding.covers, row.worth)


def _found(finding: Finding, row: Row) -> str:
    return f"{finding.reason}: {finding.evidence}{_rest(finding, row)}"


def _rest(finding: Finding, row: Row) -> str:
    if finding.covers is None or row.worth is None or _covers(finding, row):
        return ""
    return f"{LEAVES}{words.signed(row.worth - finding.covers)}"


def _triage(row: Row) -> str:
    if row.gap_quantity is None:
        return "money"
    return "quantity" if not row.same_quantity else "price"


def _still_holds(said: Explanation, row: Row) -> bool:
    if said.gap_usd is not None and row.gap_usd is not None:
        return near(said.gap_usd, row.gap_usd)
    return said.gap_usd == row.gap_usd and said.gap_quantity == row.gap_quantity


def _nothing(row: Row) -> str:
    if row.key.meter == "unmapped":
        return UNMAPPED
    return UNTOLD + (NO_USAGE if row.gap_quantity is None else "")


def _open(row: Row, around: Around) -> Decimal:
    """Money, where a report says what was charged; else what the tokens are worth."""
    if row.gap_usd is not None:
        return abs(row.gap_usd)
    told = row.key.day in around.theirs.cost
    return ZERO if told else max(abs(row.quantity_worth or ZERO), ROW_TOLERANCE)
