"""The tables of budgets and of their raises as files: every digit; shares to 6 decimals. None: unknown."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from metering.models import LimitRaise
from metering.spend.budgets.standing import Budget, Budgets
from metering.spend.export import Cell

COLUMNS = (
    "team", "budget_of", "each", "mode", "amount_usd", "raised_usd", "spent_usd", "set_aside_usd",
    "possibly_spent_usd", "left_usd", "used_share", "over", "until",
)  # fmt: skip

RAISE_COLUMNS = (
    "team", "budget_of", "each", "period_from", "more_usd", "what_for", "asked_by", "asked_at", "state",
    "decided_by", "decided_at", "self_approved", "note",
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


def raise_rows(raises: Iterable[LimitRaise]) -> Iterator[tuple[Cell, ...]]:
    """In the order that they are given. A budget without an end has no period."""
    yield RAISE_COLUMNS
    for one in raises:
        limit, decider = one.limit, one.decided_by
        begins = None if limit.period == "total" else one.starts_at
        asked = (one.amount, one.reason, one.asked_by.get_username(), one.asked_at, one.state)
        decided = (decider.get_username() if decider else "", one.decided_at)
        ended = (*decided, "yes" if one.self_approved else "no", one.note)
        yield (limit.team.name, limit.scope, limit.period, begins, *asked, *ended)
