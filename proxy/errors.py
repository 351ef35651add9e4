"""What callers are told when a call fails. Facts are attributes; the dialects give them a shape.

CallError                 status, code, type, param, headers
|-- BadRequest            400  the body or a field of it
|-- Unauthorized          401  no key, a wrong one, an expired one
|-- Forbidden             403  a model that this key may not call, or one that a budget cannot price
|-- NotFound              404  no such model or path
|-- MethodNotAllowed      405
|-- RequestTimeout        408  the body did not come in time
|-- Conflict              409  what an Idempotency-Key stands for cannot be answered now, or again
|-- TooLarge              413
|-- KeyReused             422  an Idempotency-Key that stands for another request
|-- OutOfBudget           429  a budget has no room: do not retry
|-- RateLimited           429  a rate limit has no room, or the vendor said so: retry after
|-- UpstreamFailed        4xx/5xx  the vendor refused or failed
`-- Unavailable           503  we cannot serve now: the ledger, or no usable provider
"""

from collections.abc import Mapping


class CallError(Exception):
    """Root. ``retry`` False tells SDKs not to repeat the call by themselves (``x-should-retry``); ``headers``
    are the vendor's own that callers may see."""

    status = 500
    code: str | None = "internal_error"
    type = "api_error"
    retry: bool | None = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        status: int | None = None,
        type: str | None = None,
        retry: bool | None = None,
        retry_after: float | None = None,
        details: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.details = details or {}
        self.headers = headers or {}
        self.code = code or self.code
        self.status = status or self.status
        self.type = type or self.type
        self.retry = self.retry if retry is None else retry


class BadRequest(CallError):
    status, code, type = 400, "invalid_request", "invalid_request_error"


class Unauthorized(CallError):
    status, code, type = 401, "invalid_api_key", "invalid_request_error"


class Forbidden(CallError):
    status, code, type = 403, "model_not_allowed", "permission_error"


class NotFound(CallError):
    status, code, type = 404, "not_found", "invalid_request_error"


class MethodNotAllowed(CallError):
    status, code, type = 405, "method_not_allowed", "invalid_request_error"


class RequestTimeout(CallError):
    status, code, type = 408, "request_timeout", "invalid_request_error"


class Conflict(CallError):
    status, code, type = 409, "conflict", "idempotency_error"


class TooLarge(CallError):
    status, code, type = 413, "request_too_large", "invalid_request_error"


class KeyReused(CallError):
    status, code, type, retry = 422, "idempotency_key_reused", "idempotency_error", False


class OutOfBudget(CallError):
    status, code, type, retry = 429, "budget_exceeded", "insufficient_quota", False


class RateLimited(CallError):
    status, code, type = 429, "rate_limit_exceeded", "rate_limit_error"


class UpstreamFailed(CallError):
    status, code, type, retry = 502, "upstream_error", "api_error", False


class Unavailable(CallError):
    status, code, type = 503, "unavailable", "api_error"
