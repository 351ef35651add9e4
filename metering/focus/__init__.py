"""The ledger as a FOCUS file: a row for each day, team, key, model, price and token type (docs/focus.md).

``write_csv`` and ``write_parquet`` write a month's CostAndUsage, ``write_billing_periods`` its BillingPeriod.
Rows are exact: unit price x pricing quantity is the cost on every row that has a unit price, and the rows add
up to the ledger's own sum; writers raise ``Disagreement`` when they do not.

``asked``            which month, version and mode: the values that everything below is given
``reading``          the month's entries added up by PostgreSQL, as a stream
``marginal``         entries whose price has a marginal tier, split at its thresholds
``charges``          from sums to charges: token type, quantity, unit price, cost (pure)
``records``          from charges to the values of FOCUS's columns (pure)
``columns``          which columns a version has, in their order
``csv_files``, ``parquet_files``, ``summaries``  how they are written
"""

from metering.focus.asked import BILLED_COSTS, VERSIONS, Export, Unusable
from metering.focus.exporting import Disagreement, write_billing_periods, write_csv, write_parquet

__all__ = [
    "BILLED_COSTS",
    "VERSIONS",
    "Disagreement",
    "Export",
    "Unusable",
    "write_billing_periods",
    "write_csv",
    "write_parquet",
]
