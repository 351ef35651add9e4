"""The answer's shape: structured output where the model has it, else a tool whose input is the answer.

Note [The answer as a tool's input]
Models before 4.5 do not hold an answer to a schema, and no model does for schemas with free keys or
recursion. There the schema becomes a tool that must be called, and what the tool is called with is the
answer's text. Beside tools of the caller's own the model may choose which to call; where the caller demands
one of these, the answer is not yet due.
"""

from typing import Any

from proxy.adapters.anthropic import schemas
from proxy.adapters.anthropic.models import Model
from proxy.interchange.conversation import Conversation, Format, Text, Tool

JSON_INSTRUCTION = (
    "Answer with one JSON object and nothing else: no words before or after it and no code fence around it."
)
_DEMANDS = ("required", "named")


def output_format(conversation: Conversation, model: Model) -> dict[str, Any]:
    """``output_config.format``; empty where it is not set or not possible."""
    asked = conversation.settings.format
    if asked is None or asked.schema is None or not _is_native(asked, model):
        return {}
    return {"type": "json_schema", "schema": schemas.closed(asked.schema)}


def instructions(conversation: Conversation) -> tuple[Text, ...]:
    """What the system prompt must say for any JSON object."""
    asked = conversation.settings.format
    return (Text(text=JSON_INSTRUCTION),) if asked is not None and asked.schema is None else ()


def answer_tool(conversation: Conversation, model: Model) -> Tool | None:
    """See Note [The answer as a tool's input]."""
    asked = conversation.settings.format
    if asked is None or asked.schema is None or _is_native(asked, model):
        return None
    if conversation.tool_choice is not None and conversation.tool_choice.mode in _DEMANDS:
        return None
    return Tool(
        name=_free_name(asked.name, {tool.name for tool in conversation.tools}),
        description=asked.description or "Gives the answer. Always call it to answer.",
        schema=asked.schema,
    )


def _is_native(asked: Format, model: Model) -> bool:
    return model.structured and asked.schema is not None and schemas.closable(asked.schema)


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
