"""Repairs of streamed tool calls, so that any client can put the pieces together.

Seen: no ``index`` (Mistral, the whole call in one delta), ``id: ""`` on continuations (Qwen), no ``type``,
null arguments (Meta), indices that start at 1 (Claude behind a compatible layer).
"""

from typing import Any

from proxy.adapters import wire


class Repair:
    """Renumbers one stream's tool calls from 0, per choice, and fills in what is missing."""

    def __init__(self) -> None:
        self._seen: dict[tuple[object, object], int] = {}  # (choice, the vendor's index or id) -> ours
        self._counts: dict[object, int] = {}

    @property
    def seen(self) -> bool:
        """Whether any tool call went by."""
        return bool(self._seen)

    def chunk(self, chunk: dict[str, Any]) -> bool:
        """Repair a decoded chunk in place; whether anything changed."""
        changed = False
        for choice in wire.items(chunk.get("choices")):
            delta = wire.mapping(wire.mapping(choice).get("delta"))
            for position, call in enumerate(wire.items(delta.get("tool_calls"))):
                if isinstance(call, dict):
                    changed = self._call(call, choice.get("index", 0), position) or changed
        return changed

    def _call(self, call: dict[str, Any], choice: object, position: int) -> bool:
        before = (call.get("index"), call.get("id", "absent"), call.get("type"), _arguments(call))
        if call.get("id", "absent") in ("", None):
            del call["id"]
        index, first = self._index(call, choice, position)
        call["index"] = index
        if first:
            call["type"] = call.get("type") or "function"
        function = call.get("function")
        if isinstance(function, dict) and "arguments" in function and function["arguments"] is None:
            function["arguments"] = ""
        return before != (call.get("index"), call.get("id", "absent"), call.get("type"), _arguments(call))

    def _index(self, call: dict[str, Any], choice: object, position: int) -> tuple[int, bool]:
        """Our index of this call, and whether this is its first piece.

        Without the vendor's index a new id begins a new call, and a piece without id continues the last one.
        """
        given, identity = call.get("index"), wire.text(call.get("id"))
        key = (choice, given if isinstance(given, int) else identity or self._latest(choice))
        if key in self._seen:
            return self._seen[key], False
        index = self._counts.get(choice, 0)
        self._counts[choice] = index + 1
        self._seen[key] = index
        return index, True

    def _latest(self, choice: object) -> object:
        keys = [key for (of, key) in self._seen if of == choice]
        return keys[-1] if keys else 0


def _arguments(call: dict[str, Any]) -> object:
    return wire.mapping(call.get("function")).get("arguments", "absent")
