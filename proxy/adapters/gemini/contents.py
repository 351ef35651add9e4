"""A conversation as ``systemInstruction`` and ``contents``.

Note [Unsigned calls]
Gemini 3 refuses a function call without a thought signature, and calls that another model made, or that a
client shortened, have none. Google documents a value that stands for one. It is put on the first call of
every unsigned step, also of steps long past, so that a growing conversation keeps its cached prefix (K11).

Note [Results as text]
A tool's result goes as the text that it is, never decoded: Gemini's numbers are doubles, and a 64-bit id in
a JSON result would come to the model rounded.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from proxy.adapters import turns
from proxy.adapters.base import Target
from proxy.adapters.gemini import media, models
from proxy.interchange.conversation import (
    AnyPart,
    Conversation,
    Document,
    Part,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from proxy.interchange.dialect import Call

SKIP_VALIDATOR = "skip_thought_signature_validator"
Json = dict[str, Any]


def prompt_for(call: Call, target: Target) -> Json:
    """Both sides in turns, the user first. Raises UnsupportedField, InvalidField."""
    conversation = call.conversation
    written = _Writer(call, target)
    for turn in turns.checked(conversation):
        written.add(turn)
    prompt: Json = {"contents": written.contents}
    if system := turns.texts(conversation.system):
        prompt["systemInstruction"] = {"parts": [{"text": part.text} for part in system]}
    return prompt


def losses(conversation: Conversation) -> tuple[str, ...]:
    """What the caller wrote into parts and tools that Gemini has no place for."""
    parts = [*conversation.system, *_all(part for turn in conversation.turns for part in turn.parts)]
    caches = [part.cache for part in parts] + [tool.cache for tool in conversation.tools]
    lost = {
        "cache_control": any(caches),
        "detail": any(getattr(part, "detail", "") not in ("", "auto") for part in parts),
        "citations": any(isinstance(part, Document) and part.citations for part in parts),
        "strict": any(tool.strict for tool in conversation.tools),
    }
    return tuple(name for name, is_lost in lost.items() if is_lost)


def _all(parts: Iterable[AnyPart]) -> Iterable[Part]:
    for part in parts:
        yield part
        if isinstance(part, ToolResult):
            yield from part.parts


class _Writer:
    """Turns of one side in a row become one, as Gemini wants the sides to alternate."""

    def __init__(self, call: Call, target: Target) -> None:
        self.contents: list[Json] = []
        self._call = call
        self._target = target
        self._gemini_3 = models.is_gemini_3(target.model)
        self._names: dict[str, str] = {}  # of the functions called so far, by the call's id

    def add(self, turn: Turn) -> None:
        role = "user" if turn.role == "user" else "model"
        parts = [written for part in turn.parts for written in self._parts(part)]
        if not parts:  # thoughts alone
            return
        if self._gemini_3:
            _sign_first_call(parts)
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"] += parts
        else:
            self.contents.append({"role": role, "parts": parts})

    def _parts(self, part: AnyPart) -> list[Json]:
        match part:
            case Text():
                return [_signed({"text": part.text}, part.signature)]
            case Thinking():
                return _thought(part)
            case ToolUse():
                return [self._function_call(part)]
            case ToolResult():
                return self._function_response(part)
        return media.parts_of(part, self._call, self._target)

    def _function_call(self, use: ToolUse) -> Json:
        """The arguments go as the caller wrote them, to the letter."""
        self._names[use.id] = use.name
        called: Json = {"name": use.name, "args": msgspec.Raw(use.arguments.encode())}
        if self._gemini_3 and use.id:
            called["id"] = use.id
        return _signed({"functionCall": called}, use.signature)

    def _function_response(self, result: ToolResult) -> list[Json]:
        """See Note [Results as text]. Media stand inside the response where the model takes them there, else
        after it."""
        told, shown = self._content(result)
        response: Json = {
            "name": self._names.get(result.id) or result.name,
            "response": {"error" if result.is_error else "output": told},
        }
        if self._gemini_3 and result.id:
            response["id"] = result.id
        if inside := [part for part in shown if self._fits_inside(part)]:
            response["parts"] = inside
        return [{"functionResponse": response}, *(part for part in shown if not self._fits_inside(part))]

    def _fits_inside(self, part: Json) -> bool:
        return self._gemini_3 and media.type_of(part) in media.IN_RESPONSES

    def _content(self, result: ToolResult) -> tuple[str, list[Json]]:
        """The result's text, and its media."""
        parts = [written for part in result.parts for written in self._parts(part)]
        return "\n".join(part["text"] for part in parts if "text" in part), [
            part for part in parts if "text" not in part
        ]


def _signed(part: Json, signature: str) -> Json:
    return {**part, "thoughtSignature": signature} if signature else part


def _thought(part: Thinking) -> list[Json]:
    """Only what Gemini itself vouches for: other thoughts would be taken for its own."""
    if part.origin != "gemini" or not part.signature:
        return []
    return [_signed({"text": part.text, "thought": True}, part.signature)]


def _sign_first_call(parts: list[Json]) -> None:
    """See Note [Unsigned calls]."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", SKIP_VALIDATOR)
