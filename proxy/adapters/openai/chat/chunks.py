"""A stream of chat completion chunks, as far as all its readers share it: what is known, not what is said."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from proxy.adapters import faults
from proxy.adapters.base import Target
from proxy.adapters.events import EventReader
from proxy.adapters.openai import errors
from proxy.adapters.openai.chat import bill, content, tool_calls
from proxy.interchange import wire
from proxy.interchange.dialect import Call
from proxy.sse import SSEEvent


class Delta(msgspec.Struct, gc=False):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None
    refusal: Any = None
    audio: Any = None
    function_call: Any = None
    annotations: Any = None
    executed_tools: Any = None


class Choice(msgspec.Struct, gc=False):
    index: int | None = 0
    delta: Delta | None = None
    finish_reason: Any = None
    native_finish_reason: Any = None
    logprobs: Any = None


class Chunk(msgspec.Struct, gc=False):
    id: Any = ""
    created: Any = None
    model: Any = ""
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None
    type: Any = None
    service_tier: Any = None
    x_groq: Any = None
    usage_breakdown: Any = None


_decode = msgspec.json.Decoder(Chunk).decode

MOST_KINDS = 20  # of built-in tools in an answer; one alone makes its cost unknown


class ChunkReader(EventReader):
    """Keeps ``state``; subclasses make the frames. The answer is complete when all ``n`` choices ended."""

    def __init__(self, call: Call, target: Target) -> None:
        super().__init__()
        self._kind = target.kind
        self._choices = max(wire.count(call.body.get("n")), 1)
        self._finished: set[int] = set()
        self._done = False
        self._repair = tool_calls.Repair()
        self._searched = False
        self._tier: object = None
        self._created: object = None
        self._raw_usage: dict[str, Any] | None = None
        self._tools: dict[str, Mapping[str, Any]] = {}  # the first of each kind
        self._breakdown: object = None

    def _read(self, event: SSEEvent) -> Sequence[bytes]:
        if self._done:
            return ()
        if not event.data:
            return self._heartbeat(event)
        if event.data.strip() == b"[DONE]":
            return self._ended()
        try:
            chunk = _decode(event.data)
        except wire.UNREADABLE as reason:
            raise faults.malformed(f"an event is not a chat completion chunk: {reason}") from None
        if chunk.usage is not None or chunk.x_groq is not None or self._is_new_tier(chunk.service_tier):
            self._take_bill(chunk)  # also beside an error: OpenRouter bills those
        if chunk.error or event.event == "error" or chunk.type == "error":
            raise errors.in_band(msgspec.json.decode(event.data))
        if chunk.choices and not self.state.model:
            self.state.model, self.state.upstream_id = wire.text(chunk.model), wire.text(chunk.id)
            self._created = chunk.created
        return self._chunk(chunk, event)

    def _is_new_tier(self, tier: object) -> bool:
        """Every chunk of OpenAI's names the tier: it is looked at once."""
        return tier is not None and tier != self._tier

    @abstractmethod
    def _heartbeat(self, event: SSEEvent) -> Sequence[bytes]: ...

    @abstractmethod
    def _chunk(self, chunk: Chunk, event: SSEEvent) -> Sequence[bytes]: ...

    @abstractmethod
    def _finish_meant(self) -> Sequence[bytes]:
        """The vendor closed a tool call without a finish reason: the frames for the one it meant."""
        ...

    def _ended(self) -> Sequence[bytes]:
        """``[DONE]``."""
        self._done = True
        state = self.state
        state.ended = True
        if state.finish_reason is None and self._repair.seen:
            state.finish_reason, state.complete = "tool_calls", True
            return self._finish_meant()
        state.complete = state.complete or bool(self._finished)
        return ()

    def _take_bill(self, chunk: Chunk) -> None:
        """Usage and tier. The last usage wins: vendors that send several send running totals."""
        self._raw_usage = bill.reported_usage(chunk.usage, chunk.x_groq) or self._raw_usage
        corner = wire.mapping(chunk.x_groq).get("usage_breakdown")
        self._breakdown = chunk.usage_breakdown or corner or self._breakdown
        self._tier = chunk.service_tier or self._tier
        self._note_bill()

    def _note_bill(self) -> None:
        bill.bill_of(
            self._raw_usage,
            kind=self._kind,
            tier=self._tier,
            searched=self._searched,
            tools=list(self._tools.values()),
            breakdown=self._breakdown,
        ).note_in(self.state)

    def _see_tools(self, delta: Delta) -> None:
        """What is billed beside tokens and said in the deltas alone."""
        before = self._searched, len(self._tools)
        if delta.annotations and not self._searched:
            self._searched = bill.cites(delta.annotations)
        for tool in wire.objects(delta.executed_tools):
            if len(self._tools) < MOST_KINDS:
                self._tools.setdefault(wire.text(tool.get("type")), tool)
        if before != (
            self._searched,
            len(self._tools),
        ):  # to read the bill anew at every delta takes for ever
            self._note_bill()

    def _finish(self, choice: Choice) -> None:
        """Note that a choice has ended; the answer is complete when all have."""
        state = self.state
        reason = content.finish_reason_from(choice.finish_reason)
        if reason == "error":
            raise faults.malformed("the vendor ended the answer with finish_reason error")
        if not choice.index or state.finish_reason is None:
            state.finish_reason = reason
            state.native_finish = wire.text(choice.native_finish_reason) or wire.text(choice.finish_reason)
        self._finished.add(choice.index or 0)
        state.complete = len(self._finished) >= self._choices
