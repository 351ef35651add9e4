"""The admin of the books: limits are set here; holds, windows, the ledger and its rollup are only read."""

from metering.admin import (
    closing,
    corrections,
    ledger,
    limits,
    notices,
    open_calls,
    price_impact,
    reconciliation,
    teams,
)

__all__ = [
    "closing",
    "corrections",
    "ledger",
    "limits",
    "notices",
    "open_calls",
    "price_impact",
    "reconciliation",
    "teams",
]
