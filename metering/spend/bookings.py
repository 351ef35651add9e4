"""Everything about one request: what is booked, what corrections made of it, and what is still held."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from catalog.visibility import Visibility
from metering.models import Hold
from metering.spend import entries
from metering.spend.entries import Entry


@dataclass(frozen=True, slots=True)
class OpenHold:
    """Money set aside for an attempt that is not settled."""

    attempt: int
    model: str
    usd: Decimal | None
    started_at: dt.datetime
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Booking:
    """An entry, and what its attempt cost by the books before and after it (None: unknown)."""

    entry: Entry
    before: Decimal | None
    after: Decimal | None
    error: str  # not repeated when the corrected entry says the same


@dataclass(frozen=True, slots=True)
class Request:
    """All attempts of one request, in the order they were booked."""

    request_id: uuid.UUID
    entries: tuple[Entry, ...]
    holds: tuple[OpenHold, ...]

    @property
    def bookings(self) -> tuple[Booking, ...]:
        by_id = {entry.id: entry for entry in self.entries}
        costs: dict[int, Decimal | None] = {}
        found = []
        for entry in self.entries:
            corrected = by_id.get(entry.corrects or 0)
            of = corrected.id if corrected else entry.id
            before = costs.get(of)
            costs[of] = before if entry.cost is None else (before or Decimal(0)) + entry.cost
            said = corrected is not None and corrected.error == entry.error
            found.append(Booking(entry, before, costs[of], "" if said else entry.error))
        return tuple(found)

    @property
    def cost(self) -> Decimal | None:
        known = [entry.cost for entry in self.entries if entry.cost is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def unknown(self) -> int:
        """Attempts without a cost, that no correction has given one."""
        return sum(1 for booking in self._last_of_each() if booking.after is None)

    def _last_of_each(self) -> Iterable[Booking]:
        return {booking.entry.corrects or booking.entry.id: booking for booking in self.bookings}.values()


def request(*, request_id: uuid.UUID, visibility: Visibility) -> Request | None:
    """All that is booked or held for one request; None when there is nothing, or nothing to be seen."""
    rows = entries.ledger_rows().seen_by(visibility).filter(request_id=request_id).with_names().order_by("id")
    holds = visibility.restrict(Hold.objects.filter(request_id=request_id)).select_related("model__provider")
    found = Request(
        request_id=request_id,
        entries=tuple(entries.entry_from(row) for row in rows),
        holds=tuple(
            OpenHold(hold.attempt, hold.model.full_name, hold.usd, hold.started_at, hold.expires_at)
            for hold in holds.order_by("attempt")
        ),
    )
    return found if found.entries or found.holds else None
