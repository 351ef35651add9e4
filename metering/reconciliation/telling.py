"""What a kept comparison says to people: its state, sums that add up, its rows' reasons. Pure."""

import hashlib
from decimal import Decimal
from typing import NamedTuple

from metering.models import ReconciliationLine, ReconciliationRun
from metering.reconciliation.classifying import FOUND, LEAVES
from metering.reconciliation.readers.lines import WIDE
from metering.reconciliation.sides import ZERO

NOTHING = "nothing"
NO_ROWS = hashlib.sha256().hexdigest()  # the digest of a run without a row


class Said(NamedTuple):
    """A row's evidence: what a person wrote (empty: nobody did), and what was found."""

    note: str
    found: str


def state_of(run: ReconciliationRun) -> str:
    """``nothing`` where neither side has a row and no report speaks, else the run's own.

    Such a run is kept as incomplete: of four states the table knows, it is the one that claims no agreement.
    """
    return NOTHING if run.digest == NO_ROWS and not is_told(run.theirs) else run.state


def is_told(figure: object) -> bool:
    return figure is not None


def state_words(run: ReconciliationRun) -> str:
    state = state_of(run)
    if state == NOTHING:
        return "nothing to compare"
    if state == ReconciliationRun.State.INCOMPLETE and not run.uncovered_days:
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
