"""What a request asks for, in words shared by the three vendors, and how a vendor refuses one."""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

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
    media: list[str] = field(default_factory=list)  # images, audio and files, as ``media`` describes them
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
    prompt: str  # text of the last user turn that is no tool's result
    stream: bool = False
    include_usage: bool = True
    max_tokens: int | None = None
    stop: list[str] = field(default_factory=list)
    n: int = 1
    reasoning: int | None = None  # tokens asked for; None: as the model does by itself
    show_thoughts: bool = False
    tools: list[Tool] = field(default_factory=list)
    forced_tool: str | None = None  # a name, or "" for any
    parallel_tools: bool = True  # several calls in one answer are welcome
    tool_result: str | None = None  # the turn to answer is a tool's result
    tool_rounds: int = 0  # how often tools were called and answered since the prompt
    schema: Json | None = None  # the answer must be JSON of this schema
    tier: str | None = None  # the service tier (at Anthropic the speed) asked for
    top_logprobs: int | None = None  # logprobs are asked for, with so many alternatives
    raw: Json = field(default_factory=dict)


class Turn(NamedTuple):
    """One turn as a tool loop sees it: the user ``said``, the model ``called``, tools ``answered``."""

    kind: str
    text: str = ""


class Place(NamedTuple):
    """Where a conversation stands: see the members of the same names in ``Ask``."""

    prompt: str
    tool_result: str | None
    tool_rounds: int


def place_of(turns: list[Turn]) -> Place:
    """Read the place off the turns; results that follow one another are one round."""
    said = max((index for index, turn in enumerate(turns) if turn.kind == "said"), default=-1)
    prompt = turns[said].text if said >= 0 else ""
    groups = [(kind, [turn.text for turn in group]) for kind, group in groupby(turns[said + 1 :], _kind)]
    rounds = sum(kind == "answered" for kind, _ in groups)
    is_result = bool(groups) and groups[-1][0] == "answered"
    return Place(prompt, " ".join(groups[-1][1]) if is_result else None, rounds)


def _kind(turn: Turn) -> str:
    return turn.kind


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
