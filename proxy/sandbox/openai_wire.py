"""Chat completions, models and errors in OpenAI's format."""

import time
from typing import Any

import msgspec

from proxy.sandbox import wire
from proxy.sandbox.answers import Answer
from proxy.sandbox.ask import Json, Refused
from proxy.sandbox.control import Knobs
from proxy.sandbox.openai_requests import read
from proxy.sandbox.profiles import MODELS, facts
from proxy.sandbox.wire import Frame, Headers, Reply

__all__ = ["authenticate", "frames", "headers", "in_stream_error", "models", "read", "refusal", "whole"]

FINISH = {"stop": "stop", "stop_sequence": "stop", "length": "length", "tool": "tool_calls"}
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


def usage(reply: Reply) -> Json | None:
    """Inclusive counts: the prompt holds cached tokens, the completion holds reasoning."""
    answer = reply.answer
    completion = answer.output_tokens + answer.reasoning_tokens
    prompt_details = {"cached_tokens": answer.cache.read, "audio_tokens": 0}
    if facts("openai", reply.ask.model).version >= (5, 6):
        prompt_details["cache_write_tokens"] = answer.cache.write_5m
    completion_details = {"reasoning_tokens": answer.reasoning_tokens, "audio_tokens": 0}
    completion_details |= {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
    counted = {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": completion,
        "total_tokens": answer.input_tokens + completion,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": completion_details,
    }
    return wire.merged(counted, reply.knobs)


def tier(asked: str | None) -> str:
    """The tier that is served for the one asked for."""
    return {"fast": "priority", "priority": "priority", "flex": "flex"}.get(asked or "", "default")


def whole(reply: Reply) -> tuple[bytes, Json | None]:
    """A ``chat.completion`` and the usage in it."""
    reported = usage(reply)
    body = _envelope(reply, "chat.completion")
    finish = FINISH[reply.answer.finish]
    message = _message(reply)
    body["choices"] = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
        for index in range(reply.ask.n)
    ]
    if reported is not None:
        body["usage"] = reported
    return wire.encode(body), reported


def frames(reply: Reply) -> list[Frame]:
    """``chat.completion.chunk`` events, the usage chunk when it was asked for, and ``[DONE]``."""
    base = _envelope(reply, "chat.completion.chunk")
    if reply.ask.include_usage:
        base["usage"] = None
    made: list[Frame] = []
    for index in range(reply.ask.n):
        made.append(
            _chunk(base, index, {"role": "assistant", "content": _opening(reply.answer), "refusal": None})
        )
        made += [_chunk(base, index, {"content": piece}, content=True) for piece in reply.answer.pieces]
        made += [_chunk(base, index, delta, content=True) for delta in _call_deltas(reply)]
    finish = FINISH[reply.answer.finish]
    made += [_chunk(base, index, {}, finish) for index in range(reply.ask.n)]
    reported = usage(reply) if reply.ask.include_usage else None
    if reported is not None:
        made.append(Frame(wire.data_frame({**base, "choices": [], "usage": reported}), usage=reported))
    made.append(Frame(b"data: [DONE]\n\n"))
    return made


def _envelope(reply: Reply, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{reply.ident}",
        "object": kind,
        "created": int(time.time()),
        "model": reply.ask.model,
        "service_tier": tier(reply.ask.tier),
        "system_fingerprint": "fp_sandbox",
    }


def _message(reply: Reply) -> Json:
    answer = reply.answer
    content = None if answer.calls else answer.text
    message: Json = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    if answer.calls:
        message["tool_calls"] = [_call(reply, index) for index in range(len(answer.calls))]
    return message


def _call(reply: Reply, index: int) -> Json:
    call = reply.answer.calls[index]
    function = {"name": call.name, "arguments": wire.encode(call.arguments).decode()}
    return {"id": f"call_{reply.ident}{index}", "type": "function", "function": function}


def _opening(answer: Answer) -> str | None:
    return None if answer.calls else ""


def _call_deltas(reply: Reply) -> list[Json]:
    deltas: list[Json] = []
    for index in range(len(reply.answer.calls)):
        call = _call(reply, index)
        arguments = call["function"]["arguments"]
        opened = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        deltas.append({"tool_calls": [opened]})
        for piece in wire.halves(arguments):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    return deltas


def _chunk(base: Json, index: int, delta: Json, finish: str | None = None, *, content: bool = False) -> Frame:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return Frame(wire.data_frame({**base, "choices": [choice]}), content)


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


def headers(status: int, knobs: Knobs, ident: str) -> Headers:
    """What OpenAI puts on every answer."""
    made = [(b"x-request-id", f"req_{ident}".encode()), (b"openai-version", b"2020-10-01")]
    if knobs.retry_after is not None:
        made.append((b"retry-after", f"{knobs.retry_after:g}".encode()))
    return made


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
