"""A stream of messages events, written for vendors that speak another wire.

Note [One block at a time]
Anthropic's blocks come one after the other, and its clients put pieces together by that. Other vendors may
interleave the arguments of parallel tool calls: the pieces of all calls but the open one wait (checks K2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.dialects.messages import answer
from proxy.interchange import wire
from proxy.interchange.conversation import Thinking
from proxy.interchange.writing import HEARTBEAT, StreamWriter, Told

PING = b'event: ping\ndata: {"type": "ping"}\n\n'


@dataclass(slots=True)
class _Tool:
    """A call whose block is open, or which waits for its turn."""

    block: dict[str, Any]
    pieces: list[str] = field(default_factory=list)


class MessagesWriter(StreamWriter):
    """See ``StreamWriter``. Further choices have no place in a message and are left out."""

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        self._index = -1  # of the last block
        self._open: str = ""  # text | thinking | tool; empty: none
        self._tool: int | None = None  # whose block is open
        self._waiting: dict[int, _Tool] = {}
        self._thinking_told = False  # the thoughts of the open block came in pieces
        self._signed = False  # the open block's proof was told
        self._refused = False

    def close(self) -> list[bytes]:
        frames = [*self.start(), *self._end_block()]
        told = self.told
        reason = answer.stop_reason(
            told.finish_reason or "stop", told.native_finish, told.stop_sequence, refused=self._refused
        )
        delta = {"stop_reason": reason, "stop_sequence": told.stop_sequence or None}
        usage = answer.usage_for_caller(told.usage)
        frames.append(_event({"type": "message_delta", "delta": delta, "usage": usage}))
        return [*frames, _event({"type": "message_stop"})]

    def heartbeat(self) -> list[bytes]:
        return [PING if self._started else HEARTBEAT]

    def _opening(self) -> list[bytes]:
        message = {
            **answer.head(self.told.upstream_id, self.told.model),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._usage_so_far(),
        }
        return [_event({"type": "message_start", "message": message})]

    def _usage_so_far(self) -> dict[str, Any]:
        """Anthropic counts the input at the start; whoever counts at the end tells it in
        ``message_delta``."""
        if self.told.usage is None:
            return {"input_tokens": 0, "output_tokens": 0}
        return answer.usage_for_caller(self.told.usage) | {"output_tokens": 0}

    def _text(self, text: str, choice: int) -> list[bytes]:
        if choice:
            return []
        frames = self._begin("text", {"type": "text", "text": ""})
        return [*frames, self._delta({"type": "text_delta", "text": text})]

    def _refusal(self, text: str, choice: int) -> list[bytes]:
        self._refused = True
        return self._text(text, choice)

    def _annotations(self, annotations: Sequence[Mapping[str, Any]], choice: int) -> list[bytes]:
        if choice or self._open != "text":
            return []
        found = [citation for note in annotations if (citation := answer.citation(note))]
        return [self._delta({"type": "citations_delta", "citation": citation}) for citation in found]

    def _thoughts(self, text: str, choice: int) -> list[bytes]:
        if choice:
            return []
        frames = self._begin("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        self._thinking_told = True
        return [*frames, self._delta({"type": "thinking_delta", "thinking": text})]

    def _thinking_ends(self, thinking: Thinking, choice: int) -> list[bytes]:
        if choice:
            return []
        if thinking.redacted:
            frames = [*self._end_block(), *self._begin("thinking", answer.thinking_block(thinking))]
            self._signed = True
            return [*frames, *self._end_block()]
        frames = self._begin("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        if thinking.text and not self._thinking_told:
            frames.append(self._delta({"type": "thinking_delta", "thinking": thinking.text}))
        return [*frames, self._seal(thinking), *self._end_block()]

    def _tool_call(self, index: int, call_id: str, name: str, signature: str, choice: int) -> list[bytes]:
        if choice:
            return []
        tool = _Tool(answer.tool_block(call_id, name, signature, {}))
        if self._open == "tool":
            self._waiting[index] = tool
            return []
        return self._begin_tool(index, tool)

    def _arguments(self, index: int, piece: str, choice: int) -> list[bytes]:
        """See Note [One block at a time]."""
        if choice:
            return []
        if index == self._tool:
            return [self._delta({"type": "input_json_delta", "partial_json": piece})]
        if index in self._waiting:
            self._waiting[index].pieces.append(piece)
        return []

    def _tool_call_ends(self, index: int, choice: int) -> list[bytes]:
        return self._end_block() if index == self._tool and not choice else []

    def _begin_tool(self, index: int, tool: _Tool) -> list[bytes]:
        frames = self._begin("tool", tool.block, again=True)
        self._tool = index
        joined = "".join(tool.pieces)
        return (
            [*frames, self._delta({"type": "input_json_delta", "partial_json": joined})] if joined else frames
        )

    def _begin(self, kind: str, block: Mapping[str, Any], *, again: bool = False) -> list[bytes]:
        """Open a block, after closing one of another kind. ``again``: also one of the same kind."""
        if self._open == kind and not again:
            return []
        frames = self._end_open()
        if kind != "tool":
            frames += self._tell_waiting()
        self._index += 1
        self._open = kind
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        return [*frames, _event(start)]

    def _end_block(self) -> list[bytes]:
        """Close the open block, and tell the calls that waited for it."""
        return [*self._end_open(), *self._tell_waiting()]

    def _tell_waiting(self) -> list[bytes]:
        frames: list[bytes] = []
        waiting, self._waiting = self._waiting, {}
        for index, tool in waiting.items():
            frames += [*self._begin_tool(index, tool), *self._end_open()]
        return frames

    def _end_open(self) -> list[bytes]:
        if not self._open:
            return []
        frames = [self._seal(Thinking())] if self._open == "thinking" and not self._signed else []
        self._open, self._tool, self._thinking_told, self._signed = "", None, False, False
        return [*frames, _event({"type": "content_block_stop", "index": self._index})]

    def _seal(self, thinking: Thinking) -> bytes:
        """The proof; thoughts that nobody vouches for are sealed too, so that no vendor is sent them."""
        self._signed = True
        signature = answer.thinking_block(thinking)["signature"]
        return self._delta({"type": "signature_delta", "signature": signature})

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        return _event({"type": "content_block_delta", "index": self._index, "delta": delta})


def _event(event: Mapping[str, Any]) -> bytes:
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + wire.encode(event) + b"\n\n"
