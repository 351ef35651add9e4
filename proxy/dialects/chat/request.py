"""The caller's chat completion: validated, with what a hold needs to know."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from proxy.dialects import bodies
from proxy.interchange import named_models
from proxy.interchange.dialect import Call, Dialect, ParsedCall

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class Message(msgspec.Struct):
    role: Role
    content: str | list[dict[str, Any]] | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Body(msgspec.Struct):
    """The fields that every vendor needs checked; all others are the adapters' business."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    messages: Annotated[list[Message], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    reasoning_effort: str | None = None


def parse(raw: bytes, dialect: Dialect) -> ParsedCall:
    """The request in ``raw``. Raises BadRequest naming the field."""
    body = bodies.json_object(raw)
    checked = bodies.checked(body, Body)
    options = checked.stream_options
    plain = bodies.unescaped(raw, body)
    return ParsedCall(
        call=Call(
            dialect=dialect,
            body=body,
            raw=raw,
            stream=bool(checked.stream),
            include_usage=bool(options and options.include_usage),
        ),
        model=checked.model,
        size=len(raw),
        linked_parts=_linked_parts(checked.messages),
        choices=checked.n or 1,
        max_output_tokens=checked.max_completion_tokens or checked.max_tokens,
        asks_tier="service_tier" in body or "speed" in body,
        caches=b'"cache_control"' in plain,
        audio=b'"input_audio"' in plain or b'"audio"' in plain,
        has_tools=_has_tools(body),
        helpers=named_models.named_in(body, raw),
    )


def _has_tools(body: Mapping[str, Any]) -> bool:
    return bool(body.get("tools") or body.get("functions"))


def _linked_parts(messages: list[Message]) -> int:
    return sum(
        part.get("type") not in ("text", "refusal", "thinking", None)
        for message in messages
        if isinstance(message.content, list)
        for part in message.content
    )
