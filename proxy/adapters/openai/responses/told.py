"""A stream of Responses events, told to the writer of a caller of another dialect."""

from collections.abc import Sequence
from typing import Any

import msgspec

from proxy.adapters.base import Target
from proxy.adapters.openai.responses import reply
from proxy.adapters.openai.responses.events import BEGUN, ResponseEvents
from proxy.adapters.openai.responses.fields import Event, Response
from proxy.interchange import wire
from proxy.interchange.dialect import Call
from proxy.sse import SSEEvent


class _Called(msgspec.Struct, gc=False):
    """A function call so far. ``index`` counts the calls from 0."""

    index: int
    argued: bool = False
    ended: bool = False


class Reader(ResponseEvents):
    """Reads one vendor stream; see ``base.ChunkReader``."""

    def __init__(self, call: Call, target: Target) -> None:
        super().__init__()
        self._writer = call.dialect.writer(self.state, call)
        self._calls: dict[object, _Called] = {}  # by the item's place in the output
        self._summaries: dict[object, object] = {}  # of the reasoning items: the piece told last

    def close(self) -> list[bytes]:
        return self._writer.close()

    def _beside(self, event: SSEEvent) -> Sequence[bytes]:
        return self._writer.heartbeat() if event.is_comment and not self.state.complete else ()

    def _end(self, response: Response) -> None:
        """The writer says it in ``close``."""

    def _event(self, told: Event, event: SSEEvent) -> list[bytes]:
        if told.type in BEGUN:
            return self._writer.start()
        match told.type:
            case "response.output_item.added":
                return self._item_begins(told)
            case "response.output_text.delta":
                return self._text(told)
            case "response.refusal.delta":
                return self._writer.refusal(wire.text(told.delta))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return self._thoughts(told)
            case "response.function_call_arguments.delta":
                return self._argue(told, wire.text(told.delta))
            case "response.output_text.annotation.added":
                notes = [reply.annotation(wire.mapping(told.annotation))] if told.annotation else []
                return self._writer.annotations(notes)
            case "response.output_item.done":
                return self._item_ends(told)
        return []

    def _text(self, told: Event) -> list[bytes]:
        frames = self._writer.text(wire.text(told.delta))
        if tokens := wire.objects(told.logprobs):
            frames += self._writer.logprobs({"content": tokens, "refusal": None})
        return frames

    def _thoughts(self, told: Event) -> list[bytes]:
        """The pieces of a summary are told apart by an empty line, as in the whole answer."""
        place, piece = _place(told.output_index), told.summary_index
        before = self._summaries.get(place, piece)
        self._summaries[place] = piece
        gap = reply.BETWEEN_SUMMARIES if before != piece else ""
        return self._writer.thoughts(gap + wire.text(told.delta))

    def _item_begins(self, told: Event) -> list[bytes]:
        item = wire.mapping(told.item)
        if item.get("type") != "function_call":
            return []
        called = _Called(len(self._calls))
        self._calls[_place(told.output_index)] = called
        call_id = wire.text(item.get("call_id")) or wire.text(item.get("id"))
        return self._writer.tool_call(called.index, call_id=call_id, name=wire.text(item.get("name")))

    def _argue(self, told: Event, piece: str) -> list[bytes]:
        called = self._calls.get(_place(told.output_index))
        if called is None or called.ended:
            return []
        called.argued = called.argued or bool(piece)
        return self._writer.arguments(called.index, piece)

    def _item_ends(self, told: Event) -> list[bytes]:
        """The item whole: what was never told in pieces is told now."""
        item = wire.mapping(told.item)
        if item.get("type") == "reasoning":
            thinking = reply.thinking_of(item)
            unseen = thinking.text if _place(told.output_index) not in self._summaries else ""
            return self._writer.thoughts(unseen) + self._writer.thinking_ends(thinking)
        if item.get("type") != "function_call":
            return []
        frames = [] if _place(told.output_index) in self._calls else self._item_begins(told)
        called = self._calls[_place(told.output_index)]
        if called.ended:
            return frames
        if not called.argued:
            frames += self._argue(told, wire.text(item.get("arguments")) or "{}")
        called.ended = True
        return frames + self._writer.tool_call_ends(called.index)


def _place(index: Any) -> object:
    """An item's place in the output, as a key whatever the vendor sent."""
    return index if isinstance(index, int | str) else None
