"""The ledger's rows of one call, taken together."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from tests.live.house import Row

TOKENS_IN = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input")
BUCKETS = (*TOKENS_IN, "output", "reasoning", "audio_output", "requests")


@dataclass(frozen=True)
class Booked:
    """One attempt. Where the vendor let another model help, its share is a row (a part) of its own."""

    main: Row
    cost: Decimal | None
    reason: str
    counts: dict[str, int]

    @classmethod
    def from_rows(cls, rows: list[Row]) -> Self:
        """Fails unless the rows are the parts of exactly one attempt."""
        assert rows, "no entry"
        assert [(row["attempt"], row["part"]) for row in rows] == [(1, part) for part in range(len(rows))]
        costs = [row["cost"] for row in rows]
        sums = {bucket: sum(row[bucket] or 0 for row in rows) for bucket in BUCKETS}
        return cls(
            main=rows[0],
            cost=None if None in costs else sum(costs, Decimal(0)),
            reason=next((row["cost_reason"] for row in rows if row["cost_reason"]), ""),
            counts={bucket: count for bucket, count in sums.items() if count},
        )

    def __getitem__(self, name: str) -> Any:
        return self.main[name]

    @property
    def input_tokens(self) -> int:
        return sum(self.counts.get(bucket, 0) for bucket in TOKENS_IN)
