"""Tools in a chat completion request: what is offered, what was called."""

from collections.abc import Mapping
from typing import Any

from proxy.interchange import signatures, wire
from proxy.interchange.conversation import Tool, ToolChoice, ToolUse
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import a_list, a_string, an_object, maybe_bool, maybe_object, maybe_string


def tools_of(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    """``tools``, or the older ``functions``."""
    given = a_list(body.get("tools"), "tools")
    older = [
        {"type": "function", "function": function} for function in a_list(body.get("functions"), "functions")
    ]
    return tuple(_tool(value, f"tools[{number}]") for number, value in enumerate(given or older))


def _tool(value: object, path: str) -> Tool:
    tool = an_object(value, path)
    if tool.get("type", "function") != "function":
        reason = f"only function tools can be translated, not {tool.get('type')!r}"
        raise InvalidField(field=f"{path}.type", reason=reason)
    function = an_object(tool.get("function"), f"{path}.function")
    cache = tool.get("cache_control") or function.get("cache_control")
    return Tool(
        name=a_string(function.get("name"), f"{path}.function.name"),
        description=maybe_string(function.get("description"), f"{path}.function.description"),
        schema=maybe_object(function.get("parameters"), f"{path}.function.parameters"),
        strict=maybe_bool(function.get("strict"), f"{path}.function.strict"),
        cache=maybe_object(cache, f"{path}.cache_control"),
        path=path,
    )


def choice_of(body: Mapping[str, Any]) -> ToolChoice | None:
    """``tool_choice``, or the older ``function_call``."""
    if body.get("tool_choice") is not None:
        return _choice(body["tool_choice"], "tool_choice")
    older = body.get("function_call")
    if isinstance(older, dict):
        older = {"type": "function", "function": older}
    return None if older is None else _choice(older, "function_call")


def _choice(choice: object, path: str) -> ToolChoice:
    match choice:
        case "auto" | "none" | "required":
            return ToolChoice(choice)
        case "any":  # Mistral's word
            return ToolChoice("required")
        case {"type": "function", "function": {"name": str(name)}}:
            return ToolChoice("named", name)
        case {"type": "allowed_tools", "allowed_tools": {"tools": list(allowed)} as given}:
            mode = given.get("mode", "auto")
            names = tuple(_allowed(tool, path) for tool in allowed)
            if mode in ("auto", "required"):
                return ToolChoice(mode, allowed=names)
    raise InvalidField(field=path, reason='must be "auto", "none", "required", a function or allowed_tools')


def _allowed(tool: object, path: str) -> str:
    function = an_object(tool, path).get("function", tool)
    return a_string(an_object(function, path).get("name"), f"{path}.allowed_tools.tools.function.name")


def calls_of(message: Mapping[str, Any], path: str) -> tuple[ToolUse, ...]:
    """The calls in an assistant's message, or the older ``function_call``."""
    calls = a_list(message.get("tool_calls"), f"{path}.tool_calls")
    older = message.get("function_call")
    if not calls and older is not None:
        function = an_object(older, f"{path}.function_call")
        calls = [{"id": function.get("name"), "function": function}]
    return tuple(_call(value, f"{path}.tool_calls[{number}]") for number, value in enumerate(calls))


def _call(value: object, path: str) -> ToolUse:
    call = an_object(value, path)
    if call.get("type", "function") != "function":
        raise InvalidField(field=f"{path}.type", reason="only function calls can be translated")
    function = an_object(call.get("function"), f"{path}.function")
    call_id, signature = signatures.split(a_string(call.get("id"), f"{path}.id"))
    return ToolUse(
        id=call_id,
        name=a_string(function.get("name"), f"{path}.function.name"),
        arguments=arguments_of(function.get("arguments"), f"{path}.function.arguments"),
        signature=thought_signature(call) or signature,
        cache=maybe_object(call.get("cache_control"), f"{path}.cache_control"),
        path=path,
    )


def arguments_of(value: object, path: str) -> str:
    """The JSON text of an object. Empty text means no arguments: histories are full of it (checks K3)."""
    text = maybe_string(value, path)
    if not text.strip():
        return "{}"
    if not isinstance(wire.maybe_decoded(text), dict):
        raise InvalidField(field=path, reason="must be the JSON text of an object")
    return text


def thought_signature(holder: Mapping[str, Any]) -> str:
    """Gemini's thought signature where Google's own compatible endpoint puts it."""
    google = wire.mapping(wire.mapping(holder.get("extra_content")).get("google"))
    return wire.text(google.get("thought_signature"))
