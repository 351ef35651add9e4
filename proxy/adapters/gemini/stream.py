"""Gemini's chunks as OpenAI chunks (wire.md d.4)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters import completion, faults, wire
from proxy.adapters.base import ChatCall, StreamState, Target, VendorError
from proxy.adapters.gemini import arguments, errors, response, usage
from proxy.sse import EventTooLarge, SSEDecoder, SSEEvent

_decode = msgspec.json.decode
_NOTHING: list[bytes] = []


class Reader:
    """Reads one vendor stream; see ``base.ChunkReader``.

    Gemini may tell a finish reason and go on, so the finish chunk is written by ``close``. Every chunk's
    usage is a running total: the last one counts, and before a finish reason it is a lower bound (flag
    ``partial_usage``).
    """

    def __init__(self, call: ChatCall, target: Target) -> None:
        self.state = StreamState()
        self._include_usage = call.include_usage
        self._target_model = target.model
        self._decoder = SSEDecoder()
        self._writer = completion.ChunkWriter(self.state)
        self._tools = 0
        self._searches = 0
        self._open: dict[str, Any] | None = None  # a functionCall part whose arguments still come in pieces
        self._reason: object = None
        self._blocked = False
        self._usage_flags: tuple[str, ...] = ()

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
            chunk = _decode(event.data)
        except wire.UNREADABLE as reason:
            raise faults.malformed(f"an event is not JSON: {reason}") from None
        if response.in_error(chunk):
            raise errors.in_band(chunk)
        if not isinstance(chunk, dict):
            raise faults.malformed("an event is not an object")
        self._open_stream(chunk)
        candidate = response.candidate_in(chunk)
        frames = self._writer.start()
        for part in response.parts_of(candidate):
            frames += self._part(part)
        self._finish(chunk, candidate, frames)
        self._bill(chunk, candidate)
        return frames

    def _open_stream(self, chunk: Mapping[str, Any]) -> None:
        state = self.state
        state.model = wire.text(chunk.get("modelVersion")) or state.model or self._target_model
        state.upstream_id = state.upstream_id or wire.text(chunk.get("responseId"))

    def _part(self, part: Mapping[str, Any]) -> list[bytes]:
        if "functionCall" in part:
            return self._function_call(part)
        said = wire.text(part.get("text"))
        return self._writer.thoughts(said) if part.get("thought") else self._writer.text(said)

    def _function_call(self, part: Mapping[str, Any]) -> list[bytes]:
        """A call comes whole in one part, or opens with ``willContinue`` and goes on in nameless parts."""
        called = wire.mapping(part.get("functionCall"))
        frames: list[bytes] = []
        if called.get("name"):
            frames = self._end_call()  # the empty part that ends a call may be missing
            self._open = {**part, "functionCall": {**called, "args": dict(wire.mapping(called.get("args")))}}
        if self._open is not None:
            for piece in wire.objects(called.get("partialArgs")):
                arguments.add(self._open["functionCall"]["args"], piece)
        goes_on = called.get("willContinue") or (called.get("partialArgs") and not called.get("name"))
        return frames if goes_on else frames + self._end_call()

    def _end_call(self) -> list[bytes]:
        part, self._open = self._open, None
        if part is None:
            return _NOTHING
        call = response.tool_call(part, f"call_{self.state.upstream_id}_{self._tools}")
        self._tools += 1
        return self._writer.tool_call(self._tools - 1, call)

    def _finish(self, chunk: Mapping[str, Any], candidate: Mapping[str, Any], frames: list[bytes]) -> None:
        reason = candidate.get("finishReason")
        self._blocked = self._blocked or (not candidate and response.blocked(chunk))
        if not reason and not self._blocked:
            return
        frames += self._end_call()
        state = self.state
        state.finish_reason, flags = response.finish_of(chunk, candidate, called_tools=self._tools > 0)
        state.flags += flags
        state.complete = True

    def _bill(self, chunk: Mapping[str, Any], candidate: Mapping[str, Any]) -> None:
        state = self.state
        raw = chunk.get("usageMetadata")
        self._searches = max(self._searches, usage.searches_in(candidate, state.model))
        counts, flags = usage.usage_from(raw)
        if counts is not None:
            state.usage, state.raw_usage, self._usage_flags = counts, raw, flags
        state.usage = response.with_searches(state.usage, self._searches)
        variant, tier_flags = usage.variant_from(raw)
        state.variant = variant
        partial = () if state.complete or state.usage is None else ("partial_usage",)
        kept = tuple(flag for flag in state.flags if flag.startswith("native_finish"))
        state.flags = tuple(dict.fromkeys(self._usage_flags + tier_flags + kept + partial))
