"""The tools that a request declares, wherever it does: in ``tools``, or in an item of its input.

Note [Tools of other kinds]
Other vendors know functions alone. So a custom tool is offered to them as a function with one string
(``custom``), and the tools of a namespace as functions that have its name in theirs; their calls are written
for the caller as it declared them. What OpenAI runs by itself and a model may use or not, such as a search,
is left out by name (Codex declares a search in each request); what a request is pointless without is refused.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from proxy.interchange import wire
from proxy.interchange.reading import a_list, a_string, an_object, maybe_string

# Items of the input that declare tools: those of Codex's smaller requests, and what a search for tools found.
DECLARING = frozenset({"additional_tools", "tool_search_output"})

LONGEST_NAME = 64  # OpenAI's and Gemini's bound for a function's name
_MARK = 8  # hexadecimal digits
_DEFAULT_NAMESPACE = "functions"  # OpenAI's own, of what is in no other


class Called(NamedTuple):
    """What a caller calls a tool: its name, its namespace (empty: none), and whether it is a custom one."""

    name: str
    namespace: str = ""
    custom: bool = False


class Declared(NamedTuple):
    """One tool as the caller wrote it, and where. ``about`` is what is said of its namespace, once."""

    tool: Mapping[str, Any]
    path: str
    namespace: str = ""
    about: str = ""


def declared_in(body: Mapping[str, Any]) -> Iterator[Declared]:
    """All of them, in order. Raises InvalidField."""
    yield from _listed(body.get("tools"), "tools")
    for number, item in enumerate(wire.items(body.get("input"))):
        found = wire.mapping(item)
        if wire.text(found.get("type")) in DECLARING:
            yield from _listed(found.get("tools"), f"input[{number}].tools")


def callable_in(body: Mapping[str, Any]) -> dict[str, Called]:
    """By the name that vendors are told (see ``flat_name``). ``body`` was read before: nothing is raised."""
    return {
        flat_name(name, one.namespace): Called(name, one.namespace, one.tool.get("type") == "custom")
        for one in declared_in(body)
        if (name := wire.text(one.tool.get("name")))
    }


def flat_name(name: str, namespace: str) -> str:
    """One name for both, in the bounds of all vendors; the same for the same, as it stands in histories."""
    if not namespace or namespace == _DEFAULT_NAMESPACE:
        return name
    joined = f"{namespace.rstrip('_')}__{name}"
    if len(joined) <= LONGEST_NAME:
        return joined
    mark = hashlib.blake2b(joined.encode(), digest_size=_MARK // 2).hexdigest()
    return f"{joined[: LONGEST_NAME - _MARK - 1]}_{mark}"


def _listed(tools: object, path: str) -> Iterator[Declared]:
    for number, value in enumerate(a_list(tools, path)):
        place = f"{path}[{number}]"
        tool = an_object(value, place)
        if tool.get("type") == "namespace":
            yield from _grouped(tool, place)
        else:
            yield Declared(tool, place)


def _grouped(group: Mapping[str, Any], path: str) -> Iterator[Declared]:
    name = a_string(group.get("name"), f"{path}.name")
    namespace = "" if name == _DEFAULT_NAMESPACE else name
    about = maybe_string(group.get("description"), f"{path}.description")
    for number, value in enumerate(a_list(group.get("tools"), f"{path}.tools")):
        place = f"{path}.tools[{number}]"
        yield Declared(an_object(value, place), place, namespace, "" if number else about)
