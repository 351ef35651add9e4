"""A chat completion request as a conversation."""

from collections.abc import Mapping
from typing import Any

from proxy.dialects import sizes, thinking
from proxy.dialects.chat import parts, settings, tools
from proxy.interchange import signatures
from proxy.interchange.conversation import (
    AnyPart,
    Conversation,
    Document,
    Image,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import a_list, a_string, an_object, maybe_object, maybe_string

SYSTEM_ROLES = ("system", "developer")
TOOL_ROLES = ("tool", "function")


def conversation_from(body: Mapping[str, Any]) -> Conversation:
    """Raises InvalidField."""
    sizes.check(body)
    reader = _Reader()
    for number, value in enumerate(a_list(body.get("messages"), "messages")):
        reader.read(an_object(value, f"messages[{number}]"), f"messages[{number}]")
    return Conversation(
        system=tuple(reader.system),
        turns=tuple(Turn(role, tuple(said)) for role, said in reader.turns),
        tools=tools.tools_of(body),
        tool_choice=tools.choice_of(body),
        settings=settings.settings_of(body),
        names=settings.names_of(body),
    )


class _Reader:
    """Leading system messages become the system text, results in a row one user turn."""

    def __init__(self) -> None:
        self.system: list[Text] = []
        self.turns: list[tuple[Any, list[AnyPart]]] = []  # role, parts
        self._names: dict[str, str] = {}  # of the tools called so far, by the call's id
        self._in_results = False

    def read(self, message: Mapping[str, Any], path: str) -> None:
        role = message.get("role")
        if role in TOOL_ROLES:
            self._result(message, path)
            return
        self._in_results = False
        if role in SYSTEM_ROLES:
            self._system(parts.texts_of(message, path))
        elif role == "user":
            self._add("user", parts.parts_of(message, path))
        elif role == "assistant":
            self._add("assistant", self._assistant(message, path))
        else:
            raise InvalidField(field=f"{path}.role", reason=f"there is no role {role!r}")

    def _add(self, role: Any, said: tuple[AnyPart, ...]) -> None:
        if said:
            self.turns.append((role, list(said)))

    def _system(self, texts: tuple[Text, ...]) -> None:
        if self.turns:
            self._add("system", texts)
        else:
            self.system.extend(texts)

    def _result(self, message: Mapping[str, Any], path: str) -> None:
        name = maybe_string(message.get("name"), f"{path}.name")
        given = message.get("tool_call_id") if message.get("role") == "tool" else name
        call_id, _ = signatures.split(a_string(given, f"{path}.tool_call_id"))
        result = ToolResult(
            id=call_id,
            parts=tuple(
                _in_result(part) for part in parts.parts_of({**message, "cache_control": None}, path)
            ),
            cache=maybe_object(message.get("cache_control"), f"{path}.cache_control"),
            name=self._names.get(call_id, name),
            path=path,
        )
        if not self._in_results:
            self.turns.append(("user", []))
        self.turns[-1][1].append(result)
        self._in_results = True

    def _assistant(self, message: Mapping[str, Any], path: str) -> tuple[AnyPart, ...]:
        said = parts.parts_of(message, path)
        refusal = maybe_string(message.get("refusal"), f"{path}.refusal")
        if refusal and not any(isinstance(part, Text) and part.text for part in said):
            said = (Text(text=refusal, path=f"{path}.refusal"),)  # what the assistant said
        if message.get("audio"):
            raise InvalidField(field=f"{path}.audio", reason="send the transcript as text instead")
        return (*_thinking(message, path), *_signed(said, message), *self._calls(message, path))

    def _calls(self, message: Mapping[str, Any], path: str) -> tuple[ToolUse, ...]:
        calls = tools.calls_of(message, path)
        self._names |= {call.id: call.name for call in calls}
        return calls


def _in_result(part: parts.AnyContent) -> Text | Image | Document:
    if isinstance(part, Text | Image | Document):
        return part
    raise InvalidField(field=part.path, reason="a tool's result is text, images or files")


def _signed(said: tuple[parts.AnyContent, ...], message: Mapping[str, Any]) -> tuple[AnyPart, ...]:
    """Gemini's signature on the text goes back to the last text part."""
    signature = tools.thought_signature(message)
    last = said[-1] if said else None
    if not signature or not isinstance(last, Text):
        return said
    return (*said[:-1], Text(text=last.text, cache=last.cache, path=last.path, signature=signature))


def _thinking(message: Mapping[str, Any], path: str) -> tuple[Thinking, ...]:
    """``thinking_blocks`` as we wrote them; else the bare thoughts, which nobody vouches for."""
    place = f"{path}.thinking_blocks"
    blocks = a_list(message.get("thinking_blocks"), place)
    if blocks:
        return tuple(thinking.block_of(an_object(block, place), place) for block in blocks)
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    return (Thinking(text=thoughts, path=path),) if isinstance(thoughts, str) and thoughts else ()
