"""Anthropic's ``thinking``, as callers of messages and, by extension, of chat completions write it."""

from collections.abc import Mapping
from typing import Any

from proxy.interchange import signatures
from proxy.interchange.conversation import Thinking, ThinkingAsked
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import a_string, maybe_int, maybe_string


def asked_by(given: Mapping[str, Any], effort: str, path: str) -> ThinkingAsked:
    """The setting. Raises InvalidField."""
    display = given.get("display")
    shown = None if display is None else display != "omitted"
    budget = maybe_int(given.get("budget_tokens"), f"{path}.budget_tokens")
    match given.get("type"):
        case "enabled":
            if not budget:
                return ThinkingAsked(effort=effort, mode="adaptive", shown=shown)
            return ThinkingAsked(effort=effort, budget=budget, mode="budget", shown=shown)
        case "adaptive" | "between_tools":
            return ThinkingAsked(effort=effort, mode="adaptive", shown=shown)
        case "disabled":
            return ThinkingAsked(effort="none", mode="off")
    raise InvalidField(field=f"{path}.type", reason="must be enabled, adaptive or disabled")


def block_of(block: Mapping[str, Any], path: str) -> Thinking:
    """A block of thinking that comes back, with whose proof it has. Raises InvalidField."""
    if block.get("type") == "redacted_thinking":
        data = a_string(block.get("data"), f"{path}.data")
        return Thinking(redacted=data, origin="anthropic", path=path)
    origin, item_id, signature = signatures.opened(maybe_string(block.get("signature"), f"{path}.signature"))
    text = maybe_string(block.get("thinking"), f"{path}.thinking")
    return Thinking(text=text, signature=signature, origin=origin, id=item_id, path=path)
