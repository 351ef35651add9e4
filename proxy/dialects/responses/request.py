"""The caller's responses request: validated, with what a hold needs to know."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from proxy import errors
from proxy.dialects import bodies, server_tools
from proxy.dialects.responses.declared import DECLARING
from proxy.interchange import named_models, wire
from proxy.interchange.dialect import Call, Dialect, ParsedCall

FORWARDED = ("openai-beta",)

# Fields that reach what the vendor keeps for its account, which is ours and not the caller's, or that would
# have it answer later, when nobody counts.
_REFUSED = {
    "background": "an answer that comes later cannot be metered; leave it out and wait for the answer",
    "conversation": "conversations that the vendor keeps are those of the gateway's account, and whose they "
    "are cannot be told; send the whole input, or previous_response_id",
    "prompt": "prompt templates that the vendor keeps are those of the gateway's account; send instructions "
    "and input",
}

_CACHE_MARKERS = (b'"prompt_cache_breakpoint"', b'"prompt_cache_options"', b'"cache_control"')

# What the request's bytes bound the tokens of; an item or part of any other type may be bigger than it looks.
_BOUNDED = frozenset(
    {
        "message",
        "input_text",
        "output_text",
        "text",
        "refusal",
        "reasoning",
        "summary_text",
        "reasoning_text",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "additional_tools",
        "tool_search_call",
        "tool_search_output",
    }
)


class Body(msgspec.Struct):
    """The fields that every vendor needs checked; all others are the adapters' business."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    input: str | list[dict[str, Any]] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    previous_response_id: str | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stream: bool | None = None
    background: bool | None = None


def parse(raw: bytes, headers: Mapping[bytes, bytes], dialect: Dialect) -> ParsedCall:
    """The request in ``raw``. Raises BadRequest naming the field."""
    body = bodies.json_object(raw)
    checked = bodies.checked(body, Body)
    _refuse(body)
    if checked.input is None and not checked.previous_response_id:
        raise errors.BadRequest("Missing required field `input`.", code="invalid_value", param="input")
    plain = bodies.unescaped(raw, body)
    given = {name: headers.get(name.encode()) for name in FORWARDED}
    return ParsedCall(
        call=Call(
            dialect=dialect,
            body=body,
            raw=raw,
            stream=bool(checked.stream),
            headers={name: value.decode("latin-1") for name, value in given.items() if value},
        ),
        model=checked.model,
        size=len(raw),
        linked_parts=_linked(checked.input) if isinstance(checked.input, list) else 0,
        max_output_tokens=checked.max_output_tokens,
        asks_tier="service_tier" in body,
        caches=any(marker in plain for marker in _CACHE_MARKERS),
        audio=b'"input_audio"' in plain,
        has_tools=bool(body.get("tools")) or _declares_tools(checked.input),
        previous=checked.previous_response_id or "",
        helpers=named_models.named_in(body, raw),
        unpriced_tools=server_tools.of_responses(body),
    )


def _refuse(body: Mapping[str, Any]) -> None:
    for name, reason in _REFUSED.items():
        if body.get(name):
            raise errors.BadRequest(f"{name}: {reason}.", code="unsupported_parameter", param=name)


def _declares_tools(given: str | list[dict[str, Any]] | None) -> bool:
    return isinstance(given, list) and any(wire.text(item.get("type")) in DECLARING for item in given)


def _linked(items: list[Any]) -> int:
    """Items and parts that the request's bytes do not bound, those in tools' results included."""
    return sum(_linked_in(item) for item in items if isinstance(item, dict))


def _linked_in(item: Mapping[str, Any]) -> int:
    held = (item.get("content"), item.get("output"))
    inner = sum(_linked(found if isinstance(found, list) else [found]) for found in held)
    return inner + (not _is_bounded(item))


def _is_bounded(item: Mapping[str, Any]) -> bool:
    """An item without a type is a message, or else the reference to one that the vendor keeps."""
    kind = item.get("type")
    return "role" in item if kind is None else wire.text(kind) in _BOUNDED
