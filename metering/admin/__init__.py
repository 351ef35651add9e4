"""The admin of the books: limits are set here; holds, windows, the ledger and its rollup are only read."""

from metering import attention, audited
from metering.admin import (
    closing,
    corrections,
    ledger,
    limits,
    notices,
    open_calls,
    price_history,
    price_impact,
    reconciliation,
    teams,
    use,
)

audited.register()

__all__ = [
    "attention",
    "closing",
    "corrections",
    "ledger",
    "limits",
    "notices",
    "open_calls",
    "price_history",
    "price_impact",
    "reconciliation",
    "teams",
    "use",
]
