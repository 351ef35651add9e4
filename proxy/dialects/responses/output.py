"""The output of an answer as it grows: items in order, and the events of their growth.

Whole answers are told block by block to the same ``Output`` that streams are, so both end alike.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.responses import annotations
from proxy.dialects.responses.calls import Call, call_of
from proxy.dialects.responses.declared import Called
from proxy.dialects.responses.items import Events, Item, Message, Reasoning
from proxy.interchange import reasoning_items
from proxy.interchange.conversation import Text, Thinking, ToolUse
from proxy.interchange.reply import Block, Choice, Cited, Refusal


class Output:
    """One message, or one block of thinking, is open at a time. Calls stay open beside it, as clients tell
    the pieces of parallel calls apart by their output index. ``tools`` are the caller's, by the names that
    vendors know."""

    def __init__(self, ident: str, tools: Mapping[str, Called]) -> None:
        self._ident = ident
        self._tools = tools
        self._items: list[Item] = []
        self._message: Message | None = None
        self._reasoning: Reasoning | None = None
        self._calls: dict[int, Call] = {}  # the open ones, by the teller's number
        self._chars = 0  # of text so far, refusals not counted

    def written(self) -> list[dict[str, Any]]:
        """The items as they stand."""
        return [item.written for item in self._items]

    def text(self, piece: str) -> Events:
        if not piece:
            return []
        events, message = self._open_message()
        start, self._chars = self._chars, self._chars + len(piece)
        return events + message.text(piece, start=start)

    def refusal(self, piece: str) -> Events:
        if not piece:
            return []
        events, message = self._open_message()
        return events + message.refusal(piece, start=self._chars)

    def annotations(self, notes: Iterable[Mapping[str, Any]]) -> Events:
        return self._message.annotate(notes) if self._message else []

    def logprobs(self, logprobs: object) -> Events:
        return self._message.probabilities(annotations.logprobs_of(logprobs)) if self._message else []

    def text_signature(self, signature: str) -> Events:
        if self._message and signature:
            self._message.sign(signature)
        return []

    def thoughts(self, piece: str) -> Events:
        if not piece:
            return []
        events, reasoning = self._open_reasoning()
        return events + reasoning.thoughts(piece)

    def thinking_ends(self, thinking: Thinking) -> Events:
        """Thinking without text and proof, shown or not, is no item."""
        events: Events = []
        if thinking.redacted:
            events += self._end_reasoning()
        if self._reasoning is None and not (thinking.text or reasoning_items.has_proof(thinking)):
            return events
        opening, _ = self._open_reasoning()
        return events + opening + self._end_reasoning(thinking)

    def call(self, number: int, call_id: str, name: str, signature: str) -> Events:
        events = self._end_message() + self._end_reasoning() + self.call_ends(number)
        call = call_of(self._tools.get(name) or Called(name), self._ident, len(self._items))
        self._items.append(call)
        self._calls[number] = call
        return events + call.begin(call_id, signature)

    def arguments(self, number: int, piece: str) -> Events:
        call = self._calls.get(number)
        return call.arguments(piece) if call and piece else []

    def call_ends(self, number: int) -> Events:
        call = self._calls.pop(number, None)
        return call.end() if call else []

    def end(self, *, incomplete: bool) -> Events:
        """``incomplete``: the answer broke off; so did the message, when it is the last item."""
        events = self._end_reasoning()
        for number in list(self._calls):
            events += self.call_ends(number)
        last = self._items[-1] if self._items else None
        return events + self._end_message(incomplete=incomplete and self._message is last)

    def _open_message(self) -> tuple[Events, Message]:
        if self._message:
            return [], self._message
        events = self._end_reasoning()
        self._message = message = Message(self._ident, len(self._items))
        self._items.append(message)
        return events + message.begin(), message

    def _open_reasoning(self) -> tuple[Events, Reasoning]:
        if self._reasoning:
            return [], self._reasoning
        events = self._end_message()
        self._reasoning = reasoning = Reasoning(self._ident, len(self._items))
        self._items.append(reasoning)
        return events + reasoning.begin(), reasoning

    def _end_message(self, *, incomplete: bool = False) -> Events:
        message, self._message = self._message, None
        return message.end(incomplete=incomplete) if message else []

    def _end_reasoning(self, thinking: Thinking | None = None) -> Events:
        reasoning, self._reasoning = self._reasoning, None
        return reasoning.end(thinking or Thinking()) if reasoning else []


def output_of(
    choice: Choice, ident: str, tools: Mapping[str, Called], *, incomplete: bool
) -> list[dict[str, Any]]:
    """The items of a whole answer."""
    output, logprobs = Output(ident, tools), choice.logprobs
    for number, block in enumerate(choice.blocks):
        _tell(output, number, block)
        if isinstance(block, Text | Cited) and block.text:
            output.logprobs(logprobs)
            logprobs = None
    output.end(incomplete=incomplete)
    return output.written()


def _tell(output: Output, number: int, block: Block) -> None:
    match block:
        case Thinking():
            output.thinking_ends(block)
        case ToolUse():
            output.call(number, block.id, block.name, block.signature)
            output.arguments(number, block.arguments)
            output.call_ends(number)
        case Refusal():
            output.refusal(block.text)
        case Text() | Cited():
            output.text(block.text)
            output.annotations(block.annotations if isinstance(block, Cited) else ())
            output.text_signature(block.signature)
