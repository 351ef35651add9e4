"""What a request lost on its way that no field of its own names."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proxy.interchange import wire
from proxy.interchange.conversation import AnyPart, Conversation, Image, ToolResult


def of(conversation: Conversation, body: Mapping[str, Any]) -> tuple[str, ...]:
    """``cache_control`` when a marker stood on what is not sent (checks K10), ``detail`` of images."""
    parts = [part for turn in conversation.turns for part in _all(turn.parts)]
    lost = []
    if _markers_asked(conversation, parts) > _markers_sent(body):
        lost.append("cache_control")
    if any(isinstance(part, Image) and part.detail not in ("", "auto") for part in parts):
        lost.append("detail")
    return tuple(lost)


def _all(parts: Iterable[AnyPart]) -> Iterator[AnyPart]:
    for part in parts:
        yield part
        if isinstance(part, ToolResult):
            yield from part.parts


def _markers_asked(conversation: Conversation, parts: Iterable[AnyPart]) -> int:
    holders = (*conversation.system, *parts, *conversation.tools)
    return sum(holder.cache is not None for holder in holders)


def _markers_sent(body: Mapping[str, Any]) -> int:
    blocks = [*wire.objects(body.get("system")), *wire.objects(body.get("tools"))]
    for message in body["messages"]:
        blocks += message["content"]
        blocks += [inner for block in message["content"] for inner in wire.objects(block.get("content"))]
    return sum("cache_control" in block for block in blocks)
