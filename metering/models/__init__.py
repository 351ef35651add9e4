"""WHAT it cost, WHO has money left."""

from metering.models.closing import (
    ClosedBlock,
    ClosedLine,
    ClosedTeam,
    Closing,
    ClosingWaiver,
    Reopening,
)
from metering.models.corrections import CorrectionBatch
from metering.models.ledger import CostEntry, DailySpend, Hold, WorkerLease
from metering.models.limits import Limit, LimitRaise, LimitWindow
from metering.models.notices import BudgetNotice, NoticeDelivery, TeamBudgets, Webhook
from metering.models.periods import BillingPeriod
from metering.models.reconciled import GapExplanation, ReconciliationLine, SignOff
from metering.models.reconciliation import (
    Meter,
    Reason,
    ReconciliationRun,
    ReportCredential,
    VendorAccount,
    VendorAlias,
    VendorCost,
    VendorReport,
)
from metering.models.reliability import DailyEnds, DailyLatencies
from metering.models.summaries import (
    AnswerSizes,
    DailyTagSpend,
    DailyUsage,
    DearEntry,
    HourlySpend,
    MonthlyCharge,
    SummaryMark,
)
from metering.models.views import SavedView

__all__ = [
    "AnswerSizes",
    "BillingPeriod",
    "BudgetNotice",
    "ClosedBlock",
    "ClosedLine",
    "ClosedTeam",
    "Closing",
    "ClosingWaiver",
    "CorrectionBatch",
    "CostEntry",
    "DailyEnds",
    "DailyLatencies",
    "DailySpend",
    "DailyTagSpend",
    "DailyUsage",
    "DearEntry",
    "GapExplanation",
    "Hold",
    "HourlySpend",
    "Limit",
    "LimitRaise",
    "LimitWindow",
    "Meter",
    "MonthlyCharge",
    "NoticeDelivery",
    "Reason",
    "ReconciliationLine",
    "ReconciliationRun",
    "Reopening",
    "ReportCredential",
    "SavedView",
    "SignOff",
    "SummaryMark",
    "TeamBudgets",
    "VendorAccount",
    "VendorAlias",
    "VendorCost",
    "VendorReport",
    "Webhook",
    "WorkerLease",
]
