"""What Gemini does around every answer: keys, errors, headers, models."""

from typing import Any
from urllib.parse import parse_qs

import msgspec

from proxy.sandbox import wire
from proxy.sandbox.ask import Json, Refused
from proxy.sandbox.control import Knobs
from proxy.sandbox.gemini_requests import normalised
from proxy.sandbox.profiles import MODELS, facts
from proxy.sandbox.wire import Headers

ERRORS = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: (
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    499: ("CANCELLED", "The operation was cancelled."),
    500: ("INTERNAL", "An internal error has occurred. Please retry."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The request timed out. Please try again."),
}
DEFAULT_QUOTA = "GenerateRequestsPerMinutePerProjectPerModel"
EMBEDDING = ["embedContent", "batchEmbedContents", "countTokens"]
GENERATION = ["generateContent", "countTokens"]
GOOGLE_TYPE = "type.googleapis.com/google.rpc."


def authenticate(headers: dict[bytes, bytes], query: bytes) -> str:
    """The key from the header or ``?key=``. A wrong one is 400 API_KEY_INVALID, a missing one 403."""
    key = headers.get(b"x-goog-api-key", b"").decode("latin-1")
    key = key or parse_qs(query.decode("latin-1")).get("key", [""])[0]
    if not key:
        raise Refused(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API.",
        )
    if key.startswith("bad"):
        raise Refused(400, "API key not valid. Please pass a valid API key.", kind="API_KEY_INVALID")
    return key


def unknown_model(model: str, version: str) -> Refused:
    """The 404 of a model that does not exist."""
    message = (
        f"models/{model} is not found for API version {version}, or is not supported for generateContent. "
        "Call ListModels to see the list of available models and their supported methods."
    )
    return Refused(404, message)


def refusal(
    status: int, message: str, kind: str | None, param: str | None, knobs: Knobs, ident: str
) -> bytes:
    """An error body; ``kind`` is the ErrorInfo reason, of a 429 the quota id."""
    return wire.encode(_error(status, message, kind, knobs))


def _error(status: int, message: str, kind: str | None, knobs: Knobs) -> Json:
    name, known = ERRORS.get(status, ERRORS[500])
    details: list[Json] = []
    if status == 429:
        violation = {"quotaId": kind or DEFAULT_QUOTA}
        details.append({"@type": f"{GOOGLE_TYPE}QuotaFailure", "violations": [violation]})
    elif kind:
        details.append({"@type": f"{GOOGLE_TYPE}ErrorInfo", "reason": kind, "domain": "googleapis.com"})
    # Gemini has no retry-after header.
    if knobs.retry_after is not None:
        details.append({"@type": f"{GOOGLE_TYPE}RetryInfo", "retryDelay": f"{knobs.retry_after:g}s"})
    error: Json = {"code": status, "message": message or known, "status": name}
    if details:
        error["details"] = details
    return {"error": error}


def event(payload: Json) -> bytes:
    """A server-sent event. This vendor alone ends its lines with carriage returns."""
    return b"data: %b\r\n\r\n" % wire.encode(payload)


def in_stream_error(knobs: Knobs) -> bytes:
    """The event that ends a stream which failed after it began."""
    return event(_error(knobs.status or 503, "", knobs.error_code, knobs))


def headers(status: int, knobs: Knobs, ident: str, tier: str) -> Headers:
    """What Gemini puts on every answer: neither limits nor an id."""
    return [(b"x-gemini-service-tier", (tier or "standard").encode())]


def models(name: str | None) -> Any:
    """The list of models, or one of them."""
    shown = [_model(model) for model in MODELS["gemini"]]
    if name is None:
        return {"models": shown}
    for model in shown:
        if model["name"] == f"models/{name}":
            return model
    raise unknown_model(name, "v1beta")


def _model(name: str) -> Json:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": facts("gemini", name).max_output_tokens,
        "supportedGenerationMethods": EMBEDDING if "embedding" in name else GENERATION,
        "thinking": facts("gemini", name).thinks,
    }


def parse(body: bytes) -> Json:
    """The JSON object of a request, its fields in camelCase."""
    try:
        decoded = msgspec.json.decode(body, type=dict[str, Any])
    except wire.UNREADABLE as error:
        raise Refused(400, f"Invalid JSON payload received. {error}") from None
    return dict(normalised(decoded)) if b"_" in body else decoded
