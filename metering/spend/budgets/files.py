"""The table of budgets as a file: every digit; shares to 6 decimals. None: no call in its period yet."""

from collections.abc import Iterator
from decimal import Decimal

from metering.spend.budgets.standing import Budget, Budgets
from metering.spend.export import Cell

COLUMNS = (
    "team", "budget_of", "each", "mode", "amount_usd", "raised_usd", "spent_usd", "set_aside_usd",
    "possibly_spent_usd", "left_usd", "used_share", "over", "until",
)  # fmt: skip


def rows(budgets: Budgets) -> Iterator[tuple[Cell, ...]]:
    """The fullest first, as on the page."""
    yield COLUMNS
    for one in budgets.rows:
        yield _row(one)


def _row(one: Budget) -> tuple[Cell, ...]:
    mode = "hard" if one.hard else "soft"
    share = None if one.share is None else one.share.quantize(Decimal("0.000001"))
    standing = (one.spent, one.held, one.exposed, one.left, share, "yes" if one.over else "no")
    return (one.team, one.scope, one.period, mode, one.amount, one.raised, *standing, one.ends_at)
