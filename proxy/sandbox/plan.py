"""What a prompt tells the sandbox to do: phrases that people and tests write into it.

* ``use tool NAME`` calls a tool, ``use tool NAME with {"a": 1}`` with these arguments. Several of them are
  parallel calls of one answer; a ``then`` between two makes the second wait for the result of the first.
* Without that phrase a tool is called whose name stands in the prompt, as ``NAME(3)`` with arguments in the
  order of its parameters, or whose name's words all do (``get_weather``: "What is the weather?"); text in
  quotes then fills its parameters that are strings.
* ``say first`` puts a text before the calls; ``describe the image`` lists the media that arrived.
* ``refuse this``, ``filter this`` and ``block this`` are the three ways of not answering (knob ``refusal``).
* ``think in secret`` gives redacted thinking (knob ``redacted_thinking``).
"""

import json
import re
from typing import Any, Literal, NamedTuple

from proxy.sandbox import schemas
from proxy.sandbox.ask import Tool

SAY_FIRST = "say first"
DESCRIBE = "describe the image"
SECRET = "think in secret"  # noqa: S105 a phrase, no password
Refusal = Literal["answer", "filter", "prompt"]
REFUSALS: dict[str, Refusal] = {"refuse this": "answer", "filter this": "filter", "block this": "prompt"}

_CALL = re.compile(r"use tool ([\w.:-]*\w)(?: with (?=\{))?")
_THEN = re.compile(r"\bthen\b")
_JSON = json.JSONDecoder()
_QUOTED = re.compile(r"'([^']+)'|\"([^\"]+)\"")
_FILLERS = {"get", "set", "my", "the", "tool", "a", "an"}


class Mention(NamedTuple):
    """A tool that the prompt names, with the arguments it dictates (None: made from the schema)."""

    name: str
    arguments: dict[str, Any] | None


def steps(prompt: str) -> list[list[Mention]]:
    """The tools a prompt names: one list for each answer, its members are called together."""
    found: list[list[Mention]] = []
    end = 0
    while match := _CALL.search(prompt, end):
        begins_step = not found or _THEN.search(prompt, end, match.start())
        end = match.end()
        arguments = None
        if match[0].endswith(" with "):
            arguments, end = _arguments(prompt, end)
        if begins_step:
            found.append([])
        found[-1].append(Mention(match[1], arguments))
    return found


def _arguments(prompt: str, start: int) -> tuple[dict[str, Any] | None, int]:
    try:
        value, end = _JSON.raw_decode(prompt, start)
    except json.JSONDecodeError:
        return None, start
    return dict(value), end


def natural(prompt: str, offered: list[Tool]) -> list[Mention]:
    """The tools that a prompt without the phrase speaks of."""
    return [Mention(tool.name, dictated(prompt, tool)) for tool in offered if _speaks_of(prompt, tool.name)]


def quoted(prompt: str) -> list[str]:
    """What stands in quotes."""
    return [first or second for first, second in _QUOTED.findall(prompt)]


def _speaks_of(prompt: str, name: str) -> bool:
    if re.search(rf"\b{re.escape(name)}\b", prompt):
        return True
    words = [word for word in name.lower().split("_") if word not in _FILLERS]
    return "_" in name and bool(words) and all(re.search(rf"\b{word}\b", prompt.lower()) for word in words)


def dictated(prompt: str, tool: Tool) -> dict[str, Any] | None:
    """Arguments as a call in the prompt has them, or strings as its quotes have them."""
    properties: dict[str, Any] = tool.schema.get("properties") or {}
    called = re.search(rf"\b{re.escape(tool.name)}\(([^()]*)\)", prompt)
    if called and called[1].strip():
        try:
            return dict(zip(properties, json.loads(f"[{called[1]}]"), strict=False))
        except json.JSONDecodeError:
            return None
    strings = [name for name, schema in properties.items() if (schema or {}).get("type") == "string"]
    found = dict(zip(strings, quoted(prompt), strict=False))
    made = schemas.example({"type": "object", **tool.schema})
    return {**made, **found} if found and isinstance(made, dict) else None


def refusal(prompt: str) -> Refusal | None:
    """The way of not answering that a prompt asks for."""
    return next((kind for phrase, kind in REFUSALS.items() if phrase in prompt), None)
