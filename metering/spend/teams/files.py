"""The tables of teams and keys as files: every digit; quotients to 12 decimals, shares to 6."""

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal

from metering.spend import export
from metering.spend.budgets.standing import Budget
from metering.spend.export import Cell
from metering.spend.teams.key_rows import Key, Keys
from metering.spend.teams.pages import TeamRow
from metering.spend.teams.spending import Spend

Row = tuple[Cell, ...]
TEAM_COLUMNS = (
    "team", "title", "cost_center", "state", "as_of", "time_zone", "cost_this_month_usd", "unpriced_entries",
    "calls", "month_end_usd", "month_end_low_usd", "month_end_high_usd", "fullest_budget", "budget_usd",
    "budget_used_share", "budget_left_usd", "keys_in_use",
)  # fmt: skip
KEY_COLUMNS = (
    "key", "secret_begins_with", "state", "old_secret_until", "from", "to", "time_zone", "cost_usd",
    "unpriced_entries", "calls", "last_used", "may_call", "made_at", "expires_at", "revoked_at",
)  # fmt: skip


def team_rows(teams: Iterable[TeamRow], *, today: dt.date, time_zone: str) -> Iterator[Row]:
    """The dearest of this month first."""
    yield TEAM_COLUMNS
    for one in teams:
        state = "enabled" if one.enabled else "disabled"
        band = one.month_end.band if one.month_end else None
        ends = (_rounded(band.mid, 12), _rounded(band.low, 12), _rounded(band.high, 12)) if band else _NOTHING
        month = (one.month.known_cost, one.month.unpriced, one.month.calls)
        named = (one.name, one.title, one.cost_center, state, today, time_zone)
        yield (*named, *month, *ends, *_fullest(one.budget), one.keys)


def key_rows(keys: Keys, *, spend: Spend, time_zone: str) -> Iterator[Row]:
    """Those with figures, then the revoked ones without any in the period."""
    period = (spend.filters.start, spend.filters.end, time_zone)
    yield KEY_COLUMNS
    for one in (*keys.shown, *keys.quiet):
        named = (one.name, one.prefix, one.state, one.old_until)
        yield (*named, *period, *_used(one), one.created_at, one.expires_at, one.revoked_at)


def model_rows(spend: Spend, *, time_zone: str) -> Iterator[Row]:
    """What a team or a key spent on each model, the dearest first, then together."""
    return export.group_rows(
        spend.models, spend.total, what="model", filters=spend.filters, time_zone=time_zone
    )


def _used(one: Key) -> Row:
    names = " ".join(one.models)
    return (one.totals.known_cost, one.totals.unpriced, one.totals.calls, one.last_used, names)


def _fullest(budget: Budget | None) -> Row:
    if budget is None:
        return "", None, None, None
    share = None if budget.share is None else _rounded(budget.share, 6)
    return f"{budget.scope}, {budget.period}", budget.ceiling, share, budget.left


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places))


_NOTHING: Row = (None, None, None)
