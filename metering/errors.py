"""Domain errors of metering. Facts are attributes; words for a caller are made at the door.

MeteringError
|-- LedgerUnavailable   PostgreSQL cannot be written: nothing may be promised
`-- LimitReached        a hard limit has no room; says which, what is asked and left, when it begins anew
"""

import datetime as dt
from decimal import Decimal

from metering.entries import RateRoom
from metering.limit_book import LimitRow


class MeteringError(Exception):
    """Root of metering's errors."""


class LedgerUnavailable(MeteringError):
    """The ledger cannot be written now; no call may start."""


class LimitReached(MeteringError):
    """A hard limit refuses the call. ``reason`` is its unit, or ``unpriced`` (a budget needs a price).

    In that unit: ``amount`` is the limit with its raises, ``room`` what it has left, ``asked`` the least that
    the call needs; taken are ``spent``, ``held`` by open calls, and ``exposed``, which calls of unknown cost
    may have spent. All as the refusing verdict saw them. ``model``: the name of one without a price.
    """

    def __init__(
        self,
        *,
        limit: LimitRow,
        reason: str,
        room: Decimal,
        resets_at: dt.datetime,
        amount: Decimal | None = None,
        spent: Decimal | None = None,
        held: Decimal | None = None,
        exposed: Decimal | None = None,
        asked: Decimal | None = None,
        model: str = "",
        rates: tuple[RateRoom, ...] = (),
    ) -> None:
        super().__init__(f"limit {limit.id} has no room ({reason})")
        self.limit = limit
        self.reason = reason
        self.room = room
        self.resets_at = resets_at
        self.amount = amount
        self.spent = spent
        self.held = held
        self.exposed = exposed
        self.asked = asked
        self.model = model
        self.rates = rates

    @property
    def limit_id(self) -> int:
        return self.limit.id

    @property
    def period(self) -> str:
        return self.limit.period
