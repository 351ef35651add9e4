"""The head of a closing: a digest over the whole snapshot and the head of the closed month before it. Pure.

Note [Head]: SHA-256(previous head in hexadecimal || document), where the document is canonical JSON
(canonical.py) of the closing's facts, its teams with the ends of their chains, and their lines. Whoever
holds a printed statement holds the head of its month; from it and the ledger every month before can be
proven.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from metering.closing import canonical, months
from metering.models import ClosedLine, ClosedTeam, Closing


def head(
    closing: Closing, *, month: dt.date, parts: Iterable[tuple[ClosedTeam, Iterable[ClosedLine]]]
) -> str:
    """See Note [Head]. ``parts``: the teams in the order of their numbers, each with its lines in order."""
    digest = hashlib.sha256(closing.previous_head.encode())
    digest.update(canonical.document(_closing(closing, month)))
    for team, lines in parts:
        digest.update(b"\n" + canonical.document(_team(team)))
        for line in lines:
            digest.update(b"\n" + canonical.document(_line(line)))
    return digest.hexdigest()


def _closing(closing: Closing, month: dt.date) -> list[Any]:
    return [
        closing.layout,
        months.written(month),
        closing.version,
        closing.closed_at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        closing.closed_by,
        closing.time_zone,
        closing.entries,
        closing.last_entry,
        closing.unpriced,
        _money(closing.amount),
        closing.price_list,
        closing.names,
        closing.waived,
    ]


def _team(team: ClosedTeam) -> list[Any]:
    return [
        team.number,
        team.team_id,
        team.name,
        team.title,
        team.cost_center,
        team.entries,
        team.unpriced,
        _money(team.exposure),
        _money(team.amount),
        team.digest,
        team.corrections,
    ]


def _line(line: ClosedLine) -> list[Any]:
    return [
        line.position,
        None if line.charged is None else line.charged.isoformat(),
        line.reference,
        line.model_id,
        line.model_name,
        line.variant,
        line.basis,
        line.price_id,
        line.bucket,
        line.quantity,
        _money(line.rate),
        _money(line.amount),
        line.entries,
    ]


def _money(amount: Any) -> str | None:
    return None if amount is None else canonical.money(Decimal(amount))
