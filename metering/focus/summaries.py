"""What a file holds and what it leaves out: its sidecar, and the sums that prove it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from metering import costing
from metering.closing import months
from metering.focus.asked import Export
from metering.focus.csv_files import number
from metering.focus.names import Names
from metering.focus.reading import Sums
from metering.focus.records import Record


@dataclass
class Summary:
    """Complete once the rows have been written: ``tallied`` counts them as they pass."""

    export: Export
    names: Names
    ledger: Sums
    rows: int = 0
    effective: Decimal = field(default_factory=Decimal)
    billed: Decimal = field(default_factory=Decimal)

    def tallied(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            self.rows += 1
            self.effective = costing.EXACT.add(self.effective, _cost(record, "EffectiveCost"))
            self.billed = costing.EXACT.add(self.billed, _cost(record, "BilledCost"))
            yield record

    @property
    def agrees(self) -> bool:
        """Whether the rows add up to the ledger, to the last digit."""
        return self.effective == self.ledger.cost

    def document(self) -> dict[str, object]:
        """Plain values, money as decimal strings; the same for a closed month ever after."""
        return {
            "dataset": "CostAndUsage",
            "focus_version": self.export.version,
            "month": months.written(self.export.month),
            "billing_period_status": self.names.status,
            "time_zone": self.names.zone.key,
            "billed_cost_mode": self.export.billed_cost,
            "told_apart_by_tags": self.export.by_tags,
            "rows": self.rows,
            "billed_cost_usd": number(self.billed),
            "effective_cost_usd": number(self.effective),
            "ledger_cost_usd": number(self.ledger.cost),
            "left_out": {
                "entries_of_unknown_cost": self.ledger.unpriced,
                "at_most_usd": number(self.ledger.exposure),
                "entries_without_any_bound": self.ledger.unbounded,
            },
        }

    def json(self) -> str:
        return json.dumps(self.document(), indent=2) + "\n"


def _cost(record: Record, column: str) -> Decimal:
    value = record.amounts[column]
    assert isinstance(value, Decimal)
    return value
