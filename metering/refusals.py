"""What a refused call is told, from the verdict that refused it; and what the log keeps of it."""

from typing import Any

import structlog
from psycopg import AsyncConnection

from metering import room
from metering.admitting import HoldRequest, Verdict
from metering.entries import RateRoom
from metering.errors import LedgerUnavailable, LimitReached
from metering.spend import money

log = structlog.get_logger(__name__)

NAME = """
SELECT p.name || '/' || m.name FROM catalog_languagemodel m JOIN catalog_provider p ON p.id = m.provider_id
WHERE m.id = %s
"""


def of(
    request: HoldRequest, verdict: Verdict, *, rates: tuple[RateRoom, ...]
) -> LimitReached | LedgerUnavailable:
    """The error of a verdict that is no admission."""
    limit = next((limit for limit in request.limits if limit.id == verdict.limit_id), None)
    if limit is None or verdict.resets_at is None:
        return LedgerUnavailable("limits are being changed; try again")
    reason = verdict.reason or ""
    error = LimitReached(
        limit=limit,
        reason=reason,
        room=verdict.room,
        resets_at=verdict.resets_at,
        amount=verdict.amount,
        spent=verdict.spent,
        held=verdict.held,
        exposed=verdict.exposed,
        asked=room.asked(request.bounds, reason=reason, first=request.call.attempt == 1),
        rates=rates,
    )
    if limit.unit == "usd" and limit.hides_amounts:
        _note(request, error)
    return error


async def name_of(connection: AsyncConnection[Any], model_id: int) -> str:
    """``provider/model``; empty when it is gone."""
    row = await (await connection.execute(NAME, (model_id,))).fetchone()
    return row[0] if row else ""


def _note(request: HoldRequest, error: LimitReached) -> None:
    """The log has the amounts that the team does not want its callers to be told."""
    log.info(
        "budget_refused",
        request_id=str(request.call.request_id),
        limit_id=error.limit_id,
        team=error.limit.team,
        scope=f"{error.limit.scope} {error.limit.named}",
        period=error.period,
        reason=error.reason,
        **{
            name: None if amount is None else money.exact(amount)
            for name in ("amount", "spent", "held", "exposed", "room", "asked")
            for amount in [getattr(error, name)]
        },
    )
