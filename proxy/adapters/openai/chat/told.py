"""A streamed chat completion, told to the writer of a caller of another dialect."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from proxy.adapters.base import Target
from proxy.adapters.openai.chat import content, thoughts
from proxy.adapters.openai.chat.chunks import Choice, Chunk, ChunkReader, Delta
from proxy.interchange import wire
from proxy.interchange.dialect import Call
from proxy.interchange.writing import StreamWriter
from proxy.sse import SSEEvent


class _Called(msgspec.Struct, gc=False):
    """A tool call so far. ``held`` are arguments that came before the name did."""

    id: str
    name: str = ""
    held: str = ""
    told: bool = False  # the writer knows of the call
    argued: bool = False  # and of some of its arguments
    ended: bool = False


class _Thought(msgspec.Struct, gc=False):
    """A block of thinking that is still open."""

    field: str
    text: str = ""


class Reader(ChunkReader):
    """Reads one vendor stream; see ``base.ChunkReader``."""

    def __init__(self, call: Call, target: Target) -> None:
        super().__init__(call, target)
        self._writer: StreamWriter = call.dialect.writer(self.state, call)
        self._calls: dict[tuple[int, int], _Called] = {}  # by choice and index
        self._thoughts: dict[int, _Thought] = {}  # by choice

    def close(self) -> list[bytes]:
        return self._end_all() + self._writer.close()

    def _heartbeat(self, event: SSEEvent) -> Sequence[bytes]:
        return self._writer.heartbeat()

    def _finish_meant(self) -> Sequence[bytes]:
        return ()

    def _chunk(self, chunk: Chunk, event: SSEEvent) -> Sequence[bytes]:
        frames: list[bytes] = []
        for choice in chunk.choices or ():
            frames += self._writer.start()
            frames += self._choice(choice)
        return frames

    def _choice(self, choice: Choice) -> list[bytes]:
        number = choice.index or 0
        frames = self._delta(choice.delta, number) if choice.delta is not None else []
        if isinstance(choice.logprobs, dict):
            frames += self._writer.logprobs(choice.logprobs, choice=number)
        if choice.finish_reason:
            self._finish(choice)
            frames += self._end(number)
            self._say_finish(content.finish_reason_from(choice.finish_reason), number)
        return frames

    def _say_finish(self, reason: str | None, number: int) -> None:
        """The reason in words that every dialect knows."""
        called = any(of == number for of, _ in self._calls)
        known = content.finish_for_others(reason, called=called)
        if number:
            self._writer.finish(known, choice=number)
        else:
            self.state.finish_reason = known

    def _delta(self, delta: Delta, number: int) -> list[bytes]:
        """What one delta says, in the order in which models speak: thoughts, text, calls."""
        writer = self._writer
        frames = self._think(delta, number)
        if text := content.text_of(delta.content):
            frames += self._end_thought(number) + writer.text(text, choice=number)
        if refusal := wire.text(delta.refusal):
            frames += self._end_thought(number) + writer.refusal(refusal, choice=number)
        if delta.tool_calls:
            frames += self._end_thought(number) + self._called(delta.tool_calls, number)
        elif delta.function_call:  # the older way, for one call
            frames += self._called([{"index": 0, "function": delta.function_call}], number)
        if delta.annotations or delta.executed_tools:
            self._see_tools(delta)
            frames += writer.annotations(wire.objects(delta.annotations), choice=number)
        return frames

    def _think(self, delta: Delta, number: int) -> list[bytes]:
        for field, thought in (
            ("reasoning_content", wire.text(delta.reasoning_content)),
            ("reasoning", wire.text(delta.reasoning)),
            ("content", content.thinking_of(delta.content)),
        ):
            if thought:
                block = self._thoughts.setdefault(number, _Thought(field))
                block.text += thought
                return self._writer.thoughts(thought, choice=number)
        return []

    def _end_thought(self, number: int) -> list[bytes]:
        block = self._thoughts.pop(number, None)
        if block is None:
            return []
        return self._writer.thinking_ends(thoughts.thinking(block.text, block.field), choice=number)

    def _called(self, calls: Any, number: int) -> list[bytes]:
        self._repair.calls(calls, number)
        return [frame for call in wire.objects(calls) for frame in self._piece(call, number)]

    def _piece(self, call: Mapping[str, Any], number: int) -> list[bytes]:
        index, function = call["index"], wire.mapping(call.get("function"))
        called = self._calls.get((number, index))
        if called is None:
            called = _Called(wire.text(call.get("id")) or f"call_{self.state.upstream_id}_{number}_{index}")
            self._calls[number, index] = called
        called.held += wire.text(function.get("arguments"))
        frames: list[bytes] = []
        if not called.told:
            called.name += wire.text(function.get("name"))
            if not called.name:
                return frames
            called.told = True
            frames = self._writer.tool_call(index, call_id=called.id, name=called.name, choice=number)
        return frames + self._argue(called, index, number)

    def _argue(self, called: _Called, index: int, number: int) -> list[bytes]:
        piece, called.held = called.held, ""
        called.argued = called.argued or bool(piece.strip())
        return self._writer.arguments(index, piece, choice=number) if called.argued else []

    def _end(self, number: int) -> list[bytes]:
        """A choice is over: so are its thoughts and its calls; a call without arguments has none (K3)."""
        frames = self._end_thought(number)
        for (choice, index), called in self._calls.items():
            if choice == number and called.told and not called.ended:
                called.ended = True
                if not called.argued:
                    frames += self._writer.arguments(index, "{}", choice=number)
                frames += self._writer.tool_call_ends(index, choice=number)
        return frames

    def _end_all(self) -> list[bytes]:
        choices = {0, *(choice for choice, _ in self._calls), *self._thoughts}
        return [frame for number in sorted(choices) for frame in self._end(number)]
