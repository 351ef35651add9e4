"""What a kept comparison says to people: its state, sums that add up, its rows' reasons. Pure."""

from decimal import Decimal
from typing import NamedTuple

from metering.models import ReconciliationLine, ReconciliationRun
from metering.reconciliation.classifying import FOUND, LEAVES
from metering.reconciliation.readers.lines import WIDE
from metering.reconciliation.sides import ZERO


class Said(NamedTuple):
    """A row's evidence: what a person wrote (empty: nobody did), and what was found."""

    note: str
    found: str


def is_told(figure: object) -> bool:
    return figure is not None


def state_words(run: ReconciliationRun) -> str:
    if run.state == ReconciliationRun.State.INCOMPLETE and not run.uncovered_days:
        return "no report of costs"
    return run.get_state_display()


def ours_on_reported_days(run: ReconciliationRun) -> Decimal:
    """USD: the vendor's figure less the gap, which is of the days that have a report of costs."""
    return WIDE.subtract(Decimal(run.theirs), Decimal(run.gap)) if is_told(run.theirs) else ZERO


def ours_elsewhere(run: ReconciliationRun) -> Decimal:
    """USD of the days without a report of costs; in no gap."""
    return WIDE.subtract(Decimal(run.ours), ours_on_reported_days(run))


def reason_of(line: ReconciliationLine) -> str:
    """``RETRY``, or ``RETRY in part`` where what was found makes less than the gap."""
    return f"{line.reason} in part" if line.reason and _in_part(line) else line.reason


def said_of(line: ReconciliationLine) -> Said:
    if not line.explained_by:
        return Said("", line.evidence)
    return Said(*line.evidence.partition(FOUND)[::2])


def _in_part(line: ReconciliationLine) -> bool:
    """Something of the gap is left, and not the other way round."""
    gap = line.gap_usd if line.gap_usd is not None else line.gap_quantity
    if line.status != ReconciliationLine.Status.OPEN or gap is None:
        return False
    return f"{LEAVES}{'+' if gap > 0 else '-'}" in line.evidence
