"""Custom tools, whose input is plain text, as functions with one string. See Note [Tools of other kinds]."""

import re
from collections.abc import Mapping
from typing import Any

from proxy.interchange import wire
from proxy.interchange.reading import a_string, maybe_object, maybe_string

INPUT = "input"
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {INPUT: {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": [INPUT],
    "additionalProperties": False,
}
LONGEST_GRAMMAR = 8_000  # characters; it is input in each turn, and no vendor holds a model to it

_OPENING = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_LONGEST_OPENING = 64  # characters; arguments that begin otherwise are told at their end
_LOW = r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# What of a JSON string can be decoded though more may follow: characters and whole escapes.
_WHOLE = re.compile(
    r'(?:[^"\\\x00-\x1f]++'
    r'|\\["\\/bfnrt]'
    r"|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
    rf"|\\u[dD][89abAB][0-9a-fA-F]{{2}}{_LOW})*+"
)

# The beginning of an escape, or nothing.
_BEGUN = re.compile(r"(?:\\(?:u[0-9a-fA-F]{0,4}(?:\\(?:u[0-9a-fA-F]{0,3})?)?)?)?")


def description_of(tool: Mapping[str, Any], path: str) -> str:
    """What the tool says of itself, and its grammar. Raises InvalidField."""
    said = maybe_string(tool.get("description"), f"{path}.description")
    shape = maybe_object(tool.get("format"), f"{path}.format") or {}
    if shape.get("type") != "grammar":
        return said
    grammar = a_string(shape.get("definition"), f"{path}.format.definition")[:LONGEST_GRAMMAR]
    syntax = maybe_string(shape.get("syntax"), f"{path}.format.syntax")
    return f"{said}\n\nThe input must match this grammar ({syntax}):\n{grammar}".lstrip()


def arguments_for(text: str) -> str:
    """The arguments of the function that stands for the tool."""
    return wire.encode({INPUT: text}).decode()


def input_of(arguments: str, told: str) -> str:
    """The tool's input in a whole call. ``told`` is what ``Pieces`` gave of it.

    Arguments that are not what was asked for are the input as they are: a model may have written the text
    without its wrapping. What broke off within the text is the text until there.
    """
    found = wire.maybe_decoded(arguments)
    if isinstance(found, dict) and isinstance(found.get(INPUT), str):
        text: str = found[INPUT]
        return text
    return told if told and _broke_off(arguments) else arguments


def _broke_off(arguments: str) -> bool:
    opening = _OPENING.match(arguments)
    text = opening and _WHOLE.match(arguments, opening.end())
    return bool(text and _BEGUN.fullmatch(arguments, text.end()))


class Pieces:
    """The text in the arguments while they come in, escapes decoded. It stops at the first oddity: only the
    whole tells what that means."""

    def __init__(self) -> None:
        self._held = ""  # what came and could not be told yet
        self._opened = False
        self._over = False

    def of(self, piece: str) -> str:
        """What more of the text ``piece`` makes known."""
        if self._over:
            return ""
        self._held += piece
        if not self._opened and not self._open():
            return ""
        whole = _WHOLE.match(self._held)
        end = whole.end() if whole else 0
        text, self._held = self._held[:end], self._held[end:]
        self._over = self._held[:1] not in ("", "\\") or len(self._held) >= len(r"\ud83d\ude00")
        decoded: str = wire.maybe_decoded(f'"{text}"') or ""
        return decoded

    def _open(self) -> bool:
        opening = _OPENING.match(self._held)
        if opening:
            self._opened, self._held = True, self._held[opening.end() :]
        else:
            self._over = len(self._held) > _LONGEST_OPENING
        return self._opened
