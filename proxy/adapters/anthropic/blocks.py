"""The content blocks of a stream while they are open: each tells the caller's writer what comes in it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters.anthropic import citations
from proxy.interchange import wire
from proxy.interchange.conversation import Thinking
from proxy.interchange.writing import StreamWriter

_NOTHING: list[bytes] = []


class Telling(msgspec.Struct):
    """What the blocks of one stream share. ``answer_tool`` is the tool whose input is the answer's text."""

    writer: StreamWriter
    answer_tool: str = ""
    tools: int = 0  # tool calls so far: they are numbered among themselves (checks K1)
    said: int = 0  # characters of text so far


class OpenBlock(ABC):
    """A block between its start and its stop."""

    def __init__(self, telling: Telling) -> None:
        self.telling = telling
        self.writer = telling.writer

    @abstractmethod
    def start(self, block: Mapping[str, Any]) -> list[bytes]: ...

    @abstractmethod
    def delta(self, delta: Mapping[str, Any]) -> list[bytes]: ...

    @abstractmethod
    def stop(self) -> list[bytes]: ...


class TextBlock(OpenBlock):
    """Citations come before or after the text that they stand for: they are told at its end."""

    def __init__(self, telling: Telling) -> None:
        super().__init__(telling)
        self._begin = telling.said
        self._citations: list[Mapping[str, Any]] = []

    def start(self, block: Mapping[str, Any]) -> list[bytes]:
        self._citations += wire.objects(block.get("citations"))
        return self._text(block)

    def delta(self, delta: Mapping[str, Any]) -> list[bytes]:
        if delta.get("type") == "citations_delta":
            self._citations.append(wire.mapping(delta.get("citation")))
        return self._text(delta) if delta.get("type") == "text_delta" else _NOTHING

    def stop(self) -> list[bytes]:
        if not self._citations:
            return _NOTHING
        end = self.telling.said
        return self.writer.annotations(citations.annotations_of(self._citations, start=self._begin, end=end))

    def _text(self, holder: Mapping[str, Any]) -> list[bytes]:
        text = wire.text(holder.get("text"))
        self.telling.said += len(text)
        return self.writer.text(text)


class ThinkingBlock(OpenBlock):
    """The text may be empty (``display: omitted``); the signature comes just before the end."""

    def __init__(self, telling: Telling) -> None:
        super().__init__(telling)
        self._pieces: list[str] = []
        self._signature = ""

    def start(self, block: Mapping[str, Any]) -> list[bytes]:
        return self._heard(block)

    def delta(self, delta: Mapping[str, Any]) -> list[bytes]:
        return self._heard(delta)

    def stop(self) -> list[bytes]:
        text = "".join(self._pieces)
        return self.writer.thinking_ends(Thinking(text=text, signature=self._signature, origin="anthropic"))

    def _heard(self, holder: Mapping[str, Any]) -> list[bytes]:
        self._signature = wire.text(holder.get("signature")) or self._signature
        text = wire.text(holder.get("thinking"))
        self._pieces.append(text)
        return self.writer.thoughts(text)


class RedactedBlock(OpenBlock):
    """Comes whole."""

    def start(self, block: Mapping[str, Any]) -> list[bytes]:
        return self.writer.thinking_ends(Thinking(redacted=wire.text(block.get("data")), origin="anthropic"))

    def delta(self, delta: Mapping[str, Any]) -> list[bytes]:
        return _NOTHING

    def stop(self) -> list[bytes]:
        return _NOTHING


class ToolBlock(OpenBlock):
    """Arguments come in pieces, or whole in the start, or not at all: ``{}`` (checks K3)."""

    def __init__(self, telling: Telling) -> None:
        super().__init__(telling)
        self._index = telling.tools
        self._is_whole = False
        self._is_told = False

    def start(self, block: Mapping[str, Any]) -> list[bytes]:
        frames = self._begins(block)
        given = block.get("input")
        self._is_whole = isinstance(given, dict) and bool(given)
        return frames + self._tell(wire.encode(given).decode()) if self._is_whole else frames

    def delta(self, delta: Mapping[str, Any]) -> list[bytes]:
        piece = wire.text(delta.get("partial_json"))
        return self._tell(piece) if piece and not self._is_whole else _NOTHING

    def stop(self) -> list[bytes]:
        frames = _NOTHING if self._is_told else self._tell("{}")
        return [*frames, *self._ends()]

    def _tell(self, piece: str) -> list[bytes]:
        self._is_told = True
        return self._arguments(piece)

    def _begins(self, block: Mapping[str, Any]) -> list[bytes]:
        self.telling.tools += 1
        call_id, name = wire.text(block.get("id")), wire.text(block.get("name"))
        return self.writer.tool_call(self._index, call_id=call_id, name=name)

    def _arguments(self, piece: str) -> list[bytes]:
        return self.writer.arguments(self._index, piece)

    def _ends(self) -> list[bytes]:
        return self.writer.tool_call_ends(self._index)


class AnswerBlock(ToolBlock):
    """A tool whose input is the answer. See Note [The answer as a tool's input] in ``formats``."""

    def _begins(self, block: Mapping[str, Any]) -> list[bytes]:
        return _NOTHING

    def _arguments(self, piece: str) -> list[bytes]:
        self.telling.said += len(piece)
        return self.writer.text(piece)

    def _ends(self) -> list[bytes]:
        return _NOTHING


_KINDS: dict[object, type[OpenBlock]] = {
    "text": TextBlock,
    "thinking": ThinkingBlock,
    "redacted_thinking": RedactedBlock,
    "tool_use": ToolBlock,
}


def opened(block: Mapping[str, Any], telling: Telling) -> OpenBlock | None:
    """The block that begins; None for what callers are not told, such as the vendor's own tools."""
    kind = block.get("type")
    made = _KINDS.get(kind) if isinstance(kind, str) else None
    if made is ToolBlock and telling.answer_tool and block.get("name") == telling.answer_tool:
        made = AnswerBlock
    return made(telling) if made is not None else None
