"""Everything that the bridge shows for two periods."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from itertools import groupby

from catalog.visibility import Visibility
from metering.spend.bridge import decomposition, drivers
from metering.spend.bridge.decomposition import NO_SIDE, Effects, Side
from metering.spend.bridge.drivers import Driver
from metering.spend.compared import Compared
from metering.spend.economics import models
from metering.spend.economics.usage import Used, added_up, priced_usage
from metering.spend.filters import Filters
from metering.summaries import summing

ZERO = Decimal(0)
NAMES = tuple(one.name for one in fields(Effects))


@dataclass(frozen=True, slots=True)
class ModelChange:
    """What one model cost in both periods (USD; None: unknown), and why the second is another amount."""

    model: str
    before: Decimal | None
    now: Decimal | None
    effects: Effects
    remark: str  # "new", "gone" or empty


@dataclass(frozen=True, slots=True)
class Total:
    """One period as a whole. Entries of unknown cost, counted by model, are in no amount."""

    filters: Filters
    used: Used
    sides: Mapping[str, Side]  # by model
    unpriced_of: Mapping[str, int]

    @property
    def cost(self) -> Decimal:
        return self.used.cost

    @property
    def tokens(self) -> int:
        return self.used.total_input + self.used.total_output

    @property
    def unpriced(self) -> int:
        return sum(self.unpriced_of.values())

    def side(self, model: str) -> Side:
        return self.sides.get(model, NO_SIDE)

    def cost_of(self, model: str) -> Decimal | None:
        """Where nothing of it is known and something is not, it is unknown, not nothing."""
        cost = self.side(model).total
        return None if not cost and self.unpriced_of.get(model) else cost


@dataclass(frozen=True, slots=True)
class Bridge:
    """``models`` and ``teams``: the greatest change first. ``behind``: the newest entries are missing."""

    periods: Compared
    before: Total
    now: Total
    effects: Effects
    models: tuple[ModelChange, ...]
    teams: tuple[Driver, ...]
    behind: bool

    @property
    def empty(self) -> bool:
        return not self.models

    @property
    def difference(self) -> Decimal:
        return self.now.cost - self.before.cost

    @property
    def by_model(self) -> tuple[Driver, ...]:
        return tuple(Driver(one.model, one.before, one.now, one.effects.total) for one in self.models)

    @property
    def unpriced(self) -> int:
        """Of both periods: what is known is not all."""
        return self.before.unpriced + self.now.unpriced


def bridge(*, periods: Compared, visibility: Visibility) -> Bridge:
    """Brings the summaries up to date, then eight queries at most."""
    behind = summing.catch_up().behind
    before = _total(periods.before, visibility)
    now = _total(periods.now, visibility)
    effects = decomposition.decompose(before.sides, now.sides)
    changes = [_change(model, before, now, made) for model, made in effects.items()]
    return Bridge(
        periods=periods,
        before=before,
        now=now,
        effects=decomposition.added_up(effects.values()),
        models=tuple(sorted(changes, key=lambda one: (-abs(one.effects.total), one.model))),
        teams=drivers.teams(periods=periods, visibility=visibility),
        behind=behind,
    )


def _total(filters: Filters, visibility: Visibility) -> Total:
    rows = priced_usage(filters=filters, visibility=visibility)
    by_model = groupby(rows, key=lambda row: row.model)
    totals = models.totals(filters=filters, visibility=visibility)
    return Total(
        filters=filters,
        used=added_up(rows),
        sides={model: decomposition.side(group) for model, group in by_model},
        unpriced_of={model: found.unpriced for model, found in totals.items() if found.unpriced > 0},
    )


def _change(model: str, before: Total, now: Total, effects: Effects) -> ModelChange:
    a, b = before.side(model), now.side(model)
    remark = "new" if b.tokens and not a.tokens else "gone" if a.tokens and not b.tokens else ""
    return ModelChange(model, before.cost_of(model), now.cost_of(model), effects, remark)
