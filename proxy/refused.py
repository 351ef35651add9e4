"""Requests that end before a vendor was asked. The ledger has no entry of them, so they are noted here.

Only those whose end is ours or a vendor's doing: told as 5xx, or as 429 because a vendor asked us to wait. A
caller's mistake, a limit or a budget of the caller's team is no unavailability.
"""

import datetime as dt

from proxy import envelopes, errors
from proxy.gateway import Gateway
from proxy.requests import CallRequest

THROTTLED = "upstream_rate_limited"


def note(gateway: Gateway, error: Exception, *, team: int | None, route: str, at: dt.datetime) -> None:
    """``route``: the model's name as the caller gave it; it exists. To be called once a request."""
    told = envelopes.call_error(error)
    if is_ours(told):
        gateway.vendors.refusals.note(team=team, route=route, code=told.code or "", at=at)


def note_at_the_door(call: CallRequest, error: Exception) -> None:
    """Of a request that nobody has looked into yet."""
    team = call.user.team.id if call.user else None
    note(call.gateway, error, team=team, route="", at=call.started_at)


def is_ours(told: errors.CallError) -> bool:
    """Whether it is the gateway or a vendor that was not available."""
    return told.status >= 500 or told.code == THROTTLED
