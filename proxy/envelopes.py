"""The one table from errors to what a caller is told; and the headers beside answers and errors."""

import datetime as dt
import math
from collections.abc import Mapping

from metering.errors import LedgerUnavailable, LimitReached
from proxy import errors
from proxy.adapters.base import ErrorClass, InvalidField, UnsupportedField, VendorError
from proxy.job import Served

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


# Vendors send these on good answers too, where they ask for nothing (wire.md c.3).
ONLY_ON_ERRORS = frozenset({"retry-after", "retry-after-ms", "x-should-retry"})


def call_error(error: Exception) -> errors.CallError:
    """Any error of the calls door as a CallError; what is not known to us is a 500 without details."""
    match error:
        case errors.CallError():
            return error
        case VendorError():
            return _of_vendor(error)
        case UnsupportedField():
            return errors.BadRequest(
                f"{error.field}: {error.reason}. Leave it out, or call a model of another vendor than "
                f"{error.vendor}.",
                code="unsupported_parameter",
                param=error.field,
            )
        case InvalidField():
            return errors.BadRequest(
                f"{error.field}: {error.reason}", code="invalid_value", param=error.field
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


def headers(error: errors.CallError) -> list[tuple[bytes, bytes]]:
    """``retry-after`` in whole seconds, ``x-should-retry`` when the SDKs must be told."""
    found = [(name.encode(), value.encode("latin-1", "replace")) for name, value in error.headers.items()]
    if error.retry_after is not None:
        found.append((b"retry-after", str(max(0, math.ceil(error.retry_after))).encode()))
    if error.retry is not None:
        found.append((b"x-should-retry", b"true" if error.retry else b"false"))
    return found


def served_headers(served: Served) -> list[tuple[bytes, bytes]]:
    """Beside the answer: who served it, in how many attempts, at what cost (exact; absent when unknown), what
    the vendor was not told, and what it says of the caller's pace."""
    headers = [
        (b"x-tallygate-model", served.model.encode()),
        (b"x-tallygate-attempts", str(served.attempts).encode()),
    ]
    if served.cost_usd is not None:
        headers.append((b"x-tallygate-cost-usd", f"{served.cost_usd.normalize():f}".encode()))
    if served.dropped:
        headers.append((b"x-tallygate-dropped", ", ".join(served.dropped).encode("ascii", "replace")))
    headers += [
        (name.encode(), value.encode("latin-1", "replace"))
        for name, value in served.headers.items()
        if name not in ONLY_ON_ERRORS
    ]
    return headers


def _passed_on(error: VendorError) -> dict[str, str]:
    """The vendor's request id and pace. Its waits are ours to say; its ``x-should-retry`` stands only where
    we have not retried ourselves (docs/decisions/0017)."""
    kept = {name: value for name, value in error.headers.items() if name not in ONLY_ON_ERRORS}
    if error.upstream_id:
        kept.setdefault("x-upstream-request-id", error.upstream_id)
    return kept


def _vendor_says_retry(error: VendorError) -> bool | None:
    said = error.headers.get("x-should-retry")
    return None if said is None else said == "true"


def _of_vendor(error: VendorError) -> errors.CallError:
    passed_on = _passed_on(error)
    if error.error_class is ErrorClass.CALLER:
        status = error.status if error.status and 400 <= error.status < 500 else 400
        return errors.UpstreamFailed(
            error.message,
            status=status,
            code=error.code or "invalid_request",
            type="invalid_request_error",
            param=error.param,
            headers=passed_on,
            retry=_vendor_says_retry(error),
        )
    status, code = UPSTREAM[error.error_class]
    if error.error_class is ErrorClass.RATE_LIMITED:  # not retried by us, so SDKs may
        return errors.RateLimited(
            f"The vendor said: {error.message}",
            code=code,
            retry_after=error.retry_after,
            headers=passed_on,
            retry=_vendor_says_retry(error),
        )
    return errors.UpstreamFailed(
        f"The vendor failed: {error.message}" if error.message else "The vendor failed.",
        status=status,
        code=code,
        retry_after=error.retry_after,
        headers=passed_on,
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
