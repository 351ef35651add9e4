"""Tools in a responses request: what is offered, and what must be called."""

from collections.abc import Mapping
from typing import Any

from proxy.interchange.conversation import Tool, ToolChoice
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import a_list, a_string, an_object, maybe_bool, maybe_object, maybe_string


def tools_of(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Raises InvalidField, also for tools that run on OpenAI's servers or in its own formats."""
    given = a_list(body.get("tools"), "tools")
    return tuple(_tool(value, f"tools[{number}]") for number, value in enumerate(given))


def _tool(value: object, path: str) -> Tool:
    tool = an_object(value, path)
    _only_functions(tool.get("type"), f"{path}.type")
    return Tool(
        name=a_string(tool.get("name"), f"{path}.name"),
        description=maybe_string(tool.get("description"), f"{path}.description"),
        schema=maybe_object(tool.get("parameters"), f"{path}.parameters"),
        strict=maybe_bool(tool.get("strict"), f"{path}.strict"),
        cache=maybe_object(tool.get("cache_control"), f"{path}.cache_control"),
        path=path,
    )


def choice_of(body: Mapping[str, Any]) -> ToolChoice | None:
    """Raises InvalidField."""
    choice = body.get("tool_choice")
    match choice:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(choice)
        case {"type": "function", "name": str(name)}:
            return ToolChoice("named", name)
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(allowed)}:
            return ToolChoice(mode, allowed=tuple(_allowed(tool) for tool in allowed))
        case {"type": str(kind)} if kind not in ("function", "allowed_tools"):
            _only_functions(kind, "tool_choice.type")
    raise InvalidField(
        field="tool_choice", reason='must be "auto", "none", "required", a function or allowed_tools'
    )


def _allowed(value: object) -> str:
    tool = an_object(value, "tool_choice.tools")
    _only_functions(tool.get("type"), "tool_choice.tools.type")
    return a_string(tool.get("name"), "tool_choice.tools.name")


def _only_functions(kind: object, path: str) -> None:
    if kind != "function":
        reason = f"only models of OpenAI have tools of type {kind!r}; functions can be translated"
        raise InvalidField(field=path, reason=reason)
