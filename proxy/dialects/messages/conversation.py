"""A messages request as a conversation."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from proxy.dialects import sizes, thinking
from proxy.dialects.messages import blocks
from proxy.interchange.conversation import (
    AnyPart,
    Conversation,
    Format,
    Settings,
    ThinkingAsked,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import (
    a_list,
    a_string,
    an_object,
    maybe_bool,
    maybe_int,
    maybe_number,
    maybe_object,
    maybe_string,
    strings,
)

NAMES = {
    "stop": "stop_sequences",
    "format": "output_config.format",
    "thinking": "thinking",
    "user": "metadata",
}


def conversation_from(body: Mapping[str, Any]) -> Conversation:
    """Raises InvalidField."""
    sizes.check(body)
    choice = maybe_object(body.get("tool_choice"), "tool_choice")
    return Conversation(
        system=blocks.texts_of(body.get("system"), "system"),
        turns=tuple(_turns(body)),
        tools=tuple(
            _tool(value, f"tools[{n}]") for n, value in enumerate(a_list(body.get("tools"), "tools"))
        ),
        tool_choice=None if choice is None else _choice(choice),
        settings=_settings(body, choice or {}),
        names=NAMES,
    )


def _turns(body: Mapping[str, Any]) -> Iterator[Turn]:
    names: dict[str, str] = {}
    for number, value in enumerate(a_list(body.get("messages"), "messages")):
        path = f"messages[{number}]"
        message = an_object(value, path)
        role = message.get("role")
        if role not in ("user", "assistant", "system"):
            raise InvalidField(field=f"{path}.role", reason=f"there is no role {role!r}")
        said = blocks.parts_of(message.get("content"), f"{path}.content")
        names |= {part.id: part.name for part in said if isinstance(part, ToolUse)}
        if said:
            yield Turn(role, tuple(_named(part, names) for part in said))


def _named(part: AnyPart, names: Mapping[str, str]) -> AnyPart:
    if isinstance(part, ToolResult):
        return msgspec.structs.replace(part, name=names.get(part.id, ""))
    return part


def _tool(value: object, path: str) -> Tool:
    tool = an_object(value, path)
    if tool.get("type") not in (None, "custom"):
        reason = f"{tool.get('type')!r} runs on Anthropic's servers: only models of Anthropic have it"
        raise InvalidField(field=f"{path}.type", reason=reason)
    return Tool(
        name=a_string(tool.get("name"), f"{path}.name"),
        description=maybe_string(tool.get("description"), f"{path}.description"),
        schema=maybe_object(tool.get("input_schema"), f"{path}.input_schema"),
        strict=maybe_bool(tool.get("strict"), f"{path}.strict"),
        cache=maybe_object(tool.get("cache_control"), f"{path}.cache_control"),
        path=path,
    )


def _choice(choice: Mapping[str, Any]) -> ToolChoice:
    match choice.get("type"):
        case "auto":
            return ToolChoice("auto")
        case "none":
            return ToolChoice("none")
        case "any":
            return ToolChoice("required")
        case "tool":
            return ToolChoice("named", a_string(choice.get("name"), "tool_choice.name"))
    raise InvalidField(field="tool_choice.type", reason="must be auto, any, tool or none")


def _settings(body: Mapping[str, Any], choice: Mapping[str, Any]) -> Settings:
    alone = maybe_bool(choice.get("disable_parallel_tool_use"), "tool_choice.disable_parallel_tool_use")
    output = maybe_object(body.get("output_config"), "output_config") or {}
    labels = maybe_object(body.get("metadata"), "metadata") or {}
    return Settings(
        max_tokens=maybe_int(body.get("max_tokens"), "max_tokens"),
        temperature=maybe_number(body.get("temperature"), "temperature"),
        top_p=maybe_number(body.get("top_p"), "top_p"),
        top_k=maybe_int(body.get("top_k"), "top_k"),
        stop=strings(body.get("stop_sequences"), "stop_sequences"),
        format=_format(output.get("format") or body.get("output_format")),
        thinking=_thinking(body, maybe_string(output.get("effort"), "output_config.effort")),
        parallel_tool_calls=None if alone is None else not alone,
        user=maybe_string(labels.get("user_id"), "metadata.user_id"),
    )


def _thinking(body: Mapping[str, Any], effort: str) -> ThinkingAsked:
    given = maybe_object(body.get("thinking"), "thinking")
    if given is None:
        return ThinkingAsked(effort=effort)
    asked = thinking.asked_by(given, effort, "thinking")
    shown = True if asked.shown is None and asked.mode in ("budget", "adaptive") else asked.shown
    return msgspec.structs.replace(asked, shown=shown)


def _format(value: object) -> Format | None:
    if value is None:
        return None
    given = an_object(value, "output_config.format")
    if given.get("type") != "json_schema":
        raise InvalidField(field="output_config.format.type", reason="must be json_schema")
    return Format(schema=an_object(given.get("schema"), "output_config.format.schema"), strict=True)
