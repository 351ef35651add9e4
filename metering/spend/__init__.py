"""The finance pages: every total from the rollup (DailySpend), every entry from the ledger."""
