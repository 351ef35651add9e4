"""Repairs of streamed tool calls, so that any client can put the pieces together.

Seen: no ``index`` (Mistral, the whole call in one delta), ``id: ""`` on continuations (Qwen) or the id again,
no ``type``, null arguments (Meta), indices that start at 1 (Claude behind a compatible layer), one index for
several calls, told apart by a new id and name (checks K2).
"""

from typing import Any

import msgspec

from proxy.interchange import wire


class _Slot(msgspec.Struct, gc=False):
    """One call: our index and what its first piece said."""

    index: int
    id: str


class Repair:
    """Renumbers one stream's tool calls from 0, per choice, and fills in what is missing."""

    def __init__(self) -> None:
        self._by_index: dict[tuple[object, int], _Slot] = {}  # the vendor's index -> the call it now means
        self._by_id: dict[tuple[object, str], _Slot] = {}
        self._slots: dict[object, list[_Slot]] = {}  # by choice

    @property
    def seen(self) -> bool:
        """Whether any tool call went by."""
        return bool(self._slots)

    def chunk(self, chunk: dict[str, Any]) -> bool:
        """Repair a decoded chunk in place; whether anything changed."""
        changed = False
        for choice in wire.items(chunk.get("choices")):
            delta = wire.mapping(wire.mapping(choice).get("delta"))
            calls = delta.get("tool_calls")
            changed = (bool(calls) and self.calls(calls, choice.get("index", 0))) or changed
        return changed

    def calls(self, calls: object, choice: object) -> bool:
        """Repair the calls of one delta in place; whether anything changed."""
        changed = False
        for call in wire.items(calls):
            if isinstance(call, dict):
                changed = self._call(call, choice) or changed
        return changed

    def _call(self, call: dict[str, Any], choice: object) -> bool:
        before = (call.get("index"), call.get("id", "absent"), call.get("type"), _arguments(call))
        slot, first = self._slot(call, choice)
        call["index"] = slot.index
        if first:
            call["type"] = call.get("type") or "function"
        if not first or not wire.text(call.get("id")):
            call.pop("id", None)  # clients add up what is repeated
        function = call.get("function")
        if isinstance(function, dict) and "arguments" in function and function["arguments"] is None:
            function["arguments"] = ""
        return before != (call.get("index"), call.get("id", "absent"), call.get("type"), _arguments(call))

    def _slot(self, call: dict[str, Any], choice: object) -> tuple[_Slot, bool]:
        """The call that this piece belongs to, and whether this is its first piece."""
        given, identity = call.get("index"), wire.text(call.get("id"))
        known = self._by_id.get((choice, identity)) if identity else None
        if isinstance(given, int):
            slot = self._by_index.get((choice, given))
            if slot is not None and identity and identity != slot.id:
                slot = known or (None if _name(call) and slot.id else slot)
        else:
            slot = known if identity else self._latest(choice)
        return (slot, False) if slot is not None else (self._begin(choice, given, identity), True)

    def _begin(self, choice: object, given: object, identity: str) -> _Slot:
        slots = self._slots.setdefault(choice, [])
        slot = _Slot(len(slots), identity)
        slots.append(slot)
        if isinstance(given, int):
            self._by_index[choice, given] = slot
        if identity:
            self._by_id[choice, identity] = slot
        return slot

    def _latest(self, choice: object) -> _Slot | None:
        slots = self._slots.get(choice)
        return slots[-1] if slots else None


def _name(call: dict[str, Any]) -> str:
    return wire.text(wire.mapping(call.get("function")).get("name"))


def _arguments(call: dict[str, Any]) -> object:
    return wire.mapping(call.get("function")).get("arguments", "absent")
