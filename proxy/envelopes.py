"""The one table from errors to what a caller sees, in the shape of the API that was called (OpenAI's)."""

import datetime as dt
import math
from collections.abc import Mapping

import msgspec

from metering.errors import LedgerUnavailable, LimitReached
from proxy import errors
from proxy.adapters.base import ErrorClass, UnsupportedField, VendorError

# Vendor failure -> status and code for the caller. A vendor's 401 is our credential's fault, not theirs.
UPSTREAM: Mapping[ErrorClass, tuple[int, str]] = {
    ErrorClass.MODEL_UNAVAILABLE: (502, "upstream_model_unavailable"),
    ErrorClass.CREDENTIAL: (502, "upstream_credential_rejected"),
    ErrorClass.CREDENTIAL_FUNDS: (502, "upstream_out_of_funds"),
    ErrorClass.RATE_LIMITED: (429, "upstream_rate_limited"),
    ErrorClass.OVERLOADED: (503, "upstream_overloaded"),
    ErrorClass.PROVIDER: (502, "upstream_error"),
    ErrorClass.TRANSPORT: (504, "upstream_unreachable"),
    ErrorClass.DEADLINE: (504, "deadline_exceeded"),
}


def call_error(error: Exception) -> errors.CallError:
    """Any error of the calls door as a CallError; what is not known to us is a 500 without details."""
    match error:
        case errors.CallError():
            return error
        case VendorError():
            return _of_vendor(error)
        case UnsupportedField():
            return errors.BadRequest(
                f"{error.field}: {error.reason} ({error.vendor} cannot do it)",
                code="unsupported_parameter",
                param=error.field,
            )
        case LimitReached():
            return _of_limit(error)
        case LedgerUnavailable():
            return errors.Unavailable(
                "The ledger cannot be written at the moment, so no call is accepted. Try again shortly.",
                code="ledger_unavailable",
                retry_after=1,
            )
    return errors.CallError("Internal error of the gateway. The request id identifies it in the log.")


def body(error: errors.CallError) -> bytes:
    """The OpenAI error envelope."""
    return msgspec.json.encode(
        {
            "error": {
                "message": error.message,
                "type": error.type,
                "param": error.param,
                "code": error.code,
                **error.details,
            }
        }
    )


def headers(error: errors.CallError) -> list[tuple[bytes, bytes]]:
    """``retry-after`` in whole seconds, ``x-should-retry`` when the SDKs must be told."""
    found: list[tuple[bytes, bytes]] = []
    if error.retry_after is not None:
        found.append((b"retry-after", str(max(0, math.ceil(error.retry_after))).encode()))
    if error.retry is not None:
        found.append((b"x-should-retry", b"true" if error.retry else b"false"))
    return found


def frame(error: errors.CallError) -> bytes:
    """The error as the last event of a stream that had begun."""
    return b"data: " + body(error) + b"\n\n"


def _of_vendor(error: VendorError) -> errors.CallError:
    if error.error_class is ErrorClass.CALLER:
        status = error.status if error.status and 400 <= error.status < 500 else 400
        return errors.UpstreamFailed(
            error.message,
            status=status,
            code=error.code or "invalid_request",
            type="invalid_request_error",
            param=error.param,
        )
    status, code = UPSTREAM[error.error_class]
    if error.error_class is ErrorClass.RATE_LIMITED:  # not retried by us, so SDKs may
        return errors.RateLimited(
            f"The vendor said: {error.message}", code=code, retry_after=error.retry_after
        )
    return errors.UpstreamFailed(
        f"The vendor failed: {error.message}" if error.message else "The vendor failed.",
        status=status,
        code=code,
        retry_after=error.retry_after,
    )


def _of_limit(error: LimitReached) -> errors.CallError:
    details = {"limit_id": error.limit_id, "period": error.period, "resets_at": error.resets_at.isoformat()}
    if error.reason == "unpriced":
        return errors.Forbidden(
            "This model has no price in force, and a hard budget cannot cover what it cannot price. "
            "A catalog admin can add a price at /admin/catalog/price/.",
            code="model_unpriced",
            param="model",
            details=details,
            retry=False,
        )
    if error.reason == "usd":
        return errors.OutOfBudget(
            "The total budget has no room for this call."
            if error.period == "total"
            else f"The budget of this {error.period} has no room for this call; "
            f"it begins anew at {error.resets_at:%Y-%m-%d %H:%M} UTC.",
            details=details,
        )
    if error.period == "total":  # it never begins anew
        return errors.RateLimited(f"The limit on {error.reason} is reached.", details=details, retry=False)
    return errors.RateLimited(
        f"The limit on {error.reason} for this {error.period} is reached.",
        details=details,
        retry_after=_wait(error),
    )


def _wait(error: LimitReached) -> float:
    return max(0.0, (error.resets_at - dt.datetime.now(dt.UTC)).total_seconds())
