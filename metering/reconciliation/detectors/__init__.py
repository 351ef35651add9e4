"""One function for each cause that can make a ledger and a bill differ: (row, around) -> Finding or None."""
