"""The parts of an answer as what they say, whether they come whole or in a stream.

Note [Signatures on parts of their own]
A thought signature may stand on an empty part before or after the function call that it belongs to. Clients
that keep nothing but ids bring it back only inside the call's id, and that must be told when the call begins.
So the first call of an answer, when it is unsigned, waits for the part that follows it (checks K9).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters.gemini import arguments
from proxy.interchange import wire
from proxy.interchange.conversation import Text, Thinking, ToolUse


class Thought(msgspec.Struct, frozen=True):
    """A piece of a thought; the whole follows as ``Thinking``."""

    text: str


class LeftOut(msgspec.Struct, frozen=True):
    """Something that no caller's dialect has a place for, by the name of its field."""

    kind: str


# Text comes in pieces; one that is empty has the signature of those before it.
Said = Text | Thought | Thinking | ToolUse | LeftOut

_ABOUT = frozenset(
    {"text", "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}
)
_NOTES = frozenset({"toolCall", "toolResponse"})  # of Google's own search


class PartReader:
    """Reads the parts of one candidate in order.

    ``call_prefix`` begins the ids of calls to which the vendor gave none; they are the same for the same
    answer. ``one_call``: the caller wants no parallel calls, so those after the first are left out.
    """

    def __init__(self, call_prefix: str, *, one_call: bool = False) -> None:
        self.calls = 0
        self._prefix = call_prefix
        self._one_call = one_call
        self._thoughts: list[str] = []
        self._spoke = False
        self._open: dict[str, Any] | None = None  # a functionCall part whose arguments still come in pieces
        self._held: ToolUse | None = None  # see Note [Signatures on parts of their own]
        self._loose = ""  # a signature whose part may be the next one

    def read(self, part: Mapping[str, Any]) -> list[Said]:
        """What the part says, after what was held back until now."""
        signature = wire.text(part.get("thoughtSignature"))
        text = wire.text(part.get("text"))
        if "functionCall" in part:
            return [*self._end_thinking(), *self._function_call(part)]
        if part.get("thought"):
            return [*self._release(), *self._thought(text, signature)]
        if text:
            self._spoke = True
            return [*self._end_thinking(), *self._release(), Text(text=text, signature=signature)]
        others = [name for name in part if name not in _ABOUT]
        if others:
            return [*self._release(), *(LeftOut(name) for name in others if name not in _NOTES)]
        return self._lone_signature(signature) if signature else []

    def end(self) -> list[Said]:
        """What is still held back: no part follows. More may be read after it all the same."""
        return [*self._end_thinking(), *self._end_call(), *self._release()]

    def _thought(self, text: str, signature: str) -> list[Said]:
        self._thoughts.append(text)
        pieces: list[Said] = [Thought(text)] if text else []
        return [*pieces, *self._end_thinking(signature)] if signature else pieces

    def _end_thinking(self, signature: str = "") -> list[Said]:
        text = "".join(self._thoughts)
        self._thoughts.clear()
        if not text and not signature:
            return []
        return [Thinking(text=text, signature=signature, origin="gemini" if signature else "")]

    def _lone_signature(self, signature: str) -> list[Said]:
        if self._held is None:
            before = self._release()
            self._loose = signature
            return before
        held, self._held = self._held, None
        return [msgspec.structs.replace(held, signature=signature)]

    def _release(self) -> list[Said]:
        """The call, and the signature, that waited for a part that belongs to them."""
        released: list[Said] = [] if self._held is None else [self._held]
        if self._loose and self._spoke:
            released.append(Text(text="", signature=self._loose))
        self._held, self._loose = None, ""
        return released

    def _function_call(self, part: Mapping[str, Any]) -> list[Said]:
        """A call comes whole in one part, or opens with ``willContinue`` and goes on in nameless parts."""
        called = wire.mapping(part.get("functionCall"))
        said: list[Said] = []
        if called.get("name"):
            said = self._end_call()  # the empty part that ends a call may be missing
            self._open = {**part, "functionCall": {**called, "args": dict(wire.mapping(called.get("args")))}}
        if self._open is not None:
            for piece in wire.objects(called.get("partialArgs")):
                arguments.add(self._open["functionCall"]["args"], piece)
        goes_on = called.get("willContinue") or (called.get("partialArgs") and not called.get("name"))
        return said if goes_on else said + self._end_call()

    def _end_call(self) -> list[Said]:
        part, self._open = self._open, None
        if part is None:
            return []
        if self._one_call and self.calls:
            return [*self._release(), LeftOut("functionCall")]
        return self._called(self._tool_use(part))

    def _tool_use(self, part: Mapping[str, Any]) -> ToolUse:
        called = part["functionCall"]
        self.calls += 1
        return ToolUse(
            id=wire.text(called.get("id")) or f"{self._prefix}_{self.calls - 1}",
            name=wire.text(called["name"]),
            arguments=wire.encode(called["args"]).decode(),
            signature=wire.text(part.get("thoughtSignature")),
        )

    def _called(self, use: ToolUse) -> list[Said]:
        """See Note [Signatures on parts of their own]."""
        if self.calls > 1 or use.signature:
            return [*self._release(), use]
        if not self._loose:
            self._held = use
            return []
        signature, self._loose = self._loose, ""
        return [msgspec.structs.replace(use, signature=signature)]
