"""Writing a stream for the caller while the vendor's comes in."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from metering.usage import Usage
from proxy.interchange.conversation import Thinking

HEARTBEAT = b": keepalive\n\n"


class Told(msgspec.Struct):
    """What is known of a stream so far. The vendor's reader and the caller's writer share it."""

    usage: Usage | None = None
    raw_usage: Mapping[str, Any] | None = None
    finish_reason: str | None = None  # OpenAI's word
    native_finish: str = ""  # the vendor's own
    stop_sequence: str = ""
    complete: bool = False  # the answer is whole: its finish was told
    ended: bool = False  # the vendor's terminal marker was seen: nothing need follow
    content_started: bool = False  # a frame with content (text, reasoning or tool call) was produced
    visible_chars: int = 0  # of text and tool calls so far, for an estimate when usage never comes
    reasoning_chars: int = 0
    model: str = ""
    upstream_id: str = ""
    variant: str = "standard"
    service_tier: str = ""  # OpenAI's word for the tier that served; empty when the vendor said nothing


class StreamWriter(ABC):
    """Frames for the caller, in its dialect, from what a vendor's reader tells.

    The public methods return frames (each ends with a blank line) and note in ``told`` what they hold; the
    dialects implement the underscored ones. Tool calls are numbered from 0 in the order in which they begin,
    and the pieces of several may come interleaved. ``choice`` is 0 but for callers who asked for several.
    """

    def __init__(self, told: Told) -> None:
        self.told = told
        self.finishes: dict[int, str] = {}  # of the choices beyond the first
        self._started = False

    def start(self) -> list[bytes]:
        """The opening frames, once. ``told`` may be incomplete: Anthropic's counts come at the start,
        OpenAI's at the end."""
        if self._started:
            return []
        self._started = True
        return self._opening()

    def text(self, text: str, *, choice: int = 0) -> list[bytes]:
        """Visible text; nothing for an empty one."""
        if not text:
            return []
        self.told.visible_chars += len(text)
        return self._content(self.start(), self._text(text, choice))

    def annotations(self, annotations: Sequence[Mapping[str, Any]], *, choice: int = 0) -> list[bytes]:
        """Sources of the text so far, as OpenAI writes them."""
        return self._annotations(annotations, choice) if annotations else []

    def refusal(self, text: str, *, choice: int = 0) -> list[bytes]:
        """A refusal in the model's words; nothing for an empty one."""
        if not text:
            return []
        self.told.visible_chars += len(text)
        return self._content(self.start(), self._refusal(text, choice))

    def thoughts(self, text: str, *, choice: int = 0) -> list[bytes]:
        """Thinking that the vendor shows; nothing for an empty one."""
        if not text:
            return []
        self.told.reasoning_chars += len(text)
        return self._content(self.start(), self._thoughts(text, choice))

    def thinking_ends(self, thinking: Thinking, *, choice: int = 0) -> list[bytes]:
        """A block of thinking is over: ``thinking`` has its whole text (already told by ``thoughts``) and its
        proof. Redacted blocks come here alone."""
        return self._content(self.start(), self._thinking_ends(thinking, choice))

    def tool_call(
        self, index: int, *, call_id: str, name: str, signature: str = "", choice: int = 0
    ) -> list[bytes]:
        """A tool call begins; its arguments follow."""
        self.told.visible_chars += len(name)
        return self._content(self.start(), self._tool_call(index, call_id, name, signature, choice))

    def arguments(self, index: int, piece: str, *, choice: int = 0) -> list[bytes]:
        """A piece of a tool call's arguments. A call without any must be told ``{}``."""
        if not piece:
            return []
        self.told.visible_chars += len(piece)
        return self._content(self.start(), self._arguments(index, piece, choice))

    def tool_call_ends(self, index: int, *, choice: int = 0) -> list[bytes]:
        """All arguments of a call were told. Readers that cannot know leave it out."""
        return self._tool_call_ends(index, choice)

    def logprobs(self, logprobs: Mapping[str, Any], *, choice: int = 0) -> list[bytes]:
        """Log probabilities of text just told, as OpenAI's object."""
        return self._logprobs(logprobs, choice)

    def text_signature(self, signature: str, *, choice: int = 0) -> list[bytes]:
        """Gemini's thought signature of the text just told."""
        return self._text_signature(signature, choice) if signature else []

    def heartbeat(self) -> list[bytes]:
        """The vendor is alive and has nothing to say."""
        return [HEARTBEAT]

    @abstractmethod
    def close(self) -> list[bytes]:
        """The last frames of a good stream: finish reasons, usage, terminal marker. ``told`` is complete."""

    def finish(self, reason: str, *, choice: int = 0) -> None:
        """How a choice beyond the first ended; the first's is ``told.finish_reason``."""
        self.finishes[choice] = reason

    def _content(self, opening: list[bytes], frames: list[bytes]) -> list[bytes]:
        """Frames with content, after the opening ones."""
        self.told.content_started = self.told.content_started or bool(frames)
        return opening + frames

    @abstractmethod
    def _opening(self) -> list[bytes]: ...

    @abstractmethod
    def _text(self, text: str, choice: int) -> list[bytes]: ...

    @abstractmethod
    def _thoughts(self, text: str, choice: int) -> list[bytes]: ...

    @abstractmethod
    def _thinking_ends(self, thinking: Thinking, choice: int) -> list[bytes]: ...

    @abstractmethod
    def _tool_call(self, index: int, call_id: str, name: str, signature: str, choice: int) -> list[bytes]: ...

    @abstractmethod
    def _arguments(self, index: int, piece: str, choice: int) -> list[bytes]: ...

    def _refusal(self, text: str, choice: int) -> list[bytes]:
        return self._text(text, choice)

    def _tool_call_ends(self, index: int, choice: int) -> list[bytes]:
        return []

    def _annotations(self, annotations: Sequence[Mapping[str, Any]], choice: int) -> list[bytes]:
        return []

    def _logprobs(self, logprobs: Mapping[str, Any], choice: int) -> list[bytes]:
        return []

    def _text_signature(self, signature: str, choice: int) -> list[bytes]:
        return []
