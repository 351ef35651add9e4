"""Anthropic's events for callers of its own dialect: as they came, and what the ledger reads in them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters.anthropic.events import MessageReader
from proxy.adapters.base import Target
from proxy.interchange import wire

_WHOLE = frozenset({"tool_use", "redacted_thinking", "server_tool_use", "mcp_tool_use"})


def _whole_input(block: Mapping[str, Any]) -> int:
    """Characters of an input that comes with the start of its block, as some vendors send it."""
    given = block.get("input")
    return len(msgspec.json.encode(given)) if given else 0


class PassingReader(MessageReader):
    """Reads one vendor stream; see ``base.ChunkReader``.

    Pings, comments and events that are yet to be invented pass too. ``message_stop``, with what may follow
    it, is held back until ``close``, or until another message begins; an error event is not passed.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._held: list[bytes] = []

    def close(self) -> list[bytes]:
        held, self._held = self._held, []
        return held

    def _heartbeat(self, raw: bytes) -> list[bytes]:
        return self._passed(raw)

    def _passed(self, raw: bytes) -> list[bytes]:
        if not self._held:
            return [raw]
        self._held.append(raw)
        return []

    def _heard(self, kind: str, body: Mapping[str, Any], raw: bytes) -> list[bytes]:
        if kind == "content_block_delta":
            self._note_delta(wire.mapping(body.get("delta")))
        elif kind == "content_block_start":
            self._note_start(wire.mapping(body.get("content_block")))
        elif kind == "message_start":
            self._bill.message_start(body)
            return [*self.close(), raw]
        elif kind == "message_delta":
            self._bill.message_delta(body)
        elif kind == "message_stop":
            self._bill.message_stop()
            self._held.append(raw)
            return []
        return self._passed(raw)

    def _note_start(self, block: Mapping[str, Any]) -> None:
        self._note(wire.text(block.get("text")), wire.text(block.get("thinking")))
        if block.get("type") in _WHOLE:
            self.state.content_started = True
            self.state.visible_chars += len(wire.text(block.get("name"))) + _whole_input(block)

    def _note_delta(self, delta: Mapping[str, Any]) -> None:
        self._note(wire.text(delta.get("text")), wire.text(delta.get("thinking")))
        arguments = wire.text(delta.get("partial_json"))
        if arguments:
            self.state.content_started = True
            self.state.visible_chars += len(arguments)

    def _note(self, text: str, thoughts: str) -> None:
        state = self.state
        state.visible_chars += len(text)
        state.reasoning_chars += len(thoughts)
        state.content_started = state.content_started or bool(text or thoughts)
