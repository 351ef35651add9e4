"""Calls in an answer while they grow: of functions, and of custom tools."""

from proxy.dialects.responses import custom, ids
from proxy.dialects.responses.declared import Called
from proxy.dialects.responses.items import Event, Events, Item
from proxy.interchange import signatures, wire


class Call(Item):
    """A call of one of the caller's tools. See Note [Signatures in ids] in ``interchange.signatures``."""

    prefix = "fc"
    kind = "function_call"
    content = "arguments"

    def __init__(self, ident: str, index: int, called: Called) -> None:
        super().__init__(self.prefix, ident, index)
        self._ident = ident
        self._called = called
        self._pieces: list[str] = []

    def begin(self, call_id: str, signature: str) -> Events:
        call_id = call_id or ids.item_id("call", self._ident, self.index)
        self.written = {
            "id": self.id,
            "type": self.kind,
            "call_id": signatures.in_id(call_id, signature),
            "name": self._called.name,
            self.content: "",
            "status": "in_progress",
        }
        if self._called.namespace:
            self.written["namespace"] = self._called.namespace
        return [self._added()]

    def arguments(self, piece: str) -> Events:
        self._pieces.append(piece)
        return [self._event("function_call_arguments.delta", delta=piece)]

    def end(self) -> Events:
        """A call whose arguments broke off is incomplete."""
        events = [] if self._pieces else self.arguments("{}")
        arguments = "".join(self._pieces)
        return [*events, *self._ended(arguments, is_whole=_is_object(arguments))]

    def _ended(self, content: str, *, is_whole: bool) -> Events:
        status = "completed" if is_whole else "incomplete"
        self.written = {**self.written, self.content: content, "status": status}
        return [self._content_done(content), self._done()]

    def _content_done(self, content: str) -> Event:
        return self._event("function_call_arguments.done", arguments=content)


class CustomCall(Call):
    """A call of a custom tool: the vendor's arguments are taken apart on their way."""

    prefix = "ctc"
    kind = "custom_tool_call"
    content = "input"

    def __init__(self, ident: str, index: int, called: Called) -> None:
        super().__init__(ident, index, called)
        self._text = custom.Pieces()
        self._told: list[str] = []

    def arguments(self, piece: str) -> Events:
        self._pieces.append(piece)
        return self._delta(self._text.of(piece))

    def end(self) -> Events:
        arguments, told = "".join(self._pieces), "".join(self._told)
        text = custom.input_of(arguments, told)
        events = self._delta(text[len(told) :]) if text.startswith(told) else []
        return [*events, *self._ended(text, is_whole=_is_object(arguments))]

    def _delta(self, text: str) -> Events:
        self._told.append(text)
        return [self._event("custom_tool_call_input.delta", delta=text)] if text else []

    def _content_done(self, content: str) -> Event:
        return self._event("custom_tool_call_input.done", input=content)


def call_of(called: Called, ident: str, index: int) -> Call:
    return CustomCall(ident, index, called) if called.custom else Call(ident, index, called)


def _is_object(arguments: str) -> bool:
    return isinstance(wire.maybe_decoded(arguments), dict)
