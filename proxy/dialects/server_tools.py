"""Tools that a vendor runs and bills by a rate that no price row has: by the container, the call, the image.

A hard budget cannot cover what it cannot price (docs/decisions/0003). So these are listed by what they are
not: a tool that is run by the caller, that costs tokens only, or whose fee is ``per_request`` (a search).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.interchange import wire

_OF_RESPONSES = (
    "function",
    "custom",
    "namespace",
    "mcp",
    "tool_search",
    "computer",
    "local_shell",
    "apply_patch",
    "web_search",
)
_OF_MESSAGES = (
    "custom",
    "bash_",
    "text_editor_",
    "computer_",
    "memory_",
    "mcp_toolset",
    "tool_search_tool_",
    "web_fetch_",
    "web_search_",
    "advisor_",  # another model's tokens: booked at that model's price
)


def of_responses(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The types of such tools in a responses request, each once."""
    found = (_kind(tool) for tool in _declared(body) if not _is_local_shell(tool))
    return _unpriced(found, _OF_RESPONSES)


def of_messages(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The types of such tools in a messages request, each once."""
    return _unpriced(map(_kind, wire.objects(body.get("tools"))), _OF_MESSAGES)


def _unpriced(kinds: Iterator[str], others: tuple[str, ...]) -> tuple[str, ...]:
    """A tool without a type is the caller's own, or the vendor's to refuse."""
    return tuple(dict.fromkeys(kind for kind in kinds if kind and not kind.startswith(others)))


def _kind(tool: Mapping[str, Any]) -> str:
    return wire.text(tool.get("type"))


def _declared(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The tools in ``tools``, in items of the input that bring some, and in namespaces."""
    holders = [body, *wire.objects(body.get("input"))]
    while holders:
        tools = wire.objects(holders.pop().get("tools"))
        yield from tools
        holders += tools


def _is_local_shell(tool: Mapping[str, Any]) -> bool:
    """A shell on the caller's side, which it is unless the vendor is to give it a container."""
    where = wire.mapping(tool.get("environment")).get("type", "local")
    return tool.get("type") == "shell" and where == "local"


__all__ = ["of_messages", "of_responses"]
