"""The items of an answer while they grow: each gives the events of its growth, and is whole at its end.

An event is the JSON object that the caller gets, but for its sequence number.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.responses import annotations, ids
from proxy.interchange import reasoning_items
from proxy.interchange.conversation import Thinking

Event = dict[str, Any]
Events = list[Event]


class Item:
    """``written`` is the item as it stands; after its end, as it stays."""

    def __init__(self, prefix: str, ident: str, index: int) -> None:
        self.id = ids.item_id(prefix, ident, index)
        self.index = index
        self.written: dict[str, Any] = {}

    def _added(self) -> Event:
        return {"type": "response.output_item.added", "output_index": self.index, "item": dict(self.written)}

    def _done(self) -> Event:
        return {"type": "response.output_item.done", "output_index": self.index, "item": self.written}

    def _event(self, kind: str, **members: Any) -> Event:
        return {"type": f"response.{kind}", "item_id": self.id, "output_index": self.index, **members}


class Message(Item):
    """Text and refusals of the assistant, each a part of its own."""

    def __init__(self, ident: str, index: int) -> None:
        super().__init__("msg", ident, index)
        self._content: list[dict[str, Any]] = []
        self._pieces: list[str] = []  # of the open part
        self._start = 0  # where the open part begins in the answer's text

    def begin(self) -> Events:
        head = {"id": self.id, "type": "message", "role": "assistant"}
        self.written = {**head, "status": "in_progress", "content": []}
        return [self._added()]

    def text(self, piece: str, *, start: int) -> Events:
        """``start`` is where the piece stands in the answer's text."""
        events = self._part("output_text", start)
        self._pieces.append(piece)
        return [*events, self._in_part("output_text.delta", delta=piece, logprobs=[])]

    def refusal(self, piece: str, *, start: int) -> Events:
        events = self._part("refusal", start)
        self._pieces.append(piece)
        return [*events, self._in_part("refusal.delta", delta=piece)]

    def annotate(self, notes: Iterable[Mapping[str, Any]]) -> Events:
        if not self._is_open("output_text"):
            return []
        events = []
        for note in annotations.written(notes, start=self._start):
            added: list[Any] = self._content[-1]["annotations"]
            members = {"annotation_index": len(added), "annotation": note}
            added.append(note)
            events.append(self._in_part("output_text.annotation.added", **members))
        return events

    def probabilities(self, logprobs: list[dict[str, Any]]) -> Events:
        """Those of text just told: a delta without text of its own."""
        if not logprobs or not self._is_open("output_text"):
            return []
        self._content[-1]["logprobs"] += logprobs
        return [self._in_part("output_text.delta", delta="", logprobs=logprobs)]

    def sign(self, signature: str) -> None:
        """Gemini's thought signature, where Google's own compatible endpoint puts it."""
        if self._is_open("output_text"):
            self._content[-1]["extra_content"] = {"google": {"thought_signature": signature}}

    def end(self, *, incomplete: bool) -> Events:
        events = self._end_part()
        status = "incomplete" if incomplete else "completed"
        self.written = {**self.written, "status": status, "content": self._content}
        return [*events, self._done()]

    def _is_open(self, kind: str) -> bool:
        return bool(self._content) and self._content[-1]["type"] == kind

    def _part(self, kind: str, start: int) -> Events:
        """Open a part, unless it is open."""
        if self._is_open(kind):
            return []
        events = self._end_part()
        self._start = start
        self._content.append(_empty(kind))
        return [*events, self._in_part("content_part.added", part=_empty(kind))]

    def _end_part(self) -> Events:
        if not self._content:
            return []
        part = self._content[-1]
        text, self._pieces = "".join(self._pieces), []
        if part["type"] == "refusal":
            part["refusal"] = text
            done = self._in_part("refusal.done", refusal=text)
        else:
            part["text"] = text
            done = self._in_part("output_text.done", text=text, logprobs=part["logprobs"])
        return [done, self._in_part("content_part.done", part=part)]

    def _in_part(self, kind: str, **members: Any) -> Event:
        return self._event(kind, content_index=len(self._content) - 1, **members)


class Reasoning(Item):
    """One block of thinking: its text is the summary's only part."""

    def __init__(self, ident: str, index: int) -> None:
        super().__init__("rs", ident, index)
        self._pieces: list[str] = []

    def begin(self) -> Events:
        self.written = {"id": self.id, "type": "reasoning", "summary": []}
        return [self._added()]

    def thoughts(self, piece: str) -> Events:
        events = [] if self._pieces else [self._summary("part.added", part=_summary_part(""))]
        self._pieces.append(piece)
        return [*events, self._summary("text.delta", delta=piece)]

    def end(self, thinking: Thinking) -> Events:
        """``thinking`` has the proof, and the text when it was not told before."""
        events = self.thoughts(thinking.text) if thinking.text and not self._pieces else []
        text = "".join(self._pieces)
        if text:
            events.append(self._summary("text.done", text=text))
            events.append(self._summary("part.done", part=_summary_part(text)))
        self.written = {**self.written, "summary": [_summary_part(text)] if text else []}
        if reasoning_items.has_proof(thinking):
            self.written["encrypted_content"] = reasoning_items.sealed(thinking)
        return [*events, self._done()]

    def _summary(self, kind: str, **members: Any) -> Event:
        return self._event(f"reasoning_summary_{kind}", summary_index=0, **members)


def _empty(kind: str) -> dict[str, Any]:
    if kind == "refusal":
        return {"type": "refusal", "refusal": ""}
    return {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


def _summary_part(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}
