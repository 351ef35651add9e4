"""generateContent answers, models and errors in Gemini's format."""

from typing import Any
from urllib.parse import parse_qs

import msgspec

from proxy.sandbox import wire
from proxy.sandbox.answers import THOUGHT
from proxy.sandbox.ask import Json, Refused
from proxy.sandbox.control import Knobs
from proxy.sandbox.gemini_requests import normalised
from proxy.sandbox.profiles import MODELS, facts, tokens_in
from proxy.sandbox.wire import Frame, Headers, Reply

# There is no reason of its own for a function call.
FINISH = {"stop": "STOP", "stop_sequence": "STOP", "length": "MAX_TOKENS", "tool": "STOP"}
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


def usage(reply: Reply, *, visible: int | None = None) -> Json:
    """Thoughts are beside the candidates, not in them; a count of zero is absent.

    ``visible`` is the running count of a chunk; the final one by default.
    """
    answer = reply.answer
    candidates = answer.output_tokens if visible is None else visible
    counted: Json = {"promptTokenCount": answer.input_tokens}
    if candidates:
        counted["candidatesTokenCount"] = candidates
    counted["totalTokenCount"] = answer.input_tokens + candidates + answer.reasoning_tokens
    if answer.cache.read:
        counted["cachedContentTokenCount"] = answer.cache.read
        counted["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": answer.cache.read}]
    counted["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": answer.input_tokens}]
    if answer.reasoning_tokens:
        counted["thoughtsTokenCount"] = answer.reasoning_tokens
    counted["serviceTier"] = reply.ask.tier or "standard"
    return counted


def whole(reply: Reply) -> tuple[bytes, Json | None]:
    """A ``GenerateContentResponse`` and the usage in it."""
    reported = wire.merged(usage(reply), reply.knobs)
    parts = _thoughts(reply) + ([{"text": reply.answer.text}] if reply.answer.text else []) + _calls(reply)
    finish = FINISH[reply.answer.finish]
    return wire.encode(_response(reply, parts, finish, reported)), reported


def frames(reply: Reply) -> list[Frame]:
    """One response per piece; each has the running usage, the last one the finish reason."""
    return [
        Frame(_event(payload), content, payload.get("usageMetadata"))
        for payload, content in _responses(reply)
    ]


def _event(payload: Json) -> bytes:
    # This vendor alone ends its lines with carriage returns.
    return b"data: %b\r\n\r\n" % wire.encode(payload)


def array_frames(reply: Reply) -> list[Frame]:
    """The same stream as one JSON array: what the vendor sends without ``?alt=sse``."""
    made = []
    responses = _responses(reply)
    for index, (payload, content) in enumerate(responses):
        before = b"[" if index == 0 else b",\r\n"
        after = b"]" if index == len(responses) - 1 else b""
        made.append(Frame(before + wire.encode(payload) + after, content, payload.get("usageMetadata")))
    return made


def _responses(reply: Reply) -> list[tuple[Json, bool]]:
    answer = reply.answer
    made: list[tuple[Json, bool]] = []
    thoughts = _thoughts(reply)
    if thoughts:
        made.append((_running(reply, thoughts, 0), False))
    seen = 0
    for piece in answer.pieces:
        seen += len(piece)
        made.append(
            (_running(reply, [{"text": piece}], answer.output_tokens * seen // len(answer.text)), True)
        )
    made += [(_running(reply, [part], tokens_in(str(part))), True) for part in _calls(reply)]
    final = wire.merged(usage(reply), reply.knobs)
    # The vendor closes with an empty text; there are no parts at all when only thoughts came.
    closing = [{"text": ""}] if made else []
    made.append((_response(reply, closing, FINISH[answer.finish], final), False))
    return made


def _running(reply: Reply, parts: list[Json], visible: int) -> Json:
    counted = usage(reply, visible=min(visible, reply.answer.output_tokens))
    return _response(reply, parts, None, wire.merged(counted, reply.knobs))


def _response(reply: Reply, parts: list[Json], finish: str | None, reported: Json | None) -> Json:
    content: Json = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    candidates = []
    for index in range(reply.ask.n):
        candidate: Json = {"content": content, "index": index}
        if finish:
            candidate["finishReason"] = finish
        candidates.append(candidate)
    body: Json = {"candidates": candidates, "modelVersion": reply.ask.model, "responseId": reply.ident}
    if reported is not None:
        body["usageMetadata"] = reported
    return body


def _thoughts(reply: Reply) -> list[Json]:
    shown = reply.ask.show_thoughts and reply.answer.reasoning_tokens
    return [{"text": THOUGHT, "thought": True}] if shown else []


def _calls(reply: Reply) -> list[Json]:
    parts: list[Json] = []
    is_three = facts("gemini", reply.ask.model).version >= (3, 0)
    for index, call in enumerate(reply.answer.calls):
        made: Json = {"name": call.name, "args": call.arguments}
        part: Json = {"functionCall": made}
        if is_three:
            made["id"] = f"fc_{reply.ident}{index}"
            if index == 0:
                part["thoughtSignature"] = "c2FuZGJveA=="
        parts.append(part)
    return parts


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


def in_stream_error(knobs: Knobs) -> bytes:
    """The event that ends a stream which failed after it began."""
    return _event(_error(knobs.status or 503, "", knobs.error_code, knobs))


def headers(status: int, knobs: Knobs, ident: str) -> Headers:
    """What Gemini puts on every answer."""
    return [(b"x-gemini-service-tier", b"standard")]


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
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": facts("gemini", name).thinks,
    }


def parse(body: bytes) -> Json:
    """The JSON object of a request, its fields in camelCase."""
    try:
        decoded = msgspec.json.decode(body, type=dict[str, Any])
    except wire.UNREADABLE as error:
        raise Refused(400, f"Invalid JSON payload received. {error}") from None
    return dict(normalised(decoded)) if b"_" in body else decoded
