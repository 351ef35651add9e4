"""What a vendor answered, free of anybody's wire."""

from typing import Any, Literal

import msgspec

from metering.usage import Usage
from proxy.interchange.conversation import Json, Text, Thinking, ToolUse

# OpenAI's words; ``Choice.native`` has the vendor's own.
Finish = Literal["stop", "length", "tool_calls", "content_filter"]


class Refusal(msgspec.Struct, frozen=True):
    """The model said no, in words of its own (OpenAI's ``message.refusal``)."""

    text: str


class Cited(msgspec.Struct, frozen=True):
    """Text with its sources: ``annotations`` as OpenAI writes them (``url_citation`` and the like).
    ``signature`` is a thought signature that Gemini put on the text."""

    text: str
    annotations: tuple[Json, ...]
    signature: str = ""


Block = Text | Cited | Thinking | ToolUse | Refusal


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. ``stop_sequence`` is the one that ended it, where the vendor says so."""

    blocks: tuple[Block, ...]
    finish: str = "stop"
    native: str = ""
    stop_sequence: str = ""
    logprobs: Any = None  # OpenAI's object

    @property
    def text(self) -> str:
        return "".join(block.text for block in self.blocks if isinstance(block, Text | Cited))


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. ``usage`` None: the vendor told none. ``service_tier`` is OpenAI's word for the tier
    that served, empty when the vendor said nothing."""

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    service_tier: str = ""

    @property
    def first(self) -> Choice:
        return self.choices[0] if self.choices else Choice(blocks=())
