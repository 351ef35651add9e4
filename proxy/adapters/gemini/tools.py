"""The functions that a caller offers, and which of them the model may or must call."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.adapters.base import InvalidField, UnsupportedField
from proxy.adapters.gemini import models
from proxy.adapters.gemini.rules import VENDOR
from proxy.interchange.conversation import Conversation, Tool, ToolChoice

# The documented rule for function names.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
_INNER = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_VALUES = ("enum", "const", "default", "examples", "required")  # hold no schemas


def tools_for(conversation: Conversation, model: str, *, search: bool) -> dict[str, Any]:
    """``tools`` and ``toolConfig``, each where there is something to say. Raises UnsupportedField,
    InvalidField.

    ``search``: the caller wants Google's search beside its functions.
    """
    offered = _offered(conversation)
    if search and offered and not models.is_gemini_3(model):
        raise UnsupportedField(
            field="web_search_options", vendor=VENDOR, reason="search goes with functions from Gemini 3 on"
        )
    tools: list[dict[str, Any]] = [{"googleSearch": {}}] if search else []
    if offered:
        tools.append({"functionDeclarations": [_declaration(tool) for tool in offered]})
    config = _config(conversation)
    if search and offered:
        config["includeServerSideToolInvocations"] = True  # AI Studio wants it for both kinds together
    return {name: value for name, value in (("tools", tools), ("toolConfig", config)) if value}


def _offered(conversation: Conversation) -> tuple[Tool, ...]:
    """All tools, or those that the choice leaves: with AUTO, Gemini takes no list of allowed names."""
    choice = conversation.tool_choice
    if choice is None or choice.mode != "auto" or not choice.allowed:
        return conversation.tools
    return tuple(tool for tool in conversation.tools if tool.name in choice.allowed)


def _declaration(tool: Tool) -> dict[str, Any]:
    """The schema goes as it came: what is left of a lossy subset makes models guess (checks K7)."""
    if not _NAME.fullmatch(tool.name):
        raise _refused(tool, "gemini wants names of letters, digits and _.:- that begin with a letter or _")
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.schema:
        _check(tool, tool.schema)
        declaration["parametersJsonSchema"] = tool.schema
    return declaration


def _check(tool: Tool, schema: Mapping[str, Any]) -> None:
    """One bad schema fails the whole request at the vendor, in words that do not name the tool (K7)."""
    kind = schema.get("type", "object")
    if kind != "object" and kind != ["object"]:
        raise _refused(tool, f"the parameters must be an object, not {kind!r}")
    for reference in _references(schema):
        if not _resolves(reference, schema):
            raise _refused(tool, f"nothing in its schema is at {reference!r}")


def _references(schema: object) -> Iterator[object]:
    """Every ``$ref``, looking where schemas may stand: a property may have that name, too.

    Not by recursion: how deep a schema is, is the caller's word.
    """
    left = [schema]
    while left:
        held = left.pop()
        if isinstance(held, list):
            left += held
        elif isinstance(held, dict):
            if "$ref" in held:
                yield held["$ref"]
            for name, inner in held.items():
                if name not in _VALUES:
                    left += inner.values() if name in _INNER and isinstance(inner, dict) else [inner]


def _resolves(reference: object, schema: Mapping[str, Any]) -> bool:
    """Whether a reference such as ``#/$defs/Node`` leads somewhere in the same schema."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return False
    if reference != "#" and not reference.startswith("#/"):
        return True  # an anchor: its name may stand anywhere
    found: Any = schema
    for step in reference[2:].split("/") if reference != "#" else []:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            return False
    return True


def _refused(tool: Tool, reason: str) -> UnsupportedField:
    return UnsupportedField(
        field=tool.path or "tools", vendor=VENDOR, reason=f"the tool {tool.name!r}: {reason}"
    )


def _config(conversation: Conversation) -> dict[str, Any]:
    choice = conversation.tool_choice
    if choice is None:
        return {}
    names = _names(choice)
    _check_names(conversation, choice, (choice.name,) if choice.mode == "named" else choice.allowed)
    if not conversation.tools:
        return {}  # auto and none ask for nothing then
    config: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if names:
        config["allowedFunctionNames"] = list(names)
    return {"functionCallingConfig": config}


def _names(choice: ToolChoice) -> tuple[str, ...]:
    """The names that the vendor is told: only with ANY."""
    if choice.mode == "named":
        return (choice.name,)
    return choice.allowed if choice.mode == "required" else ()


def _check_names(conversation: Conversation, choice: ToolChoice, names: tuple[str, ...]) -> None:
    field = conversation.name_of("tool_choice")
    if choice.mode in ("required", "named") and not conversation.tools:
        raise InvalidField(field=field, reason="there are no tools to choose from")
    offered = {tool.name for tool in conversation.tools}
    for name in names:
        if name not in offered:
            raise InvalidField(field=field, reason=f"no tool has the name {name!r}")
