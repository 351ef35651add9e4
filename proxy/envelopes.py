"""The one table from errors to what a caller is told; and the headers beside answers and errors."""

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping

from metering.errors import LedgerUnavailable, LimitReached
from proxy import endings, errors, limits_told, rates
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
    ErrorClass.TRANSPORT: (502, "upstream_unreachable"),
    ErrorClass.DEADLINE: (504, "deadline_exceeded"),
}
# Of the transport's: the vendor was waited for in vain, which is a 504. Whatever else breaks is a 502.
TIMEOUTS = frozenset(
    {"connect_timeout", "first_byte_timeout", "first_token_timeout", "idle_timeout", "total_timeout"}
)
MODEL_HEADER = "x-tallygate-model"
RESTARTING = "The gateway is being restarted. Send the call again."
CREDENTIAL_REFUSED = "{vendor} refuses the gateway's credential. Tell your platform admin."


# Vendors send these on good answers too, where they ask for nothing (wire.md c.3).
ONLY_ON_ERRORS = frozenset({"retry-after", "retry-after-ms", "x-should-retry"})

# A vendor's words in a header: ids and figures. With any other character the server refuses to send
# the whole answer, which is billed already.
_SENDABLE = re.compile(r"[\x20-\x7e\xa0-\xff]{0,500}")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


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
            return limits_told.call_error(error, now=dt.datetime.now(dt.UTC))
        case LedgerUnavailable():
            return errors.Unavailable(
                "The ledger cannot be written at the moment, so no call is accepted. Try again shortly.",
                code="ledger_unavailable",
                retry_after=5,
            )
        case RecursionError():  # only bodies nest as deep as that
            return errors.BadRequest("The body is nested too deeply.", code="invalid_json")
    return errors.CallError("Internal error of the gateway. The request id identifies it in the log.")


def headers(error: errors.CallError) -> list[tuple[bytes, bytes]]:
    """``retry-after`` in whole seconds, ``retry-after-ms`` for the SDKs that read it, ``x-should-retry`` when
    they must be told."""
    found = _of_vendors(error.headers.items())
    if error.retry_after is not None:
        wait = max(0.0, error.retry_after)
        found.append((b"retry-after", str(math.ceil(wait)).encode()))
        found.append((b"retry-after-ms", str(math.ceil(wait * 1000)).encode()))
    if error.retry is not None:
        found.append((b"x-should-retry", b"true" if error.retry else b"false"))
    return found


def refusal_headers(
    error: Exception, told: errors.CallError, *, anthropic: bool
) -> list[tuple[bytes, bytes]]:
    """Those of ``told`` and, where a limit of ours refused, what is left of the rate limits in scope."""
    if not isinstance(error, LimitReached):
        return headers(told)
    return headers(told) + rates.headers(error.rates, now=dt.datetime.now(dt.UTC), anthropic=anthropic)


def served_headers(served: Served, *, anthropic: bool = False) -> list[tuple[bytes, bytes]]:
    """Beside the answer: who served it, in how many attempts, at what cost (exact; absent when unknown), to
    how many tokens limits cut it, what the vendor was not told, and the caller's pace: of our rate limits,
    else what the vendor says of its own.

    ``anthropic``: ours under the names of Anthropic's API, not OpenAI's."""
    headers = [
        (b"x-tallygate-model", served.model.encode()),
        (b"x-tallygate-attempts", str(served.attempts).encode()),
    ]
    if served.cost_usd is not None:
        headers.append((b"x-tallygate-cost-usd", f"{served.cost_usd.normalize():f}".encode()))
    if served.overhead is not None:
        headers.append((b"x-tallygate-overhead-ms", f"{served.overhead * 1000:.1f}".encode()))
    if served.fitted is not None:
        headers.append((b"x-tallygate-max-tokens", str(served.fitted).encode()))
    if served.dropped:
        headers.append((b"x-tallygate-dropped", _UNPRINTABLE.sub("?", ", ".join(served.dropped)).encode()))
    paces = [pair for pair in served.headers.items() if pair[0] not in ONLY_ON_ERRORS]
    if served.rates:
        paces = [pair for pair in paces if not pair[0].startswith(rates.OF_VENDORS)]
        headers += rates.headers(served.rates, now=dt.datetime.now(dt.UTC), anthropic=anthropic)
    return headers + _of_vendors(paces)


def _of_vendors(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Those that can be sent; a vendor's oddity must not cost the caller the answer."""
    stripped = ((name, value.strip(" \t")) for name, value in headers)
    return [
        (name.encode(), value.encode("latin-1")) for name, value in stripped if _SENDABLE.fullmatch(value)
    ]


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


def asked(model: str, *, attempts: int) -> dict[str, str]:
    """Who failed, and in how many attempts: to stand with the failure's headers, as ``served_headers`` tell
    who served. No vendor can say it in our place: ``faults.passed_on`` lets no such name through."""
    return {MODEL_HEADER: model, "x-tallygate-attempts": str(attempts)}


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
    if error.error_class is ErrorClass.TRANSPORT and error.code in TIMEOUTS:
        status = 504
    if error.error_class is ErrorClass.DEADLINE and error.code == endings.STOPPING:
        return errors.Unavailable(RESTARTING, code=endings.STOPPING, retry_after=1, headers=passed_on)
    if error.error_class is ErrorClass.RATE_LIMITED:  # not retried by us, so SDKs may
        return errors.RateLimited(
            f"The vendor said: {error.message}",
            code=code,
            retry_after=error.retry_after,
            headers=passed_on,
            retry=_vendor_says_retry(error),
        )
    return errors.UpstreamFailed(
        _failed(error),
        status=status,
        code=code,
        retry_after=error.retry_after,
        headers=passed_on,
    )


def _failed(error: VendorError) -> str:
    """Who, and why: in the vendor's words, but for a credential's refusal, not for callers."""
    model = error.headers.get(MODEL_HEADER)
    if error.error_class is ErrorClass.CREDENTIAL:
        return CREDENTIAL_REFUSED.format(vendor=f"The vendor of {model}" if model else "The vendor")
    who = model or "The vendor"
    return f"{who} failed: {error.message}" if error.message else f"{who} failed."


def tool_unpriced(tool: str, *, limit_id: int, period: str) -> errors.CallError:
    """A tool that the vendor runs and bills at a rate that no price row has, under a hard budget."""
    return errors.Forbidden(
        f"The vendor bills the tool {tool[:100]!r} apart from tokens, at a rate that the catalog has no "
        "place for, and a hard budget cannot cover what it cannot price. Leave the tool out, or ask your "
        "platform admin for a key without a hard budget in USD.",
        code="tool_unpriced",
        param="tools",
        details={"limit_id": limit_id, "period": period},
        retry=False,
    )
