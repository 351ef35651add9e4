"""What OpenAI does around every answer: keys, errors, headers, models."""

from typing import Any

import msgspec

from proxy.sandbox import wire
from proxy.sandbox.ask import Json, Refused
from proxy.sandbox.control import Knobs
from proxy.sandbox.profiles import MODELS
from proxy.sandbox.wire import Headers

# As every answer reports them: what is limited, how much of it is left, and when all will be again.
LIMITS = [
    (b"x-ratelimit-limit-requests", b"10000"),
    (b"x-ratelimit-reset-requests", b"6ms"),
    (b"x-ratelimit-limit-tokens", b"2000000"),
    (b"x-ratelimit-reset-tokens", b"0s"),
]
LEFT = {b"x-ratelimit-remaining-requests": b"9999", b"x-ratelimit-remaining-tokens": b"1999980"}
FREE = [*LIMITS, *LEFT.items()]
REACHED = [*LIMITS, *((name, b"0") for name in LEFT)]
# status -> (type, code)
ERRORS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
MESSAGES = {
    429: "Rate limit reached for requests. Please try again later.",
    "insufficient_quota": "You exceeded your current quota, please check your plan and billing details.",
    "context_length_exceeded": "This model's maximum context length is 128000 tokens.",
}


def authenticate(headers: dict[bytes, bytes], query: bytes) -> str:
    """The key. Raises the 401 of a missing one or one that starts with ``bad``."""
    scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not key:
        message = "You didn't provide an API key. You need to provide your API key in an Authorization header"
        raise Refused(401, f"{message} using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).", kind="")
    if key.startswith("bad"):
        hint = "You can find your API key at https://platform.openai.com/account/api-keys."
        raise Refused(401, f"Incorrect API key provided: {key[:3]}***. {hint}", kind="invalid_api_key")
    return key


def refusal(
    status: int, message: str, kind: str | None, param: str | None, knobs: Knobs, ident: str
) -> bytes:
    """An error body; ``kind`` is OpenAI's ``code``."""
    return wire.encode({"error": error_of(status, message, kind, param)})


def error_of(status: int, message: str, kind: str | None, param: str | None) -> Json:
    """The error object of a status; ``kind`` replaces its usual code."""
    error_type, code = ERRORS.get(status, ("server_error", None))
    if kind == "insufficient_quota":
        error_type = kind
    known = MESSAGES.get(kind or "") or MESSAGES.get(status)
    text = message or known or "The server had an error while processing your request. Sorry about that!"
    return {
        "message": text,
        "type": error_type,
        "param": param,
        "code": (code if kind is None else kind or None),
    }


def in_stream_error(knobs: Knobs) -> bytes:
    """The event that ends a stream which failed after it began."""
    return wire.data_frame({"error": error_of(knobs.status or 500, "", knobs.error_code, None)})


def headers(status: int, knobs: Knobs, ident: str, tier: str) -> Headers:
    """What OpenAI puts on every answer."""
    made = [
        (b"x-request-id", f"req_{ident}".encode()),
        (b"openai-version", b"2020-10-01"),
        (b"openai-organization", b"sandbox"),
        (b"openai-processing-ms", b"1"),
    ]
    # A rejected key has no limits to tell of.
    if status not in (401, 403):
        made += REACHED if status == 429 else FREE
    return made + wire.retry_headers(knobs)


def models(name: str | None) -> Any:
    """The list of models, or one of them."""
    shown = [
        {"id": model, "object": "model", "created": 1_715_367_049, "owned_by": "system"}
        for model in MODELS["openai"]
    ]
    if name is None:
        return {"object": "list", "data": shown}
    for model in shown:
        if model["id"] == name:
            return model
    raise Refused(404, f"The model '{name}' does not exist", kind="model_not_found", param="model")


def parse(body: bytes) -> Json:
    """The JSON object of a request."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except wire.UNREADABLE:
        hint = "The OpenAI API expects a JSON payload, but what was sent was not valid JSON."
        raise Refused(400, f"We could not parse the JSON body of your request. ({hint})") from None
