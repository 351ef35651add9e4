"""Anthropic's error envelope."""

from proxy.errors import CallError
from proxy.interchange import wire

# Anthropic's types by status; its SDK raises by status, and says the type.
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def body_of(error: CallError, *, request_id: str) -> bytes:
    """``{"type": "error", "error": {...}, "request_id": ...}``

    Our own ``code`` stands in ``details.error_code``, where Anthropic's SDK looks for it.
    """
    return wire.encode({"type": "error", "error": error_of(error), "request_id": request_id})


def error_of(error: CallError) -> dict[str, object]:
    kind = TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
    details = {"error_code": error.code, **({"param": error.param} if error.param else {}), **error.details}
    return {"type": kind, "message": error.message, "details": details}


def frame_of(error: CallError, *, request_id: str) -> bytes:
    """The error as the last event of a stream: no ``message_stop`` follows."""
    return b"event: error\ndata: " + body_of(error, request_id=request_id) + b"\n\n"
