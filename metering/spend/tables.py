"""The rows of a spend table and their order. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from metering.spend.totals import Totals

Figure = int | Decimal | None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """The totals of one group; ``values`` and ``labels`` follow the dimensions asked for.

    ``parts``: the values of the first dimension's fields.
    """

    values: tuple[str, ...]
    labels: tuple[str, ...]
    totals: Totals
    parts: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        return self.values[0]

    @property
    def label(self) -> str:
        return self.labels[0]


FIGURES: dict[str, Callable[[Totals], Figure]] = {
    "cost": lambda totals: totals.known_cost,
    "unknown": lambda totals: totals.unpriced,
    "calls": lambda totals: totals.calls,
    "attempts": lambda totals: totals.attempts,
    "tokens": lambda totals: totals.tokens,
    "input": lambda totals: totals.total_input,
    "output": lambda totals: totals.output,
    "reasoning": lambda totals: totals.reasoning,
    "latency": lambda totals: totals.average_latency_ms,
}


def ordered(
    rows: Iterable[GroupRow], *, sort: str, average: Callable[[Totals], Figure]
) -> tuple[GroupRow, ...]:
    """Names from A on, figures from the greatest on; what is unknown comes last."""
    if sort == "name":
        return tuple(sorted(rows, key=lambda row: row.labels))
    figure = average if sort == "average" else FIGURES[sort or "cost"]

    def place(row: GroupRow) -> tuple[bool, Decimal, tuple[str, ...]]:
        shown = figure(row.totals)
        return (shown is None, -Decimal(shown or 0), row.labels)

    return tuple(sorted(rows, key=place))
