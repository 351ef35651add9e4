"""What a notice says: a subject and a text for people, a JSON body for programs. Pure."""

from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from metering.budgets import words
from metering.budgets.outbox import Dispatch
from metering.spend import money


class Mail(NamedTuple):
    subject: str
    text: str


def mail(told: Dispatch, *, zone: ZoneInfo, public_url: str) -> Mail:
    """``public_url``: of the people's door, before the path of the budget's page."""
    says = {"threshold": _threshold, "raise_asked": _asked, "raise_decided": _decided}[told.kind](told)
    ends = f"The period ends at {told.ends_at.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})."
    last = [] if told.period == "total" else [ends]
    page = f"{public_url}{words.path(told.limit_id)}"
    subject = " ".join(says.subject.split())  # a name with a line break in it would begin another header
    return Mail(subject, "\n\n".join([says.text, *last, page]) + "\n")


def body(told: Dispatch) -> bytes:
    """The same bytes at each try. Amounts are decimals as strings, moments ISO 8601 with their offset."""
    budget = {
        "id": told.limit_id,
        "team": told.team,
        "scope": told.scope,
        "scope_name": told.named,
        "period": told.period,
        "mode": told.mode,
        "starts_at": told.starts_at,
        "ends_at": None if told.period == "total" else told.ends_at,
    }
    event = {
        "id": str(told.event_id),
        "type": f"budget.{told.kind}",
        "created_at": told.created_at,
        "budget": budget,
    }
    return msgspec.json.encode(event | _facts(told))


def _facts(told: Dispatch) -> dict[str, Any]:
    if told.kind == "threshold":
        return {"threshold": told.threshold, "used": _exact(told.used), "ceiling": _exact(told.ceiling)}
    asked = {
        "amount": _exact(told.raise_amount),
        "reason": told.raise_reason,
        "asked_by": told.asked_by,
    }
    if told.kind == "raise_decided":
        asked |= {"state": told.raise_state, "decided_by": told.decided_by, "note": told.raise_note}
    return {"raise": asked}


def _threshold(told: Dispatch) -> Mail:
    assert told.used is not None
    assert told.ceiling is not None
    budget = _budget(told)
    hard = (
        "Calls that do not fit into it are refused." if told.mode == "hard" else "It is soft: it only counts."
    )
    return Mail(
        f"{told.threshold} % of the {budget} is used",
        f"{words.usd(told.used)} USD of {words.usd(told.ceiling)} USD of the {budget} are used. {hard}",
    )


def _asked(told: Dispatch) -> Mail:
    assert told.raise_amount is not None
    return Mail(
        f"{told.asked_by} asks for {words.usd(told.raise_amount)} USD more for {_scope(told)}",
        f"{told.asked_by} asks for {words.usd(told.raise_amount)} USD more in the {_budget(told)}, for this"
        f" period: {told.raise_reason}",
    )


def _decided(told: Dispatch) -> Mail:
    assert told.raise_amount is not None
    note = f"\n\n{told.raise_note}" if told.raise_note else ""
    raised = f"raise by {words.usd(told.raise_amount)} USD"
    return Mail(
        f"Your {raised} for {_scope(told)} was {told.raise_state}",
        f"{told.decided_by} has {told.raise_state} the {raised} of the {_budget(told)}.{note}",
    )


def _scope(told: Dispatch) -> str:
    return words.scope(scope=told.scope, named=told.named, team=told.team)


def _budget(told: Dispatch) -> str:
    return f"{words.adjective(told.period)} budget of {_scope(told)}"


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else money.exact(amount)
