"""Everything about one request: what is booked, what corrections made of it, and what is still held."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from catalog.visibility import Visibility
from metering.models import Hold
from metering.spend import entries, remarks, vendor_figures
from metering.spend.entry import Entry, entries_from
from metering.spend.vendor_figures import VendorFigure
from metering.usage import OTHER_MODEL

Part = tuple[int, int]  # (attempt, part)
ZERO = Decimal(0)
MOST_OF_ONE_ID = 100  # rows; a caller may give all its requests the same id


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
    ``back`` is the row that takes the one before back, where the entry was priced again.
    """

    entry: Entry
    before: Decimal | None
    after: Decimal | None
    error: str  # not repeated when the corrected entry says the same
    part: int
    parts: int
    vendor: VendorFigure | None
    back: Entry | None

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

    @property
    def released(self) -> Decimal | None:
        """What was set aside and not used; below zero when it cost more. None: not known for one part."""
        held, cost = self.entry.held, self.entry.cost
        return None if held is None or cost is None or self.parts > 1 else held - cost


@dataclass(frozen=True, slots=True)
class Request:
    """All attempts of one request, part by part, each part with its corrections."""

    request_id: uuid.UUID
    entries: tuple[Entry, ...]
    holds: tuple[OpenHold, ...]

    @property
    def bookings(self) -> tuple[Booking, ...]:
        """A row that takes another back is shown with the one that stands instead."""
        firsts = {entry.id: self._first_of(entry) for entry in self.entries}
        backs = {(entry.batch, entry.corrects): entry for entry in self.entries if entry.reverses}
        ordered = sorted(self.entries, key=lambda e: (e.attempt, firsts[e.id].part, e.id))
        costs: dict[Part, Decimal | None] = {}
        found = []
        for entry in ordered:
            if entry.reverses:
                continue
            first = firsts[entry.id]
            back = backs.get((entry.batch, entry.corrects)) if entry.batch else None
            part = first.attempt, first.part
            before = costs.get(part)
            costs[part] = _after(before, entry, back)
            found.append(self._booking(entry, first, back, before=before, after=costs[part]))
        return tuple(found)

    @property
    def cost(self) -> Decimal | None:
        known = [entry.cost for entry in self.entries if entry.cost is not None]
        return sum(known, ZERO) if known else None

    @property
    def unknown(self) -> int:
        """Attempts without a cost, that no correction has given one."""
        return sum(1 for booking in self._last_of_each() if booking.after is None)

    def _first_of(self, entry: Entry) -> Entry:
        """What ``entry`` corrects in the end, else itself."""
        by_id = {one.id: one for one in self.entries}
        while entry.corrects in by_id:
            entry = by_id[entry.corrects]
        return entry

    def _booking(self, entry: Entry, of: Entry, back: Entry | None, **costs: Decimal | None) -> Booking:
        """``of`` is the first entry of what ``entry`` corrects, else itself."""
        others = [
            other
            for other in self.entries
            if other.attempt == of.attempt and other.part != of.part and other.kind == "attempt"
        ]
        said = entry.batch is not None or (of is not entry and of.error == entry.error)
        return Booking(
            entry=entry,
            **costs,
            error="" if said else entry.error,
            part=of.part + 1,
            parts=len(others) + 1,
            vendor=vendor_figures.vendor_figure(entry, others),
            back=back,
        )

    def _last_of_each(self) -> Iterable[Booking]:
        return {(booking.entry.attempt, booking.part): booking for booking in self.bookings}.values()


def request(*, request_id: uuid.UUID, visibility: Visibility) -> Request | None:
    """All that is booked or held for one request; None when there is nothing, or nothing to be seen."""
    rows = entries.ledger_rows().seen_by(visibility).filter(request_id=request_id).with_names().order_by("id")
    holds = visibility.restrict(Hold.objects.filter(request_id=request_id)).select_related("model__provider")
    found = Request(
        request_id=request_id,
        entries=tuple(entries_from(rows)),
        holds=tuple(
            OpenHold(hold.attempt, hold.model.full_name, hold.usd, hold.started_at, hold.expires_at)
            for hold in holds.order_by("attempt")
        ),
    )
    return found if found.entries or found.holds else None


def requests(*, called: str, visibility: Visibility) -> tuple[Request, ...]:
    """The requests that have this id, whoever gave it: the gateway, the caller, or the vendor."""
    rows = entries.ledger_rows().seen_by(visibility).filter(entries.searched(called))
    ids = set(rows.order_by("request_id").values_list("request_id", flat=True)[:MOST_OF_ONE_ID])
    with contextlib.suppress(ValueError):
        ids.add(uuid.UUID(called))
    found = (request(request_id=request_id, visibility=visibility) for request_id in sorted(ids))
    return tuple(one for one in found if one is not None)


def _after(before: Decimal | None, entry: Entry, back: Entry | None) -> Decimal | None:
    if entry.cost is None:
        return before
    taken_back = back.cost if back is not None and back.cost is not None else ZERO
    return (before or ZERO) + taken_back + entry.cost
