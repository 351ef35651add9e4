"""What Anthropic does around every answer: keys, versions, errors, headers, models."""

import time
from typing import Any

import msgspec

from proxy.sandbox import wire
from proxy.sandbox.anthropic_rules import VERSIONS
from proxy.sandbox.ask import Json, Refused
from proxy.sandbox.control import Knobs
from proxy.sandbox.profiles import MODELS
from proxy.sandbox.wire import Headers

ERRORS = {
    400: ("invalid_request_error", "Bad request"),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    409: ("conflict_error", "Conflict"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: (
        "rate_limit_error",
        "This request would exceed your organization's rate limit. Please try again later.",
    ),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
OVERLOADED = 529
ORGANIZATION = b"00000000-0000-4000-8000-000000000000"
RESET_SECONDS = 60
# What is limited -> (limit, remaining), as every answer reports them.
LIMITS = {
    b"requests": (b"4000", b"3999"),
    b"tokens": (b"480000", b"480000"),
    b"input-tokens": (b"400000", b"400000"),
    b"output-tokens": (b"80000", b"80000"),
}
PREFIX = b"anthropic-ratelimit-"
RESETS = [PREFIX + unit + b"-reset" for unit in LIMITS]
FREE = [(PREFIX + unit + b"-limit", limit) for unit, (limit, _) in LIMITS.items()]
REACHED = FREE + [(PREFIX + unit + b"-remaining", b"0") for unit in LIMITS]
FREE += [(PREFIX + unit + b"-remaining", remaining) for unit, (_, remaining) in LIMITS.items()]


def authenticate(headers: dict[bytes, bytes], query: bytes) -> str:
    """The key from ``x-api-key`` or a bearer token; ``x-api-key`` wins. Raises the vendor's 401."""
    scheme, _, bearer = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    key = headers.get(b"x-api-key", b"").decode("latin-1") or (bearer if scheme.lower() == "bearer" else "")
    if not key:
        raise Refused(401, "x-api-key header is required")
    if key.startswith("bad"):
        raise Refused(401, "invalid x-api-key")
    return key


def version_of(headers: dict[bytes, bytes]) -> str:
    """The API version, which the vendor demands on every request."""
    version = headers.get(b"anthropic-version", b"").decode("latin-1")
    if not version:
        raise Refused(400, "anthropic-version: header is required")
    if version not in VERSIONS:
        raise Refused(400, f'anthropic-version: "{version}" is not a valid version')
    return version


def refusal(
    status: int, message: str, kind: str | None, param: str | None, knobs: Knobs, ident: str
) -> bytes:
    """An error body; ``kind`` is Anthropic's ``details.error_code``."""
    return wire.encode({**_error(status, message, kind), "request_id": f"req_{ident}"})


def _error(status: int, message: str, kind: str | None) -> Json:
    error_type, known = ERRORS.get(status, ERRORS[500])
    error: Json = {"type": error_type, "message": message or known}
    if kind:
        error["details"] = {"error_code": kind}
    return {"type": "error", "error": error}


def in_stream_error(knobs: Knobs) -> bytes:
    """The event that ends a stream which failed after it began."""
    event = _error(knobs.status or OVERLOADED, "", knobs.error_code)
    event["error"].setdefault("details", None)
    return wire.named_frame(event)


def headers(status: int, knobs: Knobs, ident: str, tier: str) -> Headers:
    """What Anthropic puts on every answer."""
    made = [(b"request-id", f"req_{ident}".encode()), (b"anthropic-organization-id", ORGANIZATION)]
    # A rejected key has no limits to tell of.
    if status not in (401, 403):
        made += _limits(is_reached=status == 429)
    if status >= 400:
        made.append((b"x-should-retry", b"false" if status in (400, 401, 403, 404, 413) else b"true"))
    return made + wire.retry_headers(knobs)


def _limits(*, is_reached: bool) -> Headers:
    reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + RESET_SECONDS)).encode()
    return (REACHED if is_reached else FREE) + [(name, reset) for name in RESETS]


def models(name: str | None) -> Any:
    """The list of models, or one of them."""
    released = "2026-01-01T00:00:00Z"
    shown = [
        {"type": "model", "id": model, "display_name": model, "created_at": released}
        for model in MODELS["anthropic"]
    ]
    if name is None:
        return {"data": shown, "has_more": False, "first_id": shown[0]["id"], "last_id": shown[-1]["id"]}
    for model in shown:
        if model["id"] == name:
            return model
    raise Refused(404, f"model: {name}")


def parse(body: bytes) -> Json:
    """The JSON object of a request."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except wire.UNREADABLE as error:
        raise Refused(400, f"The request body is not valid JSON: {error}") from None
