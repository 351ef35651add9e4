"""What lies around a row: its neighbours, the other rows of its day, other zones, earlier reports.

Detectors look here for evidence. What costs a query (another zone, an earlier report) is asked for once, and
only when a row is left to explain.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from metering.reconciliation.ledger import Days
from metering.reconciliation.sides import TOKENS, Amounts, Key, OurDay, Row
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

    def counterpart(self, row: Row) -> Row | None:
        """The row of the same day and token type that has as many tokens, on the other side alone."""
        place = _one_sided(row)
        return None if place is None else self._alone.get(place._replace(gap=-place.gap))

    @cached_property
    def _alone(self) -> Mapping["OneSided", Row]:
        """Made once: each row walking all the others would take the square of their number."""
        found: dict[OneSided, Row] = {}
        for row in self.rows.values():
            if (place := _one_sided(row)) is not None:
                found.setdefault(place, row)
        return found

    def rates_of(self, model: str) -> Sequence[BookRate]:
        """All of a model's, of each meter, variant and threshold; in the book's order."""
        return self._rates.get(model, ())

    @cached_property
    def _rates(self) -> Mapping[str, list[BookRate]]:
        found: dict[str, list[BookRate]] = defaultdict(list)
        for rate in self.book:
            found[rate.model].append(rate)
        return dict(found)

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


class OneSided(NamedTuple):
    """Tokens that one side tells of while the other says that there are none; ``gap`` is theirs less ours."""

    day: dt.date
    meter: str
    gap: Decimal


def _one_sided(row: Row) -> OneSided | None:
    gap = row.gap_quantity
    if not gap or row.key.meter not in TOKENS:
        return None
    lacking = row.theirs if gap < 0 else row.ours
    return OneSided(row.key.day, row.key.meter, gap) if lacking.quantity == 0 else None
