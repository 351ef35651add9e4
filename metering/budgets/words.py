"""How a budget is called in sentences: to callers, in mails, on pages."""

from decimal import Decimal

from metering.spend import money


def scope(*, scope: str, named: str, team: str) -> str:
    """``team search``; ``key ci of team search``. ``scope``: team, key, model or tag."""
    return f"team {team}" if scope == "team" else f"{scope} {named} of team {team}"


def adjective(period: str) -> str:
    """``monthly``"""
    return {"total": "total", "day": "daily"}.get(period, f"{period}ly")


def usd(amount: Decimal) -> str:
    """Every digit, two decimals at least, without a sign of its currency: ``1.00``."""
    return money.rate_usd(amount).removeprefix("$")


def path(limit_id: int) -> str:
    """Of the budget's own page."""
    return f"/spend/budgets/{limit_id}/"
