"""WHAT it cost, WHO has money left."""

from metering.models.corrections import CorrectionBatch
from metering.models.ledger import CostEntry, DailySpend, Hold, WorkerLease
from metering.models.limits import Limit, LimitRaise, LimitWindow
from metering.models.periods import BillingPeriod

__all__ = [
    "BillingPeriod",
    "CorrectionBatch",
    "CostEntry",
    "DailySpend",
    "Hold",
    "Limit",
    "LimitRaise",
    "LimitWindow",
    "WorkerLease",
]
