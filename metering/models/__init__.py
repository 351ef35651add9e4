"""WHAT it cost, WHO has money left."""

from metering.models.ledger import CostEntry, DailySpend, Hold, WorkerLease
from metering.models.limits import Limit, LimitWindow

__all__ = ["CostEntry", "DailySpend", "Hold", "Limit", "LimitWindow", "WorkerLease"]
