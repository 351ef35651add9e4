"""Reconciliation: the ledger held against what the vendors themselves say they charged.

readers      their reports: bytes in, lines out (one module for each vendor)
fetching     the same, asked for with an admin key
importing    reports into the database
ledger, theirs, pairing   both sides, by UTC day, model and token type
detectors, classifying    why a row differs, with the evidence
comparing, runs           a month as of a moment, and its keeping
drift        what came to the ledger after it
telling, deltas           what it says, in words and sums
explaining, signing       what people say of it
obstacles, sheet          for closing a month, and for its pack
"""

from metering.reconciliation import obstacles
from metering.reconciliation.obstacles import Unsigned, unsigned
from metering.reconciliation.sheet import write_sheet

obstacles.register()

__all__ = ["Unsigned", "unsigned", "write_sheet"]
