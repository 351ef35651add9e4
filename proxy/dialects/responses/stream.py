"""A stream of response events, written for vendors that speak another wire."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.dialects.responses import answer, declared, ids
from proxy.dialects.responses.items import Event, Events
from proxy.dialects.responses.output import Output
from proxy.interchange import wire
from proxy.interchange.conversation import Thinking
from proxy.interchange.writing import StreamWriter, Told


class ResponsesWriter(StreamWriter):
    """See ``StreamWriter``. ``asked`` is the request. Further choices have no place in a response and are
    left out. The id and the model are those known when the stream begins, as they may not change in it."""

    def __init__(self, told: Told, asked: Mapping[str, Any]) -> None:
        super().__init__(told)
        self._asked = asked
        self._sequence = 0
        self._begun: dict[str, Any] = {}
        self._output = Output("", {})

    def close(self) -> list[bytes]:
        finish = self.told.finish_reason or "stop"
        frames = self.start()
        frames += self._frames(self._output.end(incomplete=answer.is_incomplete(finish)))
        response = {
            **self._begun,
            **answer.ended(finish, self.told.usage, self.told.service_tier),
            "output": self._output.written(),
        }
        return [*frames, self._frame({"type": f"response.{response['status']}", "response": response})]

    def heartbeat(self) -> list[bytes]:
        """An event once there is one: Codex gives a stream up after five minutes without, and comments do not
        count."""
        if not self._begun:
            return super().heartbeat()
        return [self._frame({"type": "response.in_progress", "response": self._begun})]

    def _opening(self) -> list[bytes]:
        ident = ids.ident_of(self.told.upstream_id)
        self._output = Output(ident, declared.callable_in(self._asked))
        self._begun = answer.begun(self._asked, ident, self.told.model, wire.now())
        kinds = ("response.created", "response.in_progress")
        return [self._frame({"type": kind, "response": self._begun}) for kind in kinds]

    def _text(self, text: str, choice: int) -> list[bytes]:
        return [] if choice else self._frames(self._output.text(text))

    def _refusal(self, text: str, choice: int) -> list[bytes]:
        return [] if choice else self._frames(self._output.refusal(text))

    def _annotations(self, annotations: Sequence[Mapping[str, Any]], choice: int) -> list[bytes]:
        return [] if choice else self._frames(self._output.annotations(annotations))

    def _logprobs(self, logprobs: Mapping[str, Any], choice: int) -> list[bytes]:
        return [] if choice else self._frames(self._output.logprobs(logprobs))

    def _text_signature(self, signature: str, choice: int) -> list[bytes]:
        return [] if choice else self._frames(self._output.text_signature(signature))

    def _thoughts(self, text: str, choice: int) -> list[bytes]:
        return [] if choice else self._frames(self._output.thoughts(text))

    def _thinking_ends(self, thinking: Thinking, choice: int) -> list[bytes]:
        return [] if choice else self._frames(self._output.thinking_ends(thinking))

    def _tool_call(self, index: int, call_id: str, name: str, signature: str, choice: int) -> list[bytes]:
        return [] if choice else self._frames(self._output.call(index, call_id, name, signature))

    def _arguments(self, index: int, piece: str, choice: int) -> list[bytes]:
        return [] if choice else self._frames(self._output.arguments(index, piece))

    def _tool_call_ends(self, index: int, choice: int) -> list[bytes]:
        return [] if choice else self._frames(self._output.call_ends(index))

    def _frames(self, events: Events) -> list[bytes]:
        return [self._frame(event) for event in events]

    def _frame(self, event: Event) -> bytes:
        numbered = {"type": event["type"], "sequence_number": self._sequence, **event}
        self._sequence += 1
        name: str = event["type"]
        return b"event: " + name.encode() + b"\ndata: " + wire.encode(numbered) + b"\n\n"
