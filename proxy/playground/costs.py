"""What a request came to by the ledger, for the playground: settled or not, every figure as text."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from catalog.visibility import Visibility
from metering.spend import bookings, money
from metering.spend.bookings import Request
from metering.usage import BUCKETS


@dataclass(frozen=True, slots=True)
class Settled:
    """All attempts of a request together. ``tokens`` by bucket; None when the vendors told of none.

    ``cost``: USD; None when unknown. ``unknown``: attempts without one, which ``cost`` leaves out; ``why``
    says in words why the last of them has none.
    """

    request_id: uuid.UUID
    model: str
    attempts: int
    cost: Decimal | None
    unknown: int
    why: str
    tokens: Mapping[str, int] | None

    def as_texts(self) -> dict[str, object]:
        tokens = self.tokens
        return {
            "request_id": str(self.request_id),
            "model": self.model,
            "attempts": str(self.attempts),
            "cost_usd": None if self.cost is None else money.exact(self.cost),
            "unknown": str(self.unknown),
            "why": self.why,
            "tokens": None if tokens is None else {name: str(count) for name, count in tokens.items()},
        }


@dataclass(frozen=True, slots=True)
class Open:
    """Money is still set aside for it: the call, or the reading of its end, goes on."""

    request_id: uuid.UUID


def of_request(*, request_id: uuid.UUID, visibility: Visibility) -> Settled | Open | None:
    """None: nothing is known of it, or nothing that may be seen."""
    found = bookings.request(request_id=request_id, visibility=visibility)
    if found is None:
        return None
    return Open(request_id) if found.holds else _settled(found)


def _settled(found: Request) -> Settled:
    last = found.bookings[-1].entry
    without = [entry for entry in found.entries if entry.cost is None]
    counts = [entry.usage for entry in found.entries if entry.usage["input"] is not None]
    tokens = {bucket: sum(usage[bucket] or 0 for usage in counts) for bucket in BUCKETS}
    return Settled(
        request_id=found.request_id,
        model=last.model,
        attempts=len({entry.attempt for entry in found.entries}),
        cost=found.cost,
        unknown=found.unknown,
        why=without[-1].cost_words if found.unknown else "",
        tokens=tokens if counts else None,
    )
