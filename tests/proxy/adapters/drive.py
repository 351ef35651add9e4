"""Driving an adapter in tests: a call, a target, and a whole stream read in pieces."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.adapters.base import Answer, StreamState, Target
from proxy.adapters.registry import adapter_for
from proxy.dialects.chat.dialect import CHAT
from proxy.interchange.dialect import Call, Dialect

DEFAULT_MODELS = {
    "openai": "gpt-4o",
    "openai_compatible": "some-model",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
}
USER = [{"role": "user", "content": "hi"}]


def target(kind: str, *, model: str | None = None, max_output_tokens: int | None = None) -> Target:
    return Target(
        kind=kind,
        base_url="https://vendor.test/v1" if kind.startswith("openai") else "https://vendor.test",
        model=model or DEFAULT_MODELS[kind],
        api_key="canary-key",
        max_output_tokens=max_output_tokens,
    )


def call(*, stream: bool = False, include_usage: bool = False, dialect: Dialect = CHAT, **body: Any) -> Call:
    """A call of chat completions, or of another dialect, which then needs its own fields in ``body``."""
    whole = {"messages": USER, **body} if dialect is CHAT else body
    return Call(
        dialect=dialect,
        body=whole,
        raw=json.dumps(whole).encode(),
        stream=stream,
        include_usage=include_usage,
    )


def sent(
    kind: str,
    *,
    model: str | None = None,
    max_output_tokens: int | None = None,
    stream: bool = False,
    **body: Any,
) -> dict[str, Any]:
    """The JSON body that goes to the vendor for a caller's ``body``."""
    aimed = target(kind, model=model, max_output_tokens=max_output_tokens)
    decoded: dict[str, Any] = json.loads(
        adapter_for(kind).request_for(call(stream=stream, **body), aimed).body
    )
    return decoded


def answered(kind: str, body: Any, *, model: str | None = None, asked: Call | None = None) -> Answer:
    """What the adapter makes of a whole answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return adapter_for(kind).response_from(raw, {}, asked or call(), target(kind, model=model))


@dataclass(frozen=True)
class Read:
    """A stream that was read: the frames of ``feed``, those of ``close`` (when complete), and the state."""

    fed: list[bytes]
    closed: list[bytes]
    state: StreamState

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """Every frame's JSON, without ``[DONE]``."""
        return [chunk for frame in self.fed + self.closed if (chunk := chunk_in(frame)) is not None]

    @property
    def text(self) -> str:
        return "".join(delta.get("content") or "" for delta in self.deltas)

    @property
    def thoughts(self) -> str:
        return "".join(delta.get("reasoning_content") or "" for delta in self.deltas)

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [choice["delta"] for chunk in self.chunks for choice in chunk["choices"]]

    @property
    def finish_reasons(self) -> list[str]:
        choices = [choice for chunk in self.chunks for choice in chunk["choices"]]
        return [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]

    @property
    def usage_chunks(self) -> list[dict[str, Any]]:
        return [chunk for chunk in self.chunks if not chunk["choices"]]


def read(
    kind: str,
    stream: bytes,
    *,
    model: str | None = None,
    include_usage: bool = True,
    step: int = 0,
    n: int | None = None,
) -> Read:
    """Read ``stream`` whole, or in pieces of ``step`` bytes."""
    body: dict[str, Any] = {} if n is None else {"n": n}
    reader = adapter_for(kind).chunks_from(
        call(stream=True, include_usage=include_usage, **body), target(kind, model=model)
    )
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)] if step else [stream]
    fed = [frame for piece in pieces for frame in reader.feed(piece)]
    return Read(fed, reader.close() if reader.state.complete else [], reader.state)


def chunk_in(frame: bytes) -> dict[str, Any] | None:
    """The JSON of one frame of ours; None for ``[DONE]`` and for heartbeats."""
    if frame.startswith(b":"):
        return None
    assert frame.startswith(b"data: ")
    assert frame.endswith(b"\n\n") or frame.endswith(b"\r\n\r\n")
    data = frame.removeprefix(b"data: ").strip()
    return None if data == b"[DONE]" else json.loads(data)


def sse(*events: Mapping[str, Any] | str) -> bytes:
    """A stream as most vendors frame it; Anthropic's events get their names."""
    frames = []
    for event in events:
        name = f"event: {event['type']}\n" if isinstance(event, Mapping) and "type" in event else ""
        frames.append(f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n")
    return "".join(frames).encode()
