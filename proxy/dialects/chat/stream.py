"""A stream of chat completion chunks, written for vendors that speak another wire."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.dialects.chat import answer
from proxy.interchange import wire
from proxy.interchange.conversation import Thinking
from proxy.interchange.writing import StreamWriter, Told


class ChatWriter(StreamWriter):
    """See ``StreamWriter``. ``include_usage``: the caller asked for the usage chunk."""

    def __init__(self, told: Told, *, include_usage: bool, older: bool = False) -> None:
        super().__init__(told)
        self._older = older  # the caller knows function_call, which had room for one call
        self._include_usage = include_usage
        self._created = wire.now()
        self._blocks = 0  # thinking blocks with a proof, so far
        self._opened = {0}

    def close(self) -> list[bytes]:
        reasons = {0: self.told.finish_reason or "stop", **self.finishes}
        frames = self.start()
        if self._older:
            reasons = {choice: answer.older_finish(reason) for choice, reason in reasons.items()}
        frames += [self._chunk({}, choice, reason) for choice, reason in sorted(reasons.items())]
        return [*frames, *self._usage(), wire.DONE_FRAME]

    def _usage(self) -> list[bytes]:
        usage = self.told.usage
        if not self._include_usage or usage is None:
            return []
        return [wire.frame({**self._envelope(), "choices": [], "usage": answer.usage_for_caller(usage)})]

    def _opening(self) -> list[bytes]:
        return [self._chunk({"role": "assistant", "content": ""}, 0)]

    def _text(self, text: str, choice: int) -> list[bytes]:
        return self._delta({"content": text}, choice)

    def _refusal(self, text: str, choice: int) -> list[bytes]:
        return self._delta({"refusal": text}, choice)

    def _thoughts(self, text: str, choice: int) -> list[bytes]:
        return self._delta({"reasoning_content": text}, choice)

    def _thinking_ends(self, thinking: Thinking, choice: int) -> list[bytes]:
        """The block whole, for clients that give it back. ``index`` lets OpenAI's own accumulator merge."""
        if not answer.has_proof(thinking):
            return []
        block = {"index": self._blocks, **answer.thinking_block(thinking)}
        self._blocks += 1
        return self._delta({"thinking_blocks": [block]}, choice)

    def _tool_call(self, index: int, call_id: str, name: str, signature: str, choice: int) -> list[bytes]:
        if self._older:
            return [] if index else self._delta({"function_call": {"name": name, "arguments": ""}}, choice)
        call = {"index": index, **answer.tool_call(call_id, name, "", signature)}
        return self._delta({"tool_calls": [call]}, choice)

    def _arguments(self, index: int, piece: str, choice: int) -> list[bytes]:
        if self._older:
            return [] if index else self._delta({"function_call": {"arguments": piece}}, choice)
        return self._delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, choice)

    def _annotations(self, annotations: Sequence[Mapping[str, Any]], choice: int) -> list[bytes]:
        return self._delta({"annotations": list(annotations)}, choice)

    def _text_signature(self, signature: str, choice: int) -> list[bytes]:
        return self._delta({"extra_content": answer.google(signature)}, choice)

    def _logprobs(self, logprobs: Mapping[str, Any], choice: int) -> list[bytes]:
        return [self._chunk({}, choice, logprobs=logprobs)]

    def _delta(self, delta: dict[str, Any], choice: int) -> list[bytes]:
        """A chunk of a choice; every choice says its role first."""
        if choice in self._opened:
            return [self._chunk(delta, choice)]
        self._opened.add(choice)
        return [self._chunk({"role": "assistant", "content": ""}, choice), self._chunk(delta, choice)]

    def _chunk(
        self,
        delta: dict[str, Any],
        choice: int,
        finish_reason: str | None = None,
        logprobs: Mapping[str, Any] | None = None,
    ) -> bytes:
        written = {"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return wire.frame({**self._envelope(), "choices": [written]})

    def _envelope(self) -> dict[str, Any]:
        return {
            "id": self.told.upstream_id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self.told.model,
        }
