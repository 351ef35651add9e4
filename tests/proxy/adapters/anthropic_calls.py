"""Calls to Anthropic in tests: what is sent for a caller's chat, held against the SDK's own request types."""

from collections.abc import Iterator
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsBase
from pydantic import TypeAdapter

from proxy.adapters.base import InvalidField, UnsupportedField, VendorRequest
from proxy.adapters.registry import adapter_for
from proxy.interchange import wire
from proxy.interchange.dialect import Call
from tests.proxy.adapters.drive import Read, call, target

OLD, MIDDLE, NEW, NEWEST = (
    "claude-sonnet-4-0",
    "claude-sonnet-4-5-20250929",
    "claude-opus-4-8",
    "claude-opus-5-5",
)
MARK = {"type": "ephemeral", "ttl": "1h"}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"name": "weather", "parameters": PARAMETERS}

_SHAPE: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsBase)


def request_for(model: str = MIDDLE, **body: Any) -> VendorRequest:
    ceiling, stream = body.pop("max_output_tokens", None), body.pop("stream", False)
    aimed = target("anthropic", model=model, max_output_tokens=ceiling)
    return adapter_for("anthropic").request_for(call(stream=stream, **body), aimed)


def to(model: str = MIDDLE, **body: Any) -> dict[str, Any]:
    """The JSON body that goes out for a chat completion; it fits the SDK's request types."""
    decoded: dict[str, Any] = wire.maybe_decoded(request_for(model, **body).body)
    check_shape(decoded)
    return decoded


def dropped(model: str = MIDDLE, **body: Any) -> tuple[str, ...]:
    return request_for(model, **body).dropped


def check_shape(body: Any) -> None:
    """Raises pydantic.ValidationError."""
    _exhaust(_SHAPE.validate_python(body))


def refused(model: str = MIDDLE, **body: Any) -> UnsupportedField:
    with pytest.raises(UnsupportedField) as refusal:
        to(model, **body)
    assert refusal.value.vendor == "anthropic"
    return refusal.value


def invalid(model: str = MIDDLE, **body: Any) -> InvalidField:
    with pytest.raises(InvalidField) as refusal:
        to(model, **body)
    return refusal.value


def text(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": one} for one in texts]


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def function(name: str = "weather", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {**WEATHER, "name": name, **more}}


def called(*names: str, **more: Any) -> dict[str, Any]:
    """An assistant's message with one call of each tool; the ids are the names in capitals."""
    calls = [
        {"id": name.upper(), "type": "function", "function": {"name": name, "arguments": "{}"}}
        for name in names
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def result(name: str, content: Any = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": name.upper(), "content": content}


def tool_use(name: str, given: Any = None) -> dict[str, Any]:
    return {"type": "tool_use", "id": name.upper(), "name": name, "input": given or {}}


def read(stream: bytes, asked: Call, *, model: str = MIDDLE, step: int = 0) -> Read:
    """Read a stream for the call ``asked``, whole or in pieces of ``step`` bytes."""
    reader = adapter_for("anthropic").chunks_from(asked, target("anthropic", model=model))
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)] if step else [stream]
    fed = [frame for piece in pieces for frame in reader.feed(piece)]
    return Read(fed, reader.close() if reader.state.complete else [], reader.state)


def _exhaust(value: Any) -> None:
    """Pydantic validates what the types call an iterable only while it is read."""
    if isinstance(value, dict):
        value = value.values()
    elif isinstance(value, str | bytes) or not isinstance(value, Iterator | list | tuple):
        return
    for inner in value:
        _exhaust(inner)
