"""Streamed events for callers of the same dialect: every frame passes as the bytes that came."""

from collections.abc import Sequence

from proxy.adapters.base import Target
from proxy.adapters.openai.responses.events import ResponseEvents
from proxy.adapters.openai.responses.fields import Event, Response
from proxy.interchange import wire
from proxy.interchange.dialect import Call
from proxy.sse import SSEEvent

THOUGHTS = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")
SOUND = "response.audio.delta"  # base64: its length says nothing of its tokens


class Reader(ResponseEvents):
    """The last event (``response.completed``, ``response.incomplete``) is held back for ``close``."""

    def __init__(self, call: Call, target: Target) -> None:
        super().__init__()
        self._last: list[bytes] = []

    def close(self) -> list[bytes]:
        return list(self._last)

    def _beside(self, event: SSEEvent) -> Sequence[bytes]:
        if self.state.complete or event.data == b"[DONE]":
            self._last.append(event.raw)
            return ()
        return (event.raw,) if event.is_comment else ()

    def _event(self, told: Event, event: SSEEvent) -> Sequence[bytes]:
        if self.state.complete:
            self._last.append(event.raw)
            return ()
        self._count(told)
        return (event.raw,)

    def _count(self, told: Event) -> None:
        state, kind = self.state, wire.text(told.type)
        state.content_started = state.content_started or _has_content(kind)
        if kind in THOUGHTS:
            state.reasoning_chars += len(wire.text(told.delta))
        elif kind.endswith(".delta") and kind != SOUND:  # text, a refusal, arguments, code, ...
            state.visible_chars += len(wire.text(told.delta))
        elif kind == "response.output_item.added":
            state.visible_chars += len(wire.text(wire.mapping(told.item).get("name")))

    def _end(self, response: Response) -> None:
        """Nothing to add: the frame itself says all."""


def _has_content(kind: str) -> bool:
    """Whether the event shows work: a piece of anything, or one of the vendor's tools running."""
    return kind.endswith(".delta") or "_call." in kind or kind == "response.output_item.done"
