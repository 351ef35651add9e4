"""What the calls door needs of a caller's dialect, and one request in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from proxy.errors import CallError
    from proxy.interchange.conversation import Conversation
    from proxy.interchange.features import Fields
    from proxy.interchange.reply import Reply
    from proxy.interchange.writing import StreamWriter, Told


class Link(msgspec.Struct, frozen=True):
    """What a link in a message led to, fetched for a vendor that does not follow links."""

    media_type: str
    data: bytes


@dataclass(frozen=True)
class Call:
    """One request as the caller sent it.

    ``body``     the decoded JSON object; never mutated, as a fallback target gets the same one
    ``raw``      its bytes
    ``headers``  those of the caller's headers that a vendor of the same wire is sent, names in lower case
    ``links``    what was fetched, by URL
    """

    dialect: Dialect
    body: Mapping[str, Any]
    raw: bytes = b""
    stream: bool = False
    include_usage: bool = False  # chat: the caller asked for the usage chunk itself
    headers: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)

    @cached_property
    def conversation(self) -> Conversation:
        """Read on first use: where bytes pass, never. Raises InvalidField, UnsupportedField."""
        return self.dialect.conversation_from(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCall:
    """A valid request, with what a hold and a route need to know of it.

    ``helpers`` are further models that the vendor may call for this answer, ``unpriced_tools`` what it may
    run at a rate that no price row has. ``size`` is the body's length in bytes, an upper bound of its tokens;
    ``linked_parts`` counts the parts whose bytes are not in the request. ``output`` False: the
    answer has no output tokens (embeddings).
    """

    call: Call
    model: str
    size: int
    linked_parts: int = 0
    choices: int = 1
    max_output_tokens: int | None = None
    asks_tier: bool = False
    caches: bool = False
    audio: bool = False
    has_tools: bool = False
    output: bool = True
    helpers: tuple[str, ...] = ()
    unpriced_tools: tuple[str, ...] = ()
    previous: str = ""  # id of an earlier answer that the vendor keeps and this one continues

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than cost twice: a whole answer that no vendor keeps."""
        call = self.call
        kept = call.body.get("store", call.dialect.name == "responses")
        return not (call.stream or self.previous or kept or call.body.get("background"))


class Dialect(Protocol):
    """The shape of requests, answers and errors at one path of the calls door."""

    name: str  # chat | messages | responses | embeddings | count_tokens
    fields: Fields

    def parse(self, raw: bytes, headers: Mapping[bytes, bytes]) -> ParsedCall:
        """The request in ``raw``. Raises errors.BadRequest naming the field."""
        ...

    def conversation_from(self, body: Mapping[str, Any]) -> Conversation: ...

    def body_of(self, reply: Reply, call: Call) -> bytes:
        """A whole answer."""
        ...

    def writer(self, told: Told, call: Call) -> StreamWriter: ...

    def error_body(self, error: CallError, *, request_id: str) -> bytes: ...

    def error_frames(self, error: CallError, *, request_id: str, told: Told | None = None) -> bytes:
        """The error as the last event of a stream that had begun."""
        ...
