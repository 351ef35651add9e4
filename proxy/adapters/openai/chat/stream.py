"""A stream for callers of the same dialect: frames that need no change pass as the bytes that came."""

from collections.abc import Sequence
from typing import Any

import msgspec

from proxy.adapters.base import Target
from proxy.adapters.openai.chat import content
from proxy.adapters.openai.chat.chunks import Choice, Chunk, ChunkReader, Delta
from proxy.interchange import wire
from proxy.interchange.dialect import Call
from proxy.sse import SSEEvent


class Reader(ChunkReader):
    """Reads one vendor stream; see ``base.ChunkReader``."""

    def __init__(self, call: Call, target: Target) -> None:
        super().__init__(call, target)
        self._include_usage = call.include_usage
        self._last: dict[str, Any] = {}  # the envelope of the usage chunk, when we must write it
        self._usage_frame: bytes | None = None  # the vendor's own usage chunk, held back to be the last

    def close(self) -> list[bytes]:
        if not self._include_usage or self.state.raw_usage is None:
            return [wire.DONE_FRAME]
        return [self._usage_frame or self._written_usage(), wire.DONE_FRAME]

    def _heartbeat(self, event: SSEEvent) -> Sequence[bytes]:
        return (event.raw,) if event.is_comment else ()

    def _chunk(self, chunk: Chunk, event: SSEEvent) -> Sequence[bytes]:
        if chunk.choices:
            return self._with_choices(chunk, chunk.choices, event)
        if isinstance(chunk.usage, dict) and chunk.choices is not None:
            self._usage_frame = _passed(event)
        return ()  # without choices and usage (Azure's prompt filter) no caller can read it

    def _finish_meant(self) -> Sequence[bytes]:
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "tool_calls"}
        return (wire.frame({**self._envelope(), "choices": [choice]}),)

    def _with_choices(self, chunk: Chunk, choices: list[Choice], event: SSEEvent) -> Sequence[bytes]:
        repeated = bool(self._finished)
        started = False
        tools = False
        for choice in choices:
            delta = choice.delta
            if delta is not None:
                started = self._take(delta) or started
                tools = tools or bool(delta.tool_calls)
            if choice.finish_reason:
                self._finish(choice)
        if started:
            self.state.content_started = True
        if tools or isinstance(chunk.usage, dict):
            return self._rewritten(event, empty=repeated and not started)
        return (_passed(event),)

    def _take(self, delta: Delta) -> bool:
        """Count what ``delta`` says; whether it says anything."""
        state = self.state
        said = delta.content
        if said.__class__ is str:
            state.visible_chars += len(said)
        elif said is not None:
            state.visible_chars += len(content.text_of(said))
            state.reasoning_chars += len(content.thinking_of(said))
        thought = delta.reasoning_content or delta.reasoning
        if thought.__class__ is str:
            state.reasoning_chars += len(thought)
        if delta.annotations or delta.executed_tools:
            self._see_tools(delta)
        if delta.tool_calls or delta.function_call or delta.refusal:
            state.visible_chars += _other_chars(delta)
        return bool(
            said or thought or delta.tool_calls or delta.refusal or delta.audio or delta.function_call
        )

    def _rewritten(self, event: SSEEvent, *, empty: bool) -> Sequence[bytes]:
        """The frame without usage and with whole tool calls; none when nothing is left to say.

        ``empty``: OpenRouter repeats the finish chunk, without content, to carry the usage.
        """
        chunk = msgspec.json.decode(event.data)
        carried_usage = isinstance(chunk.pop("usage", None), dict)
        if carried_usage:
            self._last = {name: chunk[name] for name in ("id", "created", "model") if name in chunk}
            if empty:
                return ()
        repaired = self._repair.chunk(chunk)
        return (wire.frame(chunk) if carried_usage or repaired else _passed(event),)

    def _written_usage(self) -> bytes:
        """The usage chunk of a vendor that put its usage elsewhere."""
        return wire.frame({**self._envelope(), "choices": [], "usage": self.state.raw_usage})

    def _envelope(self) -> dict[str, Any]:
        state = self.state
        begun = {"id": state.upstream_id, "created": self._created or wire.now(), "model": state.model}
        return {**begun, **self._last, "object": "chat.completion.chunk"}


def _other_chars(delta: Delta) -> int:
    """Characters that the model wrote beside its text: tools' names and arguments, and a refusal."""
    calls = wire.objects(delta.tool_calls)
    written = [wire.mapping(call.get("function") or call.get("custom")) for call in calls]
    written.append(wire.mapping(delta.function_call))
    told = [wire.text(one.get(name)) for one in written for name in ("name", "arguments", "input")]
    return len(wire.text(delta.refusal)) + sum(map(len, told))


def _passed(event: SSEEvent) -> bytes:
    """The frame as it came, unless it carries more than data (a comment, an event name)."""
    if event.raw.startswith(b"data:") and not event.event:
        return event.raw
    return b"data: " + b"\ndata: ".join(event.data.split(b"\n")) + b"\n\n"
