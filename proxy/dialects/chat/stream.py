"""The caller's side: OpenAI chat completions and chunks, written for vendors that speak another wire."""

from typing import Any

from metering.usage import Usage
from proxy.adapters import wire
from proxy.adapters.base import StreamState


def usage_for_caller(usage: Usage) -> dict[str, Any]:
    """Disjoint buckets back in OpenAI's inclusive form."""
    return {
        "prompt_tokens": usage.total_input,
        "completion_tokens": usage.total_output,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
            "audio_tokens": usage.audio_input,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
        },
    }


def tool_call(*, call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """One tool call as OpenAI writes it; a call without arguments has ``{}``."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments or "{}"}}


def body(
    *,
    upstream_id: str,
    model: str,
    text: str,
    thoughts: str,
    tool_calls: list[dict[str, Any]],
    finish_reason: str,
    usage: Usage | None,
) -> bytes:
    """A ``chat.completion`` with one choice; ``content`` is null when there are only tool calls."""
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if tool_calls else "")}
    if thoughts:
        message["reasoning_content"] = thoughts
    message["refusal"] = None
    if tool_calls:
        message["tool_calls"] = tool_calls
    completion: dict[str, Any] = {
        "id": upstream_id,
        "object": "chat.completion",
        "created": wire.now(),
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
    }
    if usage is not None:
        completion["usage"] = usage_for_caller(usage)
    return wire.encode(completion)


class ChunkWriter:
    """Writes the frames of one stream and notes in ``state`` what they hold."""

    def __init__(self, state: StreamState) -> None:
        self._state = state
        self._created = wire.now()
        self._started = False

    def start(self) -> list[bytes]:
        """The role chunk, once."""
        if self._started:
            return []
        self._started = True
        return [self._chunk({"role": "assistant", "content": ""})]

    def text(self, text: str) -> list[bytes]:
        """Visible text; nothing for an empty one."""
        if not text:
            return []
        self._state.visible_chars += len(text)
        return [*self.start(), self._content({"content": text})]

    def thoughts(self, text: str) -> list[bytes]:
        """Thinking the vendor showed, as ``reasoning_content``; nothing for an empty one."""
        if not text:
            return []
        self._state.reasoning_chars += len(text)
        return [*self.start(), self._content({"reasoning_content": text})]

    def tool_call(self, index: int, call: dict[str, Any]) -> list[bytes]:
        """The first piece of a tool call, or the whole of it."""
        return [*self.start(), self._content({"tool_calls": [{"index": index, **call}]})]

    def arguments(self, index: int, piece: str) -> list[bytes]:
        """A further piece of a tool call's arguments."""
        return [self._content({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})]

    def finish(self, reason: str) -> list[bytes]:
        """The chunk with the finish reason."""
        return [*self.start(), self._chunk({}, reason)]

    def last(self, *, include_usage: bool) -> list[bytes]:
        """The usage chunk when it was asked for and is known, then ``[DONE]``."""
        usage = self._state.usage
        if not include_usage or usage is None:
            return [wire.DONE_FRAME]
        return [
            wire.frame({**self._envelope(), "choices": [], "usage": usage_for_caller(usage)}),
            wire.DONE_FRAME,
        ]

    def _content(self, delta: dict[str, Any]) -> bytes:
        self._state.content_started = True
        return self._chunk(delta)

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return wire.frame({**self._envelope(), "choices": [choice]})

    def _envelope(self) -> dict[str, Any]:
        return {
            "id": self._state.upstream_id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._state.model,
        }
