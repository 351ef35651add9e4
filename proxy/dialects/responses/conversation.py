"""A responses request as a conversation."""

from collections.abc import Mapping
from typing import Any, Literal

from proxy.dialects import sizes
from proxy.dialects.chat.tools import arguments_of, thought_signature
from proxy.dialects.responses import custom, parts, settings, tools
from proxy.dialects.responses.declared import DECLARING, flat_name
from proxy.interchange import reasoning_items, signatures
from proxy.interchange.conversation import (
    AnyPart,
    Conversation,
    Document,
    Image,
    Text,
    ToolResult,
    ToolUse,
    Turn,
)
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import a_list, a_string, an_object, maybe_string

SYSTEM_ROLES = ("system", "developer")

_Role = Literal["user", "assistant", "system"]

# What OpenAI's own servers did earlier: other vendors know nothing of it, and the text that followed says
# what came of it.
_SERVER = frozenset(
    {
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_list_tools",
        "mcp_call",
        "mcp_approval_request",
        "mcp_approval_response",
        "tool_search_call",
    }
)


def conversation_from(body: Mapping[str, Any]) -> Conversation:
    """Raises InvalidField."""
    sizes.check(body)
    reader = _Reader()
    reader.instruct(body.get("instructions"))
    reader.read_all(body.get("input"))
    return Conversation(
        system=tuple(reader.system),
        turns=tuple(Turn(role, tuple(said)) for role, said in reader.turns),
        tools=tools.tools_of(body),
        tool_choice=tools.choice_of(body),
        settings=settings.settings_of(body),
        dropped=tools.dropped_of(body),
        names=settings.names_of(body),
    )


class _Reader:
    """Items become turns: those of the assistant in a row are one turn, and so are results in a row. Leading
    system messages become the system text."""

    def __init__(self) -> None:
        self.system: list[Text] = []
        self.turns: list[tuple[_Role, list[AnyPart]]] = []
        self._names: dict[str, str] = {}  # of the tools called so far, by the call's id
        self._last: Literal["", "assistant", "results"] = ""

    def instruct(self, instructions: object) -> None:
        if text := maybe_string(instructions, "instructions"):
            self.system.append(Text(text=text, path="instructions"))

    def read_all(self, given: object) -> None:
        if given is None:
            raise InvalidField(field="input", reason="is missing")
        items = [{"role": "user", "content": given}] if isinstance(given, str) else a_list(given, "input")
        for number, value in enumerate(items):
            self._read(an_object(value, f"input[{number}]"), f"input[{number}]")

    def _read(self, item: Mapping[str, Any], path: str) -> None:
        match item.get("type") or ("message" if "role" in item else "item_reference"):
            case "message":
                self._message(item, path)
            case "function_call":
                self._called(item, path, arguments_of(item.get("arguments"), f"{path}.arguments"))
            case "custom_tool_call":
                text = a_string(item.get("input"), f"{path}.input")
                self._called(item, path, custom.arguments_for(text))
            case "function_call_output" | "custom_tool_call_output":
                self._result(item, path)
            case "reasoning":
                self._assistant((reasoning_items.thinking_from(item, path),))
            case "item_reference":
                raise InvalidField(field=path, reason="only OpenAI keeps the item; send the item itself")
            case str(kind) if kind in _SERVER or kind in DECLARING:
                pass
            case kind:
                reason = f"items of type {kind!r} cannot be translated for models of other vendors"
                raise InvalidField(field=f"{path}.type", reason=reason)

    def _message(self, item: Mapping[str, Any], path: str) -> None:
        role, content, place = item.get("role"), item.get("content"), f"{path}.content"
        if role in SYSTEM_ROLES:
            self._system(parts.texts_of(content, place))
        elif role == "user":
            self._add("user", parts.parts_of(content, place))
        elif role == "assistant":
            self._assistant(parts.parts_of(content, place))
        else:
            raise InvalidField(field=f"{path}.role", reason=f"there is no role {role!r}")

    def _system(self, texts: tuple[Text, ...]) -> None:
        if self.turns:
            self._add("system", texts)
        else:
            self.system.extend(texts)

    def _add(self, role: Literal["user", "system"], said: tuple[AnyPart, ...]) -> None:
        self._last = ""
        if said:
            self.turns.append((role, list(said)))

    def _assistant(self, said: tuple[AnyPart, ...]) -> None:
        if not said:
            return
        if self._last != "assistant":
            self.turns.append(("assistant", []))
        self._last = "assistant"
        self.turns[-1][1].extend(said)

    def _called(self, item: Mapping[str, Any], path: str, arguments: str) -> None:
        call_id, signature = signatures.split(a_string(item.get("call_id"), f"{path}.call_id"))
        call = ToolUse(
            id=call_id,
            name=flat_name(
                a_string(item.get("name"), f"{path}.name"),
                maybe_string(item.get("namespace"), f"{path}.namespace"),
            ),
            arguments=arguments,
            signature=thought_signature(item) or signature,
            path=path,
        )
        self._names[call.id] = call.name
        self._assistant((call,))

    def _result(self, item: Mapping[str, Any], path: str) -> None:
        call_id, _ = signatures.split(a_string(item.get("call_id"), f"{path}.call_id"))
        result = ToolResult(
            id=call_id,
            parts=tuple(_in_result(part) for part in parts.parts_of(item.get("output"), f"{path}.output")),
            name=self._names.get(call_id, ""),
            path=path,
        )
        if self._last != "results":
            self.turns.append(("user", []))
        self._last = "results"
        self.turns[-1][1].append(result)


def _in_result(part: parts.AnyContent) -> Text | Image | Document:
    if isinstance(part, Text | Image | Document):
        return part
    raise InvalidField(field=part.path, reason="a tool's result is text, images or files")
