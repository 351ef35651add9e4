"""Tools in a responses request: what is offered, what must be called. See Note [Tools of other kinds]."""

from collections.abc import Mapping
from typing import Any

from proxy.dialects.responses import custom
from proxy.dialects.responses.declared import Declared, declared_in, flat_name
from proxy.interchange import wire
from proxy.interchange.conversation import Tool, ToolChoice
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import a_string, an_object, maybe_bool, maybe_object, maybe_string

# What OpenAI runs, or keeps back until it is looked for, and a model may do without.
OPTIONAL = frozenset(
    {
        "web_search",
        "web_search_2025_08_26",
        "web_search_preview",
        "web_search_preview_2025_03_11",
        "tool_search",
    }
)
_CALLABLE = ("function", "custom")


def tools_of(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Raises InvalidField, also for tools that run on OpenAI's servers and are not ``OPTIONAL``."""
    found: dict[str, Tool] = {}
    repeated = []  # in ``tools`` that is the caller's mistake, and the vendor's to name
    for one in declared_in(body):
        if _is_optional(one.tool):
            continue
        tool = _tool(one)
        if found.setdefault(tool.name, tool) is not tool and one.path.startswith("tools"):
            repeated.append(tool)
    return (*found.values(), *repeated)


def dropped_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The tools that are left out: ``tools.web_search``."""
    return tuple(
        dict.fromkeys(f"tools.{one.tool['type']}" for one in declared_in(body) if _is_optional(one.tool))
    )


def _is_optional(tool: Mapping[str, Any]) -> bool:
    return wire.text(tool.get("type")) in OPTIONAL


def _tool(one: Declared) -> Tool:
    tool, path = one.tool, one.path
    _only_callable(tool.get("type"), f"{path}.type")
    is_custom = tool["type"] == "custom"
    said = custom.description_of(tool, path) if is_custom else _description(tool, path)
    return Tool(
        name=flat_name(a_string(tool.get("name"), f"{path}.name"), one.namespace),
        description=f"{one.about}\n\n{said}".strip() if one.about else said,
        schema=custom.SCHEMA if is_custom else maybe_object(tool.get("parameters"), f"{path}.parameters"),
        strict=None if is_custom else maybe_bool(tool.get("strict"), f"{path}.strict"),
        cache=maybe_object(tool.get("cache_control"), f"{path}.cache_control"),
        path=path,
    )


def _description(tool: Mapping[str, Any], path: str) -> str:
    return maybe_string(tool.get("description"), f"{path}.description")


def choice_of(body: Mapping[str, Any]) -> ToolChoice | None:
    """Raises InvalidField."""
    choice = body.get("tool_choice")
    match choice:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(choice)
        case {"type": "function" | "custom", "name": str()}:
            return ToolChoice("named", _named(choice, "tool_choice"))
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(allowed)}:
            return _allowed(mode, allowed)
        case {"type": str(kind)} if kind not in (*_CALLABLE, "allowed_tools"):
            _only_callable(kind, "tool_choice.type")
    raise InvalidField(
        field="tool_choice", reason='must be "auto", "none", "required", a function or allowed_tools'
    )


def _allowed(mode: Any, tools: list[Any]) -> ToolChoice:
    """``OPTIONAL`` tools among them are left out; where no other may be called, none may."""
    listed = [an_object(tool, "tool_choice.tools") for tool in tools]
    names = tuple(_named(tool, "tool_choice.tools") for tool in listed if not _is_optional(tool))
    if names or not listed:
        return ToolChoice(mode, allowed=names)
    if mode == "required":
        _only_callable(listed[0]["type"], "tool_choice.tools.type")
    return ToolChoice("none")


def _named(tool: Mapping[str, Any], path: str) -> str:
    _only_callable(tool.get("type"), f"{path}.type")
    name = a_string(tool.get("name"), f"{path}.name")
    return flat_name(name, maybe_string(tool.get("namespace"), f"{path}.namespace"))


def _only_callable(kind: object, path: str) -> None:
    if kind not in _CALLABLE:
        reason = (
            f"only models of OpenAI have tools of type {kind!r}; functions and custom tools can be translated"
        )
        raise InvalidField(field=path, reason=reason)
