"""The ledger added up for the pages, behind the calls: docs/decisions/0033."""
