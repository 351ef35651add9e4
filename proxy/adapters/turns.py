"""The caller's messages as plain turns of text, for vendors whose wire is not OpenAI's.

Note [System messages mid-conversation]
Leading system and developer messages become the vendor's system prompt. Later ones stay where they are, as
user text between <system> tags: hoisting them would change every cached prefix (checks K11), and refusing
them broke whole routes elsewhere (checks K13).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.adapters import wire
from proxy.adapters.base import UnsupportedField

SYSTEM_ROLES = ("system", "developer")

# Fields of a message that carry nothing a text conversation needs, or that replay what the vendor said.
_IGNORED = frozenset({"role", "content", "name", "refusal", "annotations", "reasoning_content", "reasoning"})
_EMPTY: tuple[Any, ...] = (None, [], {})


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text, never empty or blank. ``cache_control`` is the caller's cache marker, if any."""

    text: str
    cache_control: Any = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says: ``user`` or ``assistant``."""

    role: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Conversation:
    """``system`` is the leading system text; every turn has at least one part."""

    system: list[Part] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)


def conversation_from(body: Mapping[str, Any], vendor: str) -> Conversation:
    """Read ``messages``. Messages without text are left out, as both vendors refuse empty text.

    Raises UnsupportedField for anything but text, and when no turn is left.
    """
    reader = _Reader(vendor)
    conversation = Conversation()
    for number, message in enumerate(wire.items(body.get("messages"))):
        role, parts = reader.message(message, f"messages[{number}]")
        if role not in SYSTEM_ROLES:
            _add(conversation.turns, role, parts)
        elif conversation.turns:
            _add(conversation.turns, "user", [_tagged(part) for part in parts])
        else:
            conversation.system.extend(parts)
    if not conversation.turns:
        raise UnsupportedField(field="messages", vendor=vendor, reason="needs a user message with text")
    if conversation.turns[0].role != "user":
        raise UnsupportedField(field="messages", vendor=vendor, reason="the user must speak first")
    return conversation


def _add(turns: list[Turn], role: str, parts: list[Part]) -> None:
    if parts:
        turns.append(Turn(role, parts))


def _tagged(part: Part) -> Part:
    """See Note [System messages mid-conversation]."""
    return Part(f"<system>\n{part.text}\n</system>", part.cache_control)


@dataclass(frozen=True, slots=True)
class _Reader:
    vendor: str

    def message(self, message: object, path: str) -> tuple[str, list[Part]]:
        if not isinstance(message, dict):
            raise self._unsupported(path, "must be an object")
        role = message.get("role")
        if role not in (*SYSTEM_ROLES, "user", "assistant"):
            raise self._unsupported(
                f"{path}.role", f"messages of role {role} are not supported on this vendor yet"
            )
        for name, value in message.items():
            if name not in _IGNORED and value not in _EMPTY:
                raise self._unsupported(f"{path}.{name}", "not supported on this vendor yet")
        parts = list(self._parts(message.get("content"), f"{path}.content"))
        refusal = wire.text(message.get("refusal"))
        if not parts and role == "assistant" and refusal.strip():
            parts = [Part(refusal)]  # an earlier answer's refusal is what the assistant said
        return role, parts

    def _parts(self, content: object, path: str) -> Iterator[Part]:
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        if content is not None and not isinstance(content, list):
            raise self._unsupported(path, "must be a string or a list of parts")
        for number, part in enumerate(wire.items(content)):
            yield from self._part(part, f"{path}[{number}]")

    def _part(self, part: object, path: str) -> Iterator[Part]:
        kind = wire.mapping(part).get("type")
        if kind not in ("text", "refusal"):
            raise self._unsupported(
                f"{path}.type", f"only text parts are supported on this vendor yet, not {kind}"
            )
        said = wire.mapping(part).get(kind)
        if not isinstance(said, str):
            raise self._unsupported(f"{path}.{kind}", "must be a string")
        if said.strip():
            yield Part(said, wire.mapping(part).get("cache_control"))

    def _unsupported(self, path: str, reason: str) -> UnsupportedField:
        return UnsupportedField(field=path, vendor=self.vendor, reason=reason)
