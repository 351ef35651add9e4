"""What a caller is told when a limit refuses: which, what was asked, what is left, and when to come back."""

import datetime as dt
from decimal import Decimal

from metering.errors import LimitReached
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
    return errors.Forbidden(
        "This model has no price in force, and a hard budget cannot cover what it cannot price. "
        "A catalog admin can add a price at /admin/catalog/price/.",
        code="model_unpriced",
        param="model",
        details=_details(error),
        retry=False,
    )


def _budget(error: LimitReached) -> errors.CallError:
    said = "The total budget" if error.period == "total" else f"The budget of this {error.period}"
    said += " has no room for this call"
    if error.asked is not None:
        said += (
            f", which may cost {_plain(error.asked)} USD: {_plain(_left(error))} USD are left, without what"
            " open calls have set aside"
        )
    if error.period != "total":
        said += f"; it begins anew at {error.resets_at:%Y-%m-%d %H:%M} UTC"
    return errors.OutOfBudget(said + ".", details=_details(error))


def _concurrency(error: LimitReached) -> errors.CallError:
    most = "" if error.amount is None else f" of {_plain(error.amount)}"
    return errors.RateLimited(
        f"The limit{most} on calls in flight at once is reached.",
        code="concurrency_limit_reached",
        details={"limit_id": error.limit_id},
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


def _details(error: LimitReached) -> dict[str, object]:
    """Fields of the error. Amounts are decimals as strings, in the limit's unit."""
    details: dict[str, object] = {
        "limit_id": error.limit_id,
        "period": error.period,
        "resets_at": error.resets_at.isoformat(),
    }
    if error.asked is not None:
        details |= {"asked": _plain(error.asked), "left": _plain(_left(error))}
    return details


def _left(error: LimitReached) -> Decimal:
    return max(error.room, Decimal(0))


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
