"""The impact of a draft as JSON, kept with the decision on it: what the approver saw. Amounts are strings."""

import datetime as dt
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from metering.pricing_impact import Changes, Impact, Month

Record = dict[str, Any]


def written(impact: Impact) -> Record:
    return {
        "months": [
            {
                "month": month.month.isoformat(),
                "teams": [[team, _changes(changes)] for team, changes in month.teams],
            }
            for month in impact.months
        ],
        "since_then": None if impact.since_then is None else _changes(impact.since_then),
        "closed": [month.isoformat() for month in impact.closed],
        "earlier": impact.earlier,
    }


def read(record: Record) -> Impact:
    """What was ``written``, to the last digit."""
    return Impact(
        months=tuple(
            Month(
                dt.date.fromisoformat(month["month"]),
                tuple((team, _read(changes)) for team, changes in month["teams"]),
            )
            for month in record["months"]
        ),
        since_then=None if record["since_then"] is None else _read(record["since_then"]),
        closed=tuple(dt.date.fromisoformat(month) for month in record["closed"]),
        earlier=record["earlier"],
    )


def _changes(changes: Changes) -> Record:
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in asdict(changes).items()
    }


def _read(record: Record) -> Changes:
    values: Record = {
        name: Decimal(value) if isinstance(value, str) else value for name, value in record.items()
    }
    return Changes(**values)
