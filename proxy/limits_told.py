"""What a caller is told when a limit refuses: which, what was asked, what is left, when it begins anew, and
whom to ask."""

import datetime as dt
from decimal import Decimal

from django.conf import settings

from metering.budgets import words
from metering.errors import LimitReached
from metering.spend import money
from proxy import errors

SLOT_SECONDS = 1.0  # when a slot comes free nobody knows
LONGEST_WAIT_SECONDS = 3600.0  # of a limit a day or longer; held tokens may come free much sooner
LONGEST_SDK_WAIT_SECONDS = 60.0  # the SDKs take no longer wait: they would come back within seconds


def call_error(error: LimitReached, *, now: dt.datetime) -> errors.CallError:
    match error.reason:
        case "unpriced":
            return _unpriced(error)
        case "usd":
            return _budget(error)
        case "concurrency":
            return _concurrency(error)
    return _rate(error, now)


def _unpriced(error: LimitReached) -> errors.CallError:
    model = f"The model {error.model}" if error.model else "This model"
    return errors.Forbidden(
        f"{model} has no price in force, and a hard budget cannot cover what it cannot price. "
        "A catalog admin can add a price at /admin/catalog/price/.",
        code="model_unpriced",
        param="model",
        details=_details(error),
        retry=False,
    )


def _budget(error: LimitReached) -> errors.CallError:
    amounts = "" if error.limit.hides_amounts else _amounts(error)
    anew = f" It begins anew at {error.resets_at:%Y-%m-%d %H:%M} UTC." if error.period != "total" else ""
    limit = error.limit
    scope = words.scope(scope=limit.scope, named=limit.named, team=limit.team)
    return errors.OutOfBudget(
        f"The {words.adjective(error.period)} budget of {scope} has no room for this call{amounts}.{anew}"
        f" {_whom_to_ask(error)}",
        details=_details(error) | {"ask": _ask(error)},
    )


def _amounts(error: LimitReached) -> str:
    """``: it may cost 0.60 USD, and of 50.00 USD ...``; empty where nothing is known."""
    if error.asked is None or error.amount is None or error.spent is None or error.held is None:
        return ""
    usd = words.usd
    exposed = f", up to {usd(error.exposed)} possibly spent" if error.exposed else ""
    return (
        f": it may cost {usd(error.asked)} USD, and of {usd(error.amount)} USD {usd(error.spent)} are spent"
        f"{exposed} and {usd(error.held)} held by open calls, so {usd(_left(error))} are left"
    )


def _ask(error: LimitReached) -> str:
    """Where more can be asked for: the budget's own page."""
    return f"{settings.PUBLIC_URL}{words.path(error.limit_id)}"


def _whom_to_ask(error: LimitReached) -> str:
    whom = f"Ask {error.limit.contact} for more" if error.limit.contact else "More can be asked for"
    return f"{whom}: {_ask(error)}"


def _concurrency(error: LimitReached) -> errors.CallError:
    most = "" if error.amount is None else f" of {_plain(error.amount)}"
    return errors.RateLimited(
        f"The limit{most} on calls in flight at once is reached.",
        code="concurrency_limit_reached",
        details=_named(error),
        retry_after=SLOT_SECONDS,
        retry=True,
    )


def _rate(error: LimitReached, now: dt.datetime) -> errors.CallError:
    details = _details(error)
    if error.asked is not None and error.amount is not None and error.asked > error.amount:
        return errors.RateLimited(
            f"This call alone needs {_plain(error.asked)} {error.reason}, and the limit is"
            f" {_plain(error.amount)}. Send less, or ask for fewer with max_tokens.",
            details=details,
            retry=False,
        )
    if error.period == "total":  # it never begins anew
        return errors.RateLimited(f"The limit on {error.reason} is reached.", details=details, retry=False)
    wait = max(0.0, (error.resets_at - now).total_seconds())
    return errors.RateLimited(
        f"The limit on {error.reason} for this {error.period} is reached.",
        details=details,
        retry_after=min(wait, LONGEST_WAIT_SECONDS),
        retry=False if wait > LONGEST_SDK_WAIT_SECONDS else None,
    )


def _named(error: LimitReached) -> dict[str, object]:
    """Which limit it is."""
    limit = error.limit
    return {
        "limit_id": limit.id,
        "team": limit.team,
        "scope": limit.scope,
        "scope_name": limit.named,
        "unit": limit.unit,
    }


def _details(error: LimitReached) -> dict[str, object]:
    """Fields of the error. Amounts are decimals as strings, in the limit's unit."""
    resets_at = None if error.period == "total" else error.resets_at.isoformat()
    details = _named(error) | {"period": error.period, "resets_at": resets_at}
    if error.limit.unit == "usd" and error.limit.hides_amounts:
        return details
    amounts = {
        "amount": error.amount,
        "spent": error.spent,
        "held": error.held,
        "exposed": error.exposed,
        "asked": error.asked,
        "left": _left(error) if error.asked is not None else None,
    }
    return details | {name: _plain(amount) for name, amount in amounts.items() if amount is not None}


def _left(error: LimitReached) -> Decimal:
    return max(error.room, Decimal(0))


def _plain(amount: Decimal) -> str:
    return money.exact(amount)
