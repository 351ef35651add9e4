"""The caller's messages request: validated, with what a hold needs to know."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from proxy import errors
from proxy.dialects import bodies, server_tools
from proxy.interchange import named_models
from proxy.interchange.dialect import Call, Dialect, ParsedCall

# An Anthropic vendor is sent these as they came, and nothing of our own beside them (checks L1).
FORWARDED = ("anthropic-version", "anthropic-beta")

_REFUSED = {
    # Another model, at another price, on a key that may not be allowed it.
    "fallbacks": "the gateway falls back by its own routes, within what the key may call and the budget can "
    "bear. Ask your platform admin for a route over these models.",
    "thread": "conversations that the vendor keeps are those of the gateway's account, and whose they are "
    "cannot be told; send all messages.",
}


class Message(msgspec.Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[dict[str, Any]]


class Body(msgspec.Struct):
    """The fields that every vendor needs checked; all others are the adapters' business."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    messages: Annotated[list[Message], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)]
    stream: bool | None = None


class CountBody(msgspec.Struct):
    """The same for counting, which needs no ceiling."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    messages: Annotated[list[Message], Meta(min_length=1)]


def parse(raw: bytes, headers: Mapping[bytes, bytes], dialect: Dialect) -> ParsedCall:
    """The request in ``raw``. Raises BadRequest naming the field."""
    body = bodies.json_object(raw)
    _refuse(body, *_REFUSED)
    checked = bodies.checked(body, Body)
    plain = bodies.unescaped(raw, body)
    return ParsedCall(
        call=_call(body, raw, headers, dialect, stream=bool(checked.stream)),
        model=checked.model,
        size=len(raw),
        linked_parts=linked_parts(checked.messages),
        max_output_tokens=checked.max_tokens,
        asks_tier="service_tier" in body or "speed" in body,
        caches=b'"cache_control"' in plain,
        has_tools=bool(body.get("tools")),
        helpers=named_models.named_in(body, raw),
        unpriced_tools=server_tools.of_messages(body),
    )


def _refuse(body: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if body.get(name):
            raise errors.BadRequest(f"{name}: {_REFUSED[name]}", code="unsupported_parameter", param=name)


def parse_count(raw: bytes, headers: Mapping[bytes, bytes], dialect: Dialect) -> ParsedCall:
    """A request to count tokens. Raises BadRequest naming the field."""
    body = bodies.json_object(raw)
    _refuse(body, "thread")
    checked = bodies.checked(body, CountBody)
    return ParsedCall(
        call=_call(body, raw, headers, dialect, stream=False),
        model=checked.model,
        size=len(raw),
        linked_parts=linked_parts(checked.messages),
        has_tools=bool(body.get("tools")),
        output=False,
    )


def linked_parts(messages: list[Message]) -> int:
    """Blocks whose tokens the request's bytes may not bound, those in tool results included."""
    return sum(_linked(message.content) for message in messages if isinstance(message.content, list))


_BOUNDED = frozenset({"text", "thinking", "redacted_thinking", "tool_use", "tool_result", None})


def _linked(blocks: list[Any]) -> int:
    found = 0
    for block in blocks:
        if not isinstance(block, dict):
            continue
        found += block.get("type") not in _BOUNDED
        inner = block.get("content")
        if isinstance(inner, list):
            found += _linked(inner)
    return found


def _call(
    body: Mapping[str, Any], raw: bytes, headers: Mapping[bytes, bytes], dialect: Dialect, *, stream: bool
) -> Call:
    given = {name: headers.get(name.encode()) for name in FORWARDED}
    return Call(
        dialect=dialect,
        body=body,
        raw=raw,
        stream=stream,
        headers={name: value.decode("latin-1") for name, value in given.items() if value},
    )
