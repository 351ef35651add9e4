"""What a verdict of metering_admit says of the room in limits: pure, no IO."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from metering import windows
from metering.entries import Bounds, RateRoom
from metering.limit_book import LimitRow

# The columns rate_limits, rate_amounts, rate_rooms; None when no rate limit is in scope.
RateColumns = tuple[Sequence[int] | None, Sequence[Decimal] | None, Sequence[Decimal] | None]


def rates(
    columns: RateColumns, *, limits: Sequence[LimitRow], at: dt.datetime, zone: ZoneInfo
) -> tuple[RateRoom, ...]:
    """The rate limits in scope of a call that started ``at``, with what its verdict left of them."""
    known = {limit.id: limit for limit in limits}
    ids, amounts, rooms = columns
    if ids is None or amounts is None or rooms is None:
        return ()
    return tuple(
        RateRoom(
            unit=known[id].unit,
            period=known[id].period,
            amount=amount,
            room=room,
            resets_at=windows.bounds(period=known[id].period, at=at, zone=zone)[1],
        )
        for id, amount, room in zip(ids, amounts, rooms, strict=True)
    )


def asked(bounds: Bounds, *, reason: str, first: bool) -> Decimal | None:
    """The least that a call needs of a limit in the unit ``reason``. ``first``: a request's first attempt.

    None when that is unknown: a model without a price under a budget.
    """
    match reason:
        case "usd":
            if bounds.base_usd is None or bounds.usd_per_output_token is None:
                return None
            return bounds.base_usd + bounds.output_least * bounds.usd_per_output_token
        case "tokens":
            return Decimal(bounds.input_tokens + bounds.output_least)
        case "requests":
            return Decimal(1 if first else 0)
        case "concurrency":
            return Decimal(1)
    return None
