"""A streamed answer: frames that need no change pass as the bytes that came."""

from typing import Any

import msgspec

from proxy.adapters import faults, wire
from proxy.adapters.base import ChatCall, StreamState, Target, VendorError
from proxy.adapters.openai import errors, response, tool_calls, usage
from proxy.sse import EventTooLarge, SSEDecoder, SSEEvent


class _Delta(msgspec.Struct, gc=False):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None
    refusal: Any = None
    audio: Any = None
    function_call: Any = None
    annotations: Any = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = 0
    delta: _Delta | None = None
    finish_reason: Any = None


class _Chunk(msgspec.Struct, gc=False):
    id: Any = ""
    model: Any = ""
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None
    type: Any = None
    service_tier: Any = None
    x_groq: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class Reader:
    """Reads one vendor stream; see ``base.ChunkReader``."""

    def __init__(self, call: ChatCall, target: Target) -> None:
        self.state = StreamState()
        self._include_usage = call.include_usage
        self._kind = target.kind
        self._choices = max(wire.count(call.body.get("n")), 1)
        self._finished: set[int] = set()
        self._decoder = SSEDecoder()
        self._done = False
        self._searched = False
        self._tier: object = None
        self._last: dict[str, Any] = {}  # the envelope of the usage chunk, when we must write it
        self._usage_frame: bytes | None = None  # the vendor's own usage chunk, held back to be the last
        self._repair = tool_calls.Repair()

    def feed(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        if self.state.error is not None or self._done:
            return frames
        try:
            for event in self._decoder.feed(data):
                found = self._read(event)
                if found is not None:
                    frames.append(found)
        except VendorError as failure:
            self._fail(failure)
        except EventTooLarge as reason:
            self._fail(faults.malformed(str(reason)))
        return frames

    def _fail(self, failure: VendorError) -> None:
        """An error outweighs a finish that came before it: the stream did not end well."""
        self.state.error, self.state.complete = failure, False

    def close(self) -> list[bytes]:
        if not self._include_usage or self.state.raw_usage is None:
            return [wire.DONE_FRAME]
        return [self._usage_frame or self._written_usage(), wire.DONE_FRAME]

    def _read(self, event: SSEEvent) -> bytes | None:
        if self._done:
            return None
        if event.data.strip() == b"[DONE]":
            return self._end()
        try:
            chunk = _decode(event.data)
        except wire.UNREADABLE as reason:
            raise faults.malformed(f"an event is not a chat completion chunk: {reason}") from None
        if chunk.usage is not None or chunk.x_groq is not None or chunk.service_tier is not None:
            self._take_bill(chunk)  # also beside an error: OpenRouter bills those
        if chunk.error or event.event == "error" or chunk.type == "error":
            raise errors.in_band(msgspec.json.decode(event.data))
        if chunk.choices:
            return self._with_choices(chunk, chunk.choices, event)
        if isinstance(chunk.usage, dict) and chunk.choices is not None:
            self._usage_frame = _passed(event)  # held back, to be the last
        return None  # without choices and usage (Azure's prompt filter) no caller can read it

    def _end(self) -> bytes | None:
        """``[DONE]``. A vendor that closed a tool call without a finish reason gets the one it meant."""
        self._done = True
        state = self.state
        if state.finish_reason is None and self._repair.seen:
            state.finish_reason, state.complete = "tool_calls", True
            choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "tool_calls"}
            return wire.frame({**self._envelope(), "choices": [choice]})
        state.complete = state.complete or bool(self._finished)
        return None

    def _take_bill(self, chunk: _Chunk) -> None:
        """Usage and tier. The last usage wins: vendors that send several send running totals."""
        state = self.state
        raw = response.reported_usage(chunk.usage, chunk.x_groq)
        if raw is not None:
            counts, flags = usage.usage_from(raw)
            if counts is not None:
                state.raw_usage, state.flags = raw, flags
                state.usage = response.with_search(counts, searched=self._searched, kind=self._kind)
        self._tier = chunk.service_tier or wire.mapping(raw).get("service_tier") or self._tier
        variant, tier_flags = usage.variant_from(self._tier)
        state.variant = variant
        state.flags = tuple(dict.fromkeys(state.flags + tier_flags))

    def _with_choices(self, chunk: _Chunk, choices: list[_Choice], event: SSEEvent) -> bytes | None:
        state = self.state
        if not state.model:
            self._open(chunk)
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
            state.content_started = True
        if tools or isinstance(chunk.usage, dict):
            return self._rewritten(event, empty=repeated and not started)
        return _passed(event)

    def _open(self, chunk: _Chunk) -> None:
        self.state.model = wire.text(chunk.model)
        self.state.upstream_id = wire.text(chunk.id)

    def _take(self, delta: _Delta) -> bool:
        """Count what ``delta`` says; whether it says anything."""
        state = self.state
        content = delta.content
        if content.__class__ is str:
            state.visible_chars += len(content)
        elif content is not None:
            state.visible_chars += len(response.text_of(content))
            state.reasoning_chars += len(response.thinking_of(content))
        thought = delta.reasoning_content or delta.reasoning
        if thought.__class__ is str:
            state.reasoning_chars += len(thought)
        if delta.annotations:
            self._see_citations(delta.annotations)
        return bool(
            content or thought or delta.tool_calls or delta.refusal or delta.audio or delta.function_call
        )

    def _see_citations(self, annotations: object) -> None:
        notes = wire.objects(annotations)
        self._searched = self._searched or any(note.get("type") == "url_citation" for note in notes)

    def _finish(self, choice: _Choice) -> None:
        """Note that a choice has ended; the answer is complete when all have."""
        state = self.state
        reason = response.finish_reason_from(choice.finish_reason)
        if reason == "error":
            raise faults.malformed("the vendor ended the answer with finish_reason error")
        if not choice.index or state.finish_reason is None:
            state.finish_reason = reason
        self._finished.add(choice.index or 0)
        state.complete = len(self._finished) >= self._choices

    def _rewritten(self, event: SSEEvent, *, empty: bool) -> bytes | None:
        """The frame without usage and with whole tool calls; None when nothing is left to say.

        ``empty``: OpenRouter repeats the finish chunk, without content, to carry the usage.
        """
        chunk = msgspec.json.decode(event.data)
        carried_usage = isinstance(chunk.pop("usage", None), dict)
        if carried_usage:
            self._last = {name: chunk.get(name) for name in ("id", "object", "created", "model")}
            if empty:
                return None
        repaired = self._repair.chunk(chunk)
        return wire.frame(chunk) if carried_usage or repaired else _passed(event)

    def _written_usage(self) -> bytes:
        """The usage chunk of a vendor that put its usage elsewhere."""
        return wire.frame({**self._envelope(), "choices": [], "usage": self.state.raw_usage})

    def _envelope(self) -> dict[str, Any]:
        if self._last:
            return self._last
        state = self.state
        return {
            "id": state.upstream_id,
            "object": "chat.completion.chunk",
            "created": wire.now(),
            "model": state.model,
        }


def _passed(event: SSEEvent) -> bytes:
    """The frame as it came, unless it carries more than data (a comment, an event name)."""
    if event.raw.startswith(b"data:") and not event.event:
        return event.raw
    return b"data: " + b"\ndata: ".join(event.data.split(b"\n")) + b"\n\n"
