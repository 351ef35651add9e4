"""Everything about one request: what is booked, what corrections made of it, and what is still held."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from catalog.visibility import Visibility
from metering.models import Hold
from metering.spend import entries, remarks, vendor_figures
from metering.spend.entries import Entry
from metering.spend.vendor_figures import VendorFigure
from metering.usage import OTHER_MODEL


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
    """An entry, and what its part of the attempt cost by the books before and after it (None: unknown).

    ``part`` counts from 1, of ``parts`` models that worked on the attempt's answer.
    """

    entry: Entry
    before: Decimal | None
    after: Decimal | None
    error: str  # not repeated when the corrected entry says the same
    part: int
    parts: int
    vendor: VendorFigure | None

    @property
    def name(self) -> str:
        """``attempt 1``, or ``part 2 of attempt 1`` where several models worked on it."""
        attempt = f"attempt {self.entry.attempt}"
        return f"part {self.part} of {attempt}" if self.parts > 1 else attempt

    @property
    def remarks(self) -> tuple[str, ...]:
        return remarks.remarks(self.entry.flags)

    @property
    def mixed(self) -> bool:
        """Another model's tokens are in it, and are not told apart."""
        return OTHER_MODEL in self.entry.flags and self.parts == 1


@dataclass(frozen=True, slots=True)
class Request:
    """All attempts of one request, part by part, each part with its corrections."""

    request_id: uuid.UUID
    entries: tuple[Entry, ...]
    holds: tuple[OpenHold, ...]

    @property
    def bookings(self) -> tuple[Booking, ...]:
        by_id = {entry.id: entry for entry in self.entries}
        whose = {entry.id: by_id.get(entry.corrects or 0, entry) for entry in self.entries}
        ordered = sorted(self.entries, key=lambda entry: (entry.attempt, whose[entry.id].part, entry.id))
        costs: dict[int, Decimal | None] = {}
        found = []
        for entry in ordered:
            of = whose[entry.id]
            before = costs.get(of.id)
            costs[of.id] = before if entry.cost is None else (before or Decimal(0)) + entry.cost
            found.append(self._booking(entry, of, before=before, after=costs[of.id]))
        return tuple(found)

    @property
    def cost(self) -> Decimal | None:
        known = [entry.cost for entry in self.entries if entry.cost is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def unknown(self) -> int:
        """Attempts without a cost, that no correction has given one."""
        return sum(1 for booking in self._last_of_each() if booking.after is None)

    def _booking(self, entry: Entry, of: Entry, **costs: Decimal | None) -> Booking:
        """``of`` is the entry that ``entry`` corrects, else itself."""
        others = [
            other
            for other in self.entries
            if other.attempt == of.attempt and other.part != of.part and other.kind == "attempt"
        ]
        said = of is not entry and of.error == entry.error
        return Booking(
            entry=entry,
            **costs,
            error="" if said else entry.error,
            part=of.part + 1,
            parts=len(others) + 1,
            vendor=vendor_figures.vendor_figure(entry, others),
        )

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
