"""What lies around a row: its neighbours, the other rows of its day, other zones, earlier reports.

Detectors look here for evidence. What costs a query (another zone, an earlier report) is asked for once, and
only when a row is left to explain.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from metering.reconciliation.ledger import Days
from metering.reconciliation.sides import Amounts, Key, OurDay, Row
from metering.reconciliation.theirs import Source, Theirs

DAY = dt.timedelta(days=1)


class BookRate(NamedTuple):
    """A row of the price book: USD per 1,000,000 tokens of one meter."""

    model: str
    meter: str
    variant: str
    above_input_tokens: int
    rate: Decimal


class Past(NamedTuple):
    """A row as an earlier report had it."""

    taken_at: dt.datetime
    theirs: Amounts


@dataclass(frozen=True)
class Around:
    rows: Mapping[Key, Row]
    ours: Days
    theirs: Theirs
    kind: str  # the provider's
    book: tuple[BookRate, ...] = ()
    our_accounts: frozenset[str] = frozenset()
    other_accounts: frozenset[str] = frozenset()
    zones: Mapping[str, Callable[[], Mapping[Key, Amounts]]] = field(default_factory=dict)
    earlier: Callable[[Key], list[Past]] = lambda key: []
    _zones: dict[str, Mapping[Key, Amounts]] = field(default_factory=dict)

    def row(self, key: Key, *, meter: str) -> Row | None:
        """The row of the same day and model for another meter."""
        return self.rows.get(Key(key.day, key.model, meter))

    def neighbours(self, key: Key) -> tuple[Row | None, Row | None]:
        return (
            self.rows.get(key._replace(day=key.day - DAY)),
            self.rows.get(key._replace(day=key.day + DAY)),
        )

    def in_zone(self, name: str, key: Key) -> Amounts:
        """Ours for the day as people of that zone count it."""
        if name not in self._zones:
            self._zones[name] = self.zones[name]()
        return self._zones[name].get(key, Amounts())

    def taken_at(self, key: Key) -> dt.datetime | None:
        """When the report was taken that speaks for a row: what was charged, else what was used."""
        source: Source | None = self.theirs.cost.get(key.day) or self.theirs.usage.get(key.day)
        return source.taken_at if source else None

    def ours_by_tier(self, key: Key) -> Mapping[str, Amounts]:
        day = self.ours.get((key.day, key.model), OurDay())
        return {variant: told for (meter, variant), told in day.tiers.items() if meter == key.meter}


class Finding(NamedTuple):
    """Why a row differs, and how much that makes: ``covers`` is USD, None where nobody can measure it.

    ``settles``: the evidence alone explains the gap; otherwise a person does (Note [Who settles a gap]).
    """

    reason: str
    evidence: str
    covers: Decimal | None
    settles: bool = False
