"""What a caller asks, free of anybody's wire. Frozen values: a fallback target gets the same ones."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Json = Mapping[str, Any]
Origin = Literal["", "anthropic", "gemini", "openai"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts. ``cache`` is Anthropic's ``cache_control`` as the caller wrote it; ``path`` is where
    the caller put the part, such as ``messages[2].content[0]``, for words about it."""

    cache: Json | None = None
    path: str = ""


class Text(Part, frozen=True):
    """Text, possibly empty. ``signature``: a thought signature that Gemini put on a text part."""

    text: str
    signature: str = ""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes (``data``, base64) or where they are: exactly one of ``data``, ``url``, ``file_id`` is set.
    ``media_type`` is empty when the caller did not say."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    file_id: str = ""


class Image(Part, frozen=True):
    source: Source
    detail: str = ""  # OpenAI's low | high | auto


class Document(Part, frozen=True):
    """A PDF or a text file. A text document may have its text in ``text`` instead of a source."""

    source: Source = Source()
    text: str = ""
    name: str = ""  # file name or title
    context: str = ""  # Anthropic: words about the document that are not part of it
    citations: bool = False


class Audio(Part, frozen=True):
    """Spoken input: base64 ``data`` in ``format`` (wav, mp3, ...)."""

    data: str
    format: str


class Thinking(Part, frozen=True):
    """What the model thought, with what its vendor needs to accept it back.

    ``signature``  the vendor's proof (Anthropic's signature, OpenAI's encrypted content, Gemini's signature)
    ``redacted``   Anthropic's ``data`` of a redacted block; the text is then empty
    ``origin``     whose proof it is: no other vendor may be sent it. Empty: nobody's (text alone)
    ``id``         OpenAI's item id
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""
    origin: Origin = ""
    id: str = ""


class ToolUse(Part, frozen=True):
    """A call of a tool. ``arguments`` is the JSON text of an object, ``{}`` when there are none; ``id`` is
    the vendor's own (see ``signatures``); ``signature`` is Gemini's thought signature."""

    id: str
    name: str
    arguments: str = "{}"
    signature: str = ""


class ToolResult(Part, frozen=True):
    """What a tool answered. ``name`` is the called tool's, found by its id; empty when no call has it."""

    id: str
    parts: tuple[Text | Image | Document, ...] = ()
    is_error: bool = False
    name: str = ""


AnyPart = Text | Image | Document | Audio | Thinking | ToolUse | ToolResult


class Turn(msgspec.Struct, frozen=True):
    """What one side says. ``system`` only in mid-conversation: see Note [System messages mid-conversation]
    in ``turns``. Tool results are parts of a user turn, tool uses and thinking of an assistant turn."""

    role: Literal["user", "assistant", "system"]
    parts: tuple[AnyPart, ...]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function that the model may call. ``schema`` is a JSON Schema of an object; None: no parameters."""

    name: str
    description: str = ""
    schema: Json | None = None
    strict: bool | None = None
    cache: Json | None = None
    path: str = ""


class ToolChoice(msgspec.Struct, frozen=True):
    """``named``: the tool in ``name`` must be called. ``allowed`` narrows the choice to these names."""

    mode: Literal["auto", "none", "required", "named"]
    name: str = ""
    allowed: tuple[str, ...] = ()


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """The answer's shape: JSON of ``schema``, or any JSON object when it is None."""

    schema: Json | None = None
    name: str = "answer"
    description: str = ""
    strict: bool | None = None


class ThinkingAsked(msgspec.Struct, frozen=True, kw_only=True):
    """How much thinking the caller wants. All fields empty: as the model likes.

    ``effort``  none | minimal | low | medium | high | xhigh | max
    ``budget``  tokens, where the caller named a number
    ``mode``    off, adaptive or budget, where the caller's dialect says so itself (Anthropic's ``thinking``)
    ``shown``   whether the caller wants to read a summary; None: as the vendor likes
    """

    effort: str = ""
    budget: int | None = None
    mode: Literal["", "off", "adaptive", "budget"] = ""
    shown: bool | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller set beside the conversation; None or empty: not set."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: int = 1
    logprobs: int | None = None  # how many alternatives per token; 0: the chosen token's alone
    logit_bias: Json | None = None
    format: Format | None = None
    thinking: ThinkingAsked = ThinkingAsked()
    parallel_tool_calls: bool | None = None
    service_tier: str = ""
    user: str = ""
    metadata: Json | None = None
    verbosity: str = ""
    cache_key: str = ""  # OpenAI's prompt_cache_key


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """``system`` is the leading system text. ``dropped`` are things that the caller offers and only its own
    vendor has, such as ``tools.web_search``: they go without, and the answer's header names them. ``names``
    says what the caller calls a setting, where its dialect has another word:
    ``{"max_tokens": "max_output_tokens"}``."""

    system: tuple[Text, ...] = ()
    turns: tuple[Turn, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    settings: Settings = Settings()
    dropped: tuple[str, ...] = ()
    names: Mapping[str, str] = {}

    def name_of(self, setting: str) -> str:
        """The caller's own word for a setting."""
        return self.names.get(setting, setting)
