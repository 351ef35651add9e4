"""Anthropic's events, told to the writer of the caller's dialect (wire.md d.4)."""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.adapters.anthropic import blocks, formats
from proxy.adapters.anthropic.blocks import OpenBlock, Telling
from proxy.adapters.anthropic.events import MessageReader
from proxy.adapters.anthropic.models import model_from
from proxy.adapters.base import Target
from proxy.interchange import wire
from proxy.interchange.dialect import Call

_NOTHING: list[bytes] = []


class Reader(MessageReader):
    """Reads one vendor stream; see ``base.ChunkReader``.

    Another message may follow in the same stream (see ``bill``): the finish is written by ``close``.
    """

    def __init__(self, call: Call, target: Target) -> None:
        super().__init__(target)
        answer = formats.answer_tool(call.conversation, model_from(target.model))
        self._writer = call.dialect.writer(self.state, call)
        self._telling = Telling(self._writer, answer.name if answer is not None else "")
        self._open: dict[int, OpenBlock] = {}
        self._begun = False
        self._handlers: dict[str, Callable[[Mapping[str, Any]], list[bytes]]] = {
            "content_block_delta": self._block_delta,
            "content_block_start": self._block_start,
            "content_block_stop": self._block_stop,
            "message_start": self._message_start,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "ping": self._ping,
        }

    def close(self) -> list[bytes]:
        return self._writer.close()

    def _heard(self, kind: str, body: Mapping[str, Any], raw: bytes) -> list[bytes]:
        """Kinds that are yet to be invented are passed over."""
        handler = self._handlers.get(kind)
        return handler(body) if handler is not None else _NOTHING

    def _heartbeat(self, raw: bytes) -> list[bytes]:
        return self._writer.heartbeat() if self._begun else _NOTHING

    def _ping(self, event: Mapping[str, Any]) -> list[bytes]:
        return self._heartbeat(b"")

    def _message_start(self, event: Mapping[str, Any]) -> list[bytes]:
        frames = self._end_blocks()
        self._bill.message_start(event)
        self._begun = True
        return frames + self._writer.start()

    def _message_delta(self, event: Mapping[str, Any]) -> list[bytes]:
        self._bill.message_delta(event)
        return _NOTHING

    def _message_stop(self, event: Mapping[str, Any]) -> list[bytes]:
        frames = self._end_blocks()
        self._bill.message_stop()
        if self._telling.answer_tool and not self._telling.tools and self.state.finish_reason == "tool_calls":
            self.state.finish_reason = "stop"  # the call was the answer
        return frames

    def _block_start(self, event: Mapping[str, Any]) -> list[bytes]:
        index, block = wire.count(event.get("index")), wire.mapping(event.get("content_block"))
        frames = self._end_block(index)
        opened = blocks.opened(block, self._telling)
        if opened is None:
            return frames
        self._open[index] = opened
        return frames + opened.start(block)

    def _block_delta(self, event: Mapping[str, Any]) -> list[bytes]:
        opened = self._open.get(wire.count(event.get("index")))
        return opened.delta(wire.mapping(event.get("delta"))) if opened is not None else _NOTHING

    def _block_stop(self, event: Mapping[str, Any]) -> list[bytes]:
        return self._end_block(wire.count(event.get("index")))

    def _end_block(self, index: int) -> list[bytes]:
        opened = self._open.pop(index, None)
        return opened.stop() if opened is not None else _NOTHING

    def _end_blocks(self) -> list[bytes]:
        """What a message left open when it ended."""
        return [frame for index in sorted(self._open) for frame in self._end_block(index)]
