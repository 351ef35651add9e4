"""Both sides laid side by side, as finely as both tell. Pure.

Note [Grain]: a report that is not grouped says one sum for a day, or for a model. Then the ledger's figures
are added up as far, for money and for quantities apart: each dollar and each token is in one row. Where a
report tells no quantity, tokens stand beside their money. Requests are no tokens and are not added to them.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from metering.reconciliation.ledger import Days
from metering.reconciliation.sides import (
    ALL,
    REQUESTS,
    TOKENS,
    ZERO,
    Amounts,
    Cell,
    Facts,
    Key,
    OurDay,
    Row,
    joined,
)
from metering.reconciliation.theirs import Theirs

NOT_OURS = ("tool", "credit", "tax", "rounding", "adjustment", "unmapped")


@dataclass(frozen=True)
class Grain:
    """How far figures are added up: over these days whole, over these models of a day whole."""

    days: frozenset[dt.date]
    models: frozenset[tuple[dt.date, str]]

    def of(self, key: Key) -> Key:
        if key.meter in NOT_OURS:
            return key
        if key.day in self.days:
            return Key(key.day, "", ALL)
        if key.meter in TOKENS and (key.day, key.model) in self.models:
            return Key(key.day, key.model, ALL)
        return key


@dataclass
class _Sums:
    ours: dict[Key, Decimal]
    theirs: dict[Key, Decimal]

    def __init__(self) -> None:
        self.ours, self.theirs = defaultdict(Decimal), {}


def rows(*, ours: Days, theirs: Theirs) -> list[Row]:
    """One row for each key that either side knows, in order."""
    money = _grain(ours, theirs, "usd")
    counts = _beside(money, _grain(ours, theirs, "quantity"), theirs)
    usd, quantities = _Sums(), _Sums()
    for key, amounts in _ours(ours):
        usd.ours[money.of(key)] += amounts.usd or ZERO
        if amounts.quantity is not None:
            quantities.ours[_counted(counts, key)] += amounts.quantity
    cells: dict[Key, Cell] = defaultdict(Cell)
    for key, cell in theirs.cells.items():
        _tell(usd.theirs, money.of(key), cell.usd)
        _tell(quantities.theirs, _counted(counts, key), cell.quantity)
        for row in {money.of(key), _counted(counts, key)}:
            cells[row].add(cell)
    keys = {key for sums in (usd, quantities) for side in (sums.ours, sums.theirs) for key in side}
    facts, rates = _facts(ours), _Rates(ours)
    paired = []
    for place in sorted(keys | set(cells)):
        mine, said = _amounts(place, usd, quantities, theirs)
        known = facts.get((place.day, place.model), Facts())
        paired.append(Row(place, mine, said, cells.get(place), known, rates.of(place)))
    return paired


def _amounts(key: Key, usd: _Sums, quantities: _Sums, theirs: Theirs) -> tuple[Amounts, Amounts]:
    """Where one side tells and the other has nothing, that is 0; where no report speaks, it is not known."""
    mine = Amounts(quantities.ours.get(key), usd.ours.get(key))
    told = Amounts(quantities.theirs.get(key), usd.theirs.get(key))
    if key in usd.ours or key in usd.theirs:
        mine = mine._replace(usd=mine.usd or ZERO)
        if told.usd is None and key.day in theirs.cost:
            told = told._replace(usd=ZERO)
    if key.meter not in NOT_OURS and (key in quantities.ours or key in quantities.theirs):
        mine = mine._replace(quantity=mine.quantity or ZERO)
        if told.quantity is None and key.day in theirs.usage:
            told = told._replace(quantity=ZERO)
    return mine, told


class _Rates:
    """USD a token of ours, of the day or else of the nearest other day; None when nothing was called."""

    def __init__(self, ours: Days) -> None:
        self._by_model: dict[str, list[tuple[dt.date, OurDay]]] = defaultdict(list)
        for (day, name), known in ours.items():
            self._by_model[name].append((day, known))
        self._paid: dict[tuple[str, str], list[tuple[dt.date, Decimal]]] = {}

    def of(self, key: Key) -> Decimal | None:
        place = key.model, key.meter
        if place not in self._paid:
            self._paid[place] = list(self._days_of(*place))
        nearest = min(self._paid[place], key=lambda paid: (abs(paid[0] - key.day), paid[0]), default=None)
        return None if nearest is None else nearest[1]

    def _days_of(self, model: str, meter: str) -> Iterator[tuple[dt.date, Decimal]]:
        for day, known in self._by_model.get(model, ()):
            if (rate := _paid(known, TOKENS if meter == ALL else (meter,))) is not None:
                yield day, rate


def _paid(known: OurDay, meters: tuple[str, ...]) -> Decimal | None:
    tokens = sum((known.quantities.get(name, ZERO) for name in meters), ZERO)
    usd = sum((known.usd.get(name, ZERO) for name in (*meters, ALL)), ZERO)
    return usd / tokens if tokens > 0 and usd > 0 else None


def _ours(days: Days) -> Iterator[tuple[Key, Amounts]]:
    for (day, model), known in days.items():
        for meter in {*known.quantities, *known.usd}:
            told = Amounts(known.quantities.get(meter), known.usd.get(meter))
            yield Key(day, "" if meter == REQUESTS else model, meter), told


def _tell(sums: dict[Key, Decimal], key: Key, told: Decimal | None) -> None:
    found = joined(sums.get(key), told)
    if found is not None:
        sums[key] = found


def _grain(ours: Days, theirs: Theirs, figure: str) -> Grain:
    told = [key for key, cell in theirs.cells.items() if getattr(cell, figure) is not None]
    models = {(key.day, key.model) for key in told if key.meter == ALL and key.model}
    if figure == "usd":
        models |= {place for place, known in ours.items() if known.unsplit}
    days = {key.day for key in told if not key.model and key.meter in (ALL, *TOKENS)}
    return Grain(frozenset(days), frozenset(models))


def _beside(money: Grain, counts: Grain, theirs: Theirs) -> Grain:
    """Days and models of which the vendor tells money alone: our tokens are added up as far as the money."""
    told = [
        key for key, cell in theirs.cells.items() if cell.quantity is not None and key.meter in (ALL, *TOKENS)
    ]
    days = {key.day for key in told} | set(theirs.usage)
    models = {(key.day, key.model) for key in told}
    return Grain(
        counts.days | (money.days - days),
        counts.models | {place for place in money.models - models if place[0] not in theirs.usage},
    )


def _counted(counts: Grain, key: Key) -> Key:
    return key if key.meter == REQUESTS else counts.of(key)


def _facts(ours: Days) -> dict[tuple[dt.date, str], Facts]:
    """By day and model, and by day over all models."""
    found: dict[tuple[dt.date, str], Facts] = {}
    for (day, model), known in ours.items():
        for place in ((day, model), (day, "")):
            found.setdefault(place, Facts()).add(known.facts)
    return found
