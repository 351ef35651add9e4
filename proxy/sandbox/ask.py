"""What a request asks for, in words shared by the three vendors, and how a vendor refuses one."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """The vendor answers with an error. ``kind`` and ``param`` go where its error body has room for them."""

    def __init__(
        self, status: int, message: str, *, kind: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the caller offers; ``schema`` is the JSON schema of its arguments."""

    name: str
    schema: Json


@dataclass(slots=True)
class Input:
    """Everything that is counted as input, in the order in which the model reads it."""

    parts: list[str] = field(default_factory=list)
    media: int = 0  # images, audio and files
    # Where the caller marked the end of a cacheable prefix: (number of parts, "5m" or "1h").
    breakpoints: list[tuple[int, str]] = field(default_factory=list)

    def size(self, parts: int | None = None) -> int:
        """Bytes of the first ``parts`` parts, of all by default."""
        return sum(len(part) if part.isascii() else len(part.encode()) for part in self.parts[:parts])


@dataclass(slots=True)
class Ask:
    """One validated generation request."""

    vendor: str
    model: str
    input: Input
    prompt: str  # text of the last user turn
    stream: bool = False
    include_usage: bool = True
    max_tokens: int | None = None
    stop: list[str] = field(default_factory=list)
    n: int = 1
    reasoning: int | None = None  # tokens asked for; None: as the model does by itself
    show_thoughts: bool = False
    tools: list[Tool] = field(default_factory=list)
    forced_tool: str | None = None  # a name, or "" for any
    tool_result: str | None = None  # the turn to answer is a tool's result
    schema: Json | None = None  # the answer must be JSON of this schema
    tier: str | None = None  # the service tier asked for
    raw: Json = field(default_factory=dict)


def string_list(value: Any) -> list[str]:
    """A stop parameter: null, one string or several."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def check_range(name: str, value: Any, low: float, high: float) -> str | None:
    """Say what is wrong with a number, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{name}: expected a number, got {value!r}"
    return None if low <= value <= high else f"{name}: {value} is not in [{low}, {high}]"
