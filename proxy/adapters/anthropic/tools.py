"""Tools and the choice between them, as Anthropic takes them (checks K6)."""

from typing import Any

from proxy.adapters.anthropic import schemas
from proxy.adapters.anthropic.models import Model
from proxy.interchange.conversation import Conversation, Tool, ToolChoice
from proxy.interchange.errors import InvalidField

_TYPES = {"auto": "auto", "none": "none", "required": "any", "named": "tool"}


def offered(conversation: Conversation) -> tuple[Tool, ...]:
    """The tools that may be called. Raises InvalidField for a choice of what is not offered."""
    choice = conversation.tool_choice
    if choice is None:
        return conversation.tools
    names = {tool.name for tool in conversation.tools}
    chosen = [*choice.allowed, *([choice.name] if choice.mode == "named" else [])]
    for name in chosen:
        if name not in names:
            raise _not_offered(conversation, f"there is no tool {name!r}")
    if choice.mode == "required" and not names:
        raise _not_offered(conversation, "there are no tools")
    allowed = set(choice.allowed) or names
    return tuple(tool for tool in conversation.tools if tool.name in allowed)


def written(tool: Tool, model: Model) -> dict[str, Any]:
    """One entry of ``tools``."""
    strict = is_strict(tool, model)
    schema = schemas.of_object(tool.schema)
    block: dict[str, Any] = {"name": tool.name}
    if tool.description:
        block["description"] = tool.description
    block["input_schema"] = schemas.closed(schema) if strict else schema
    if tool.strict is not None and model.structured:
        block["strict"] = strict
    if tool.cache is not None:
        block["cache_control"] = tool.cache
    return block


def is_strict(tool: Tool, model: Model) -> bool:
    """Whether the model holds this tool's input to its schema."""
    return bool(tool.strict) and model.structured and schemas.closable(schemas.of_object(tool.schema))


def written_choice(choice: ToolChoice | None, *, parallel: bool | None) -> dict[str, Any]:
    """``tool_choice``; empty when nothing need be said. Beside ``none`` the API takes no other word."""
    single = parallel is False
    if choice is None and not single:
        return {}
    mode = choice.mode if choice is not None else "auto"
    said: dict[str, Any] = {"type": _TYPES[mode]}
    if choice is not None and mode == "named":
        said["name"] = choice.name
    if single and mode != "none":
        said["disable_parallel_tool_use"] = True
    return said


def _not_offered(conversation: Conversation, reason: str) -> InvalidField:
    return InvalidField(field=conversation.name_of("tool_choice"), reason=reason)
