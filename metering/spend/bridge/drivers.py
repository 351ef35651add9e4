"""Who drove the change: teams and models with what each cost in both periods. They add up to the whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Sum

from catalog.visibility import Visibility
from metering.models import DailySpend, DailyUsage
from metering.spend import queries
from metering.spend.compared import Compared

SHOWN = 5
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Driver:
    """One team or model, or ``others``, so many together. USD; None: nothing of it is known.

    ``change`` is that of the amounts that are known.
    """

    name: str
    before: Decimal | None
    now: Decimal | None
    change: Decimal
    others: int = 0


def teams(*, periods: Compared, visibility: Visibility) -> tuple[Driver, ...]:
    """The greatest change first. The costs are the summaries', as the bridge's are. Two queries."""
    costs = _by_team(DailyUsage, "cost", periods, visibility)
    unpriced = _by_team(DailySpend, "unpriced", periods, visibility)
    return in_order(_driver(name, *costs.get(name, (ZERO, ZERO)), *unpriced.get(name, (0, 0)))
                    for name in sorted(costs.keys() | unpriced.keys()))  # fmt: skip


def in_order(found: Iterable[Driver]) -> tuple[Driver, ...]:
    """The greatest change first."""
    return tuple(sorted(found, key=lambda one: (-abs(one.change), one.name)))


def greatest(found: Sequence[Driver]) -> tuple[Driver, ...]:
    """SHOWN of them and the others as one; no Others where that would be a single one."""
    if len(found) <= SHOWN + 1:
        return tuple(found)
    rest = found[SHOWN:]
    others = Driver(
        name=f"{len(rest)} others",
        before=_known(one.before for one in rest),
        now=_known(one.now for one in rest),
        change=sum((one.change for one in rest), ZERO),
        others=len(rest),
    )
    return (*found[:SHOWN], others)


def _by_team(
    model: Any, column: str, periods: Compared, visibility: Visibility
) -> dict[str, tuple[Any, Any]]:
    """Before and now, by the team's name."""
    before, now = (Q(day__range=(one.start, one.end)) for one in (periods.before, periods.now))
    rows: QuerySet[Any] = visibility.restrict(model._default_manager.filter(before | now))
    sums = {
        "of_before": Sum(column, filter=before, default=0),
        "of_now": Sum(column, filter=now, default=0),
    }
    found = rows.filter(queries.of_the_same(periods.now)).order_by().values("team__name").annotate(**sums)
    return {row["team__name"]: (row["of_before"], row["of_now"]) for row in found}


def _driver(name: str, before: Decimal, now: Decimal, unpriced_before: int, unpriced_now: int) -> Driver:
    """Where nothing of a cost is known and something is not, it is unknown, not nothing."""
    return Driver(
        name=name,
        before=None if not before and unpriced_before > 0 else before,
        now=None if not now and unpriced_now > 0 else now,
        change=now - before,
    )


def _known(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, ZERO) if known else None
