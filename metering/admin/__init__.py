"""The admin of the books: limits are set here; holds, windows, the ledger and its rollup are only read."""

from metering.admin import ledger, limits, open_calls, teams

__all__ = ["ledger", "limits", "open_calls", "teams"]
