"""Domain errors of metering. Facts are attributes; words for a caller are made at the door.

MeteringError
|-- LedgerUnavailable   PostgreSQL cannot be written: nothing may be promised
`-- LimitReached        a hard limit has no room; says which, what is asked and left, when it begins anew
"""

import datetime as dt
from decimal import Decimal

from metering.entries import RateRoom


class MeteringError(Exception):
    """Root of metering's errors."""


class LedgerUnavailable(MeteringError):
    """The ledger cannot be written now; no call may start."""


class LimitReached(MeteringError):
    """A hard limit refuses the call. ``reason`` is its unit, or ``unpriced`` (a budget needs a price).

    In that unit: ``amount`` is the limit, ``room`` what it has left, ``asked`` the least that the call needs.
    """

    def __init__(
        self,
        *,
        limit_id: int,
        reason: str,
        room: Decimal,
        resets_at: dt.datetime,
        period: str,
        amount: Decimal | None = None,
        asked: Decimal | None = None,
        rates: tuple[RateRoom, ...] = (),
    ) -> None:
        super().__init__(f"limit {limit_id} has no room ({reason})")
        self.limit_id = limit_id
        self.reason = reason
        self.room = room
        self.resets_at = resets_at
        self.period = period
        self.amount = amount
        self.asked = asked
        self.rates = rates
