"""Anthropic's events as OpenAI chunks (wire.md d.4)."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from metering.usage import Usage
from proxy.adapters import completion, faults, wire
from proxy.adapters.anthropic import errors, response, usage
from proxy.adapters.base import ChatCall, StreamState, Target, VendorError
from proxy.sse import EventTooLarge, SSEDecoder, SSEEvent

_decode = msgspec.json.decode
_NOTHING: list[bytes] = []


class Reader:
    """Reads one vendor stream; see ``base.ChunkReader``.

    Until a ``message_delta`` has told the final counts, ``state.usage`` holds the input alone (the start's
    output count is a placeholder that must never be priced) and ``state.flags`` says ``partial_usage``.

    Another message may follow in the same stream (a fallback model's), even after a ``message_stop``: the
    caller sees one answer, so the finish chunk is written by ``close``, and both messages are billed.
    """

    def __init__(self, call: ChatCall, target: Target) -> None:
        self.state = StreamState()
        self._include_usage = call.include_usage
        self._target_model = target.model
        self._decoder = SSEDecoder()
        self._writer = completion.ChunkWriter(self.state)
        self._usage: dict[str, Any] = {}
        self._message_id: str | None = None
        self._earlier: Usage | None = None  # what the messages before this one used
        self._flags: tuple[str, ...] = ()
        self._stop_reason: object = None
        self._tools = 0
        self._open_tool: _OpenTool | None = None
        self._handlers: dict[object, Callable[[Mapping[str, Any]], list[bytes]]] = {
            "content_block_delta": self._block_delta,
            "content_block_start": self._block_start,
            "content_block_stop": self._block_stop,
            "message_start": self._message_start,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "error": self._error,
        }

    def feed(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        if self.state.error is not None:
            return frames
        try:
            for event in self._decoder.feed(data):
                frames += self._read(event)
        except VendorError as failure:
            self._fail(failure)
        except EventTooLarge as reason:
            self._fail(faults.malformed(str(reason)))
        return frames

    def _fail(self, failure: VendorError) -> None:
        """An error outweighs a finish that came before it: the stream did not end well."""
        self.state.error, self.state.complete = failure, False

    def close(self) -> list[bytes]:
        reason = self.state.finish_reason or "stop"
        return [*self._writer.finish(reason), *self._writer.last(include_usage=self._include_usage)]

    def _read(self, event: SSEEvent) -> list[bytes]:
        try:
            body = _decode(event.data)
        except wire.UNREADABLE as reason:
            raise faults.malformed(f"an event is not JSON: {reason}") from None
        if not isinstance(body, dict):
            raise faults.malformed("an event is not an object")
        kind = body.get("type")
        handler = self._handlers.get(kind if isinstance(kind, str) else None)
        if handler is not None:
            return handler(body)
        return (
            self._error(body) if "error" in body else _NOTHING
        )  # pings, and kinds that are yet to be invented

    def _message_start(self, event: Mapping[str, Any]) -> list[bytes]:
        """A start that repeats the message's id is the same message again; another id is another bill."""
        state = self.state
        message = wire.mapping(event.get("message"))
        message_id, model = (
            wire.text(message.get("id")),
            wire.text(message.get("model")) or self._target_model,
        )
        if self._message_id not in (None, message_id):
            self._splice(model)
        self._message_id = message_id
        self._usage = dict(wire.mapping(message.get("usage")))
        self._stop_reason, self._open_tool = None, None
        state.model, state.complete = model, False
        state.upstream_id = state.upstream_id or message_id
        self._bill(final=False)
        return self._writer.start()

    def _splice(self, model: str) -> None:
        self._earlier = self.state.usage
        self._flags += (
            ("spliced_message",) if model == self.state.model else ("spliced_message", "other_model_usage")
        )

    def _message_delta(self, event: Mapping[str, Any]) -> list[bytes]:
        delta = wire.mapping(event.get("delta"))
        self._stop_reason = delta.get("stop_reason") or self._stop_reason
        told = wire.mapping(event.get("usage"))
        self._usage = usage.merged(self._usage, told)
        self._bill(final="output_tokens" in told)
        return _NOTHING

    def _message_stop(self, event: Mapping[str, Any]) -> list[bytes]:
        state = self.state
        state.finish_reason, flags = response.finish_reason_from(self._stop_reason)
        state.flags += flags
        state.complete = True
        return _NOTHING

    def _bill(self, *, final: bool) -> None:
        state = self.state
        told = self._usage
        if not final and "output_tokens" in told:
            told = {**told, "output_tokens": 0}
        counts, flags = usage.usage_from(told, state.model)
        state.variant, tier_flags = usage.variant_from(told)
        partial: tuple[str, ...] = ()
        if counts is not None:
            state.usage = counts if self._earlier is None else usage.sum_of(self._earlier, counts)
            state.raw_usage = self._usage
            partial = () if final else ("partial_usage",)
        state.flags = tuple(dict.fromkeys(self._flags + flags + tier_flags + partial))

    def _block_start(self, event: Mapping[str, Any]) -> list[bytes]:
        block = wire.mapping(event.get("content_block"))
        kind = block.get("type")
        if kind == "text":
            return self._writer.text(wire.text(block.get("text")))
        if kind == "thinking":
            return self._writer.thoughts(wire.text(block.get("thinking")))
        return self._tool_start(block) if kind == "tool_use" else _NOTHING

    def _tool_start(self, block: Mapping[str, Any]) -> list[bytes]:
        tool = _OpenTool(self._tools, block.get("input"))
        self._open_tool, self._tools = tool, self._tools + 1
        call = completion.tool_call(
            call_id=wire.text(block.get("id")), name=wire.text(block.get("name")), arguments=""
        )
        call["function"]["arguments"] = ""  # they follow in pieces
        return self._writer.tool_call(tool.index, call)

    def _block_delta(self, event: Mapping[str, Any]) -> list[bytes]:
        delta = wire.mapping(event.get("delta"))
        kind = delta.get("type")
        if kind == "text_delta":
            return self._writer.text(wire.text(delta.get("text")))
        if kind == "thinking_delta":
            return self._writer.thoughts(wire.text(delta.get("thinking")))
        tool, piece = self._open_tool, wire.text(delta.get("partial_json"))
        if kind != "input_json_delta" or tool is None or not piece:
            return _NOTHING
        tool.started = True
        return self._writer.arguments(tool.index, piece)

    def _block_stop(self, event: Mapping[str, Any]) -> list[bytes]:
        """A tool without pieces of arguments had them in its start, or has none: ``{}``."""
        tool, self._open_tool = self._open_tool, None
        if tool is None or tool.started:
            return _NOTHING
        return self._writer.arguments(tool.index, wire.encode(tool.input or {}).decode())

    def _error(self, event: Mapping[str, Any]) -> list[bytes]:
        raise errors.in_band(event)


class _OpenTool:
    """A ``tool_use`` block between its start and its stop."""

    def __init__(self, index: int, given: object) -> None:
        self.index = index
        self.input = given
        self.started = False
