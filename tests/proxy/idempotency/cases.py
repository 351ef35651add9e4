"""Constraints of the table of used keys: a row that passes, one that raises."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from catalog.models import Team
from proxy.models import IdempotentCall
from tests.catalog import builders as b

AT = b.NOW
LATER = AT + dt.timedelta(hours=24)
KEPT: dict[str, Any] = {"state": "kept", "lost_after": None, "status": 200, "sealed": "gAAAA"}


def used(*, team: Team | None = None, **values: Any) -> IdempotentCall:
    """A key in flight, unless ``values`` say otherwise."""
    columns: dict[str, Any] = {
        "path": "/v1/messages",
        "route": "gpt-4o",
        "key": "order-1",
        "fingerprint": b"\x00" * 32,
        "request_id": uuid.UUID(int=1),
        "worker": uuid.UUID(int=2),
        "lost_after": LATER,
        "created_at": AT,
        "expires_at": LATER,
    }
    return IdempotentCall.objects.create(team=team or b.team(), **(columns | values))


def one_of_each() -> None:
    """They differ in team, path, route or key."""
    team = b.team()
    for other in ({}, {"path": "/v1/responses"}, {"route": "warm"}, {"key": "order-2"}):
        used(team=team, **other)
    used()


def twice() -> None:
    team = b.team()
    used(team=team)
    used(team=team, fingerprint=b"\x01" * 32)


CASES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "idempotent_call_once": (one_of_each, twice),
    "idempotent_call_key_given": (lambda: used(key=" "), lambda: used(key="")),
    "idempotent_call_state_known": (
        lambda: used(state="too_large", lost_after=None),
        lambda: used(state="forgotten", lost_after=None),
    ),
    "idempotent_call_in_flight_ends": (
        lambda: used(state="charged", lost_after=None),
        lambda: used(lost_after=None),
    ),
    "idempotent_call_kept_whole": (lambda: used(**KEPT), lambda: used(**KEPT | {"sealed": ""})),
    "idempotent_call_expires_later": (
        lambda: used(expires_at=AT + dt.timedelta(microseconds=1)),
        lambda: used(expires_at=AT),
    ),
}
