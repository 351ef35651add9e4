"""Messages, models and errors in Anthropic's format."""

from typing import Any

import msgspec

from proxy.sandbox import wire
from proxy.sandbox.answers import THOUGHT
from proxy.sandbox.anthropic_rules import VERSIONS
from proxy.sandbox.ask import Json, Refused
from proxy.sandbox.control import Knobs
from proxy.sandbox.profiles import MODELS
from proxy.sandbox.wire import Frame, Headers, Reply

STOP = {"stop": "end_turn", "stop_sequence": "stop_sequence", "length": "max_tokens", "tool": "tool_use"}
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


def usage(reply: Reply) -> Json:
    """Exclusive input counts: ``input_tokens`` is what was neither read from nor written to the cache."""
    answer, cache = reply.answer, reply.answer.cache
    written = cache.write_5m + cache.write_1h
    counted: Json = {
        "input_tokens": answer.input_tokens - cache.read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cache.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": cache.write_5m,
            "ephemeral_1h_input_tokens": cache.write_1h,
        },
        "output_tokens": answer.output_tokens + answer.reasoning_tokens,
        "output_tokens_details": {"thinking_tokens": answer.reasoning_tokens},
        "service_tier": "standard",
        "inference_geo": "not_available",
    }
    if reply.ask.tier:
        counted["speed"] = reply.ask.tier
    return counted


def whole(reply: Reply) -> tuple[bytes, Json | None]:
    """A ``message`` and the usage in it."""
    reported = wire.merged(usage(reply), reply.knobs)
    message = _message(reply, _blocks(reply))
    message["stop_reason"] = STOP[reply.answer.finish]
    message["stop_sequence"] = reply.answer.stop_sequence
    if reported is not None:
        message["usage"] = reported
    return wire.encode(message), reported


def _message(reply: Reply, content: list[Json]) -> Json:
    return {
        "id": f"msg_{reply.ident}",
        "type": "message",
        "role": "assistant",
        "model": reply.ask.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }


def _blocks(reply: Reply) -> list[Json]:
    answer = reply.answer
    blocks: list[Json] = []
    if answer.reasoning_tokens:
        blocks.append({"type": "thinking", "thinking": _thought(reply), "signature": _signature(reply)})
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    for index, call in enumerate(answer.calls):
        blocks.append(
            {"type": "tool_use", "id": _tool_id(reply, index), "name": call.name, "input": call.arguments}
        )
    return blocks


def _thought(reply: Reply) -> str:
    omitted = (reply.ask.raw.get("thinking") or {}).get("display") == "omitted"
    return "" if omitted else THOUGHT


def _signature(reply: Reply) -> str:
    return f"sig_{reply.ident}"


def _tool_id(reply: Reply, index: int) -> str:
    return f"toolu_{reply.ident}{index}"


def frames(reply: Reply) -> list[Frame]:
    """``message_start`` to ``message_stop``. The first usage is provisional, the last one final."""
    final = usage(reply)
    started = {**final, "output_tokens": 1}
    del started["output_tokens_details"]
    made = [_start(reply, wire.merged(started, reply.knobs))]
    for index, block in enumerate(_blocks(reply)):
        made += _block_frames(index, block, reply)
        if index == 0:
            made.insert(2, Frame(wire.named_frame({"type": "ping"})))
    # The closing usage has no split by time to live.
    ended = {name: final[name] for name in final if name.endswith(("_tokens", "_details"))}
    made.append(_end(reply, wire.merged(ended, reply.knobs)))
    made.append(Frame(wire.named_frame({"type": "message_stop"})))
    return made


def _start(reply: Reply, reported: Json | None) -> Frame:
    message = _message(reply, [])
    if reported is not None:
        message["usage"] = reported
    return Frame(wire.named_frame({"type": "message_start", "message": message}), usage=reported)


def _end(reply: Reply, reported: Json | None) -> Frame:
    answer = reply.answer
    delta = {"stop_reason": STOP[answer.finish], "stop_sequence": answer.stop_sequence, "stop_details": None}
    event: Json = {"type": "message_delta", "delta": delta}
    if reported is not None:
        event["usage"] = reported
    return Frame(wire.named_frame(event), usage=reported)


def _block_frames(index: int, block: Json, reply: Reply) -> list[Frame]:
    if block["type"] == "thinking":
        opened: Json = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [("thinking_delta", "thinking", block["thinking"])] if block["thinking"] else []
        deltas.append(("signature_delta", "signature", block["signature"]))
    elif block["type"] == "text":
        opened = {"type": "text", "text": ""}
        deltas = [("text_delta", "text", piece) for piece in reply.answer.pieces]
    else:
        opened = {**block, "input": {}}
        arguments = wire.encode(block["input"]).decode() if block["input"] else ""
        pieces = ("", *wire.halves(arguments)) if arguments else ("",)
        deltas = [("input_json_delta", "partial_json", piece) for piece in pieces]
    is_content = block["type"] != "thinking"
    return [
        Frame(wire.named_frame({"type": "content_block_start", "index": index, "content_block": opened})),
        *(_delta(index, delta, is_content) for delta in deltas),
        Frame(wire.named_frame({"type": "content_block_stop", "index": index})),
    ]


def _delta(index: int, delta: tuple[str, str, str], is_content: bool) -> Frame:
    kind, name, value = delta
    event = {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: value}}
    return Frame(wire.named_frame(event), is_content)


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


def headers(status: int, knobs: Knobs, ident: str) -> Headers:
    """What Anthropic puts on every answer."""
    made = [(b"request-id", f"req_{ident}".encode())]
    if status >= 400:
        made.append((b"x-should-retry", b"false" if status in (400, 401, 403, 404, 413) else b"true"))
    if knobs.retry_after is not None:
        made.append((b"retry-after", f"{knobs.retry_after:g}".encode()))
    return made


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
