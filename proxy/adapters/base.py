"""What every adapter takes and gives. Pure values: no IO, no Django."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from metering.usage import Part, Usage
from proxy.interchange.dialect import Call
from proxy.interchange.errors import InvalidField, UnsupportedField
from proxy.interchange.features import Rules
from proxy.interchange.writing import Told


@dataclass(frozen=True, slots=True)
class Target:
    """Where one attempt goes. ``base_url`` is as the vendor's SDK takes it (OpenAI kinds with /v1,
    Anthropic and Gemini without a version), without a trailing slash."""

    kind: str  # openai | anthropic | gemini | openai_compatible
    base_url: str
    model: str  # the upstream id
    api_key: str
    max_output_tokens: int | None = None  # what to send as the ceiling; None: send none
    serves_responses: bool = False  # OpenAI kinds: the vendor has POST /responses
    follows_links: bool = True  # the vendor fetches links in messages itself


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """An HTTP request ready to be sent. ``dropped`` are the caller's fields that the vendor will not see."""

    url: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. ``body`` is in the caller's dialect.

    ``usage`` is None when the vendor reported none (unknown is not zero); ``variant`` is the price
    variant that was served (``standard``, ``batch``, ``flex``, ``priority``, ``fast``).
    """

    body: bytes
    usage: Usage | None
    raw_usage: Mapping[str, Any] | None
    finish_reason: str | None
    text: str
    model: str
    upstream_id: str
    variant: str = "standard"
    flags: tuple[str, ...] = ()  # e.g. "usage_mismatch", "ttl_unknown": stored with the cost entry
    parts: tuple[Part, ...] = ()  # whose the usage is, when several models worked on the answer
    reported_cost: Decimal | None = None  # USD that the vendor itself says it charges


class ErrorClass(enum.StrEnum):
    """What an upstream failure means for routing; the table is wire-level knowledge of each vendor."""

    CALLER = "caller"  # the caller's fault: answer it, never counts
    MODEL_UNAVAILABLE = "model_unavailable"  # configuration: try another target, no breaker
    CREDENTIAL = "credential"  # key rejected: mark it broken, fail over
    CREDENTIAL_FUNDS = "credential_funds"  # key out of money: park it, fail over
    RATE_LIMITED = "rate_limited"  # wait or fail over; breaker-neutral
    OVERLOADED = "overloaded"  # counts towards the breaker; try elsewhere
    PROVIDER = "provider"  # 5xx, malformed answers: counts
    TRANSPORT = "transport"  # connection, timeout, truncated stream: counts
    DEADLINE = "deadline"  # our own deadline passed while the vendor was answering: never counts


_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
READ_CHARS = 8_000  # of a vendor's message
MESSAGE_CHARS = 2_000  # of it, what a caller gets to read


def without(secret: str, words: str) -> str:
    """``words`` in which ``secret`` is not repeated. No secret: as they are."""
    return words.replace(secret, "***") if secret else words


class VendorError(Exception):
    """An upstream attempt failed. Attributes are facts; words for the caller are made elsewhere.

    ``status``       HTTP status of the vendor, or None when there was no answer
    ``retry_after``  seconds the vendor asked to wait, or None
    ``message``      the vendor's message; at most 2,000 characters when it was scrubbed
    ``headers``      the vendor's headers that callers may see, names in lower case (``faults.passed_on``)
    ``sent``         whether the request may have reached the vendor (False: surely not billed)
    ``refused_for``  of a caller's fault: ``context`` (too long for this model), ``content`` (filtered), or ""
    """

    def __init__(
        self,
        *,
        error_class: ErrorClass,
        message: str,
        status: int | None = None,
        code: str | None = None,
        type: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        upstream_id: str | None = None,
        sent: bool = True,
        headers: Mapping[str, str] | None = None,
        refused_for: str = "",
    ) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message[:READ_CHARS]
        self.status = status
        self.code = code
        self.type = type
        self.param = param
        self.retry_after = retry_after
        self.upstream_id = upstream_id
        self.sent = sent
        self.refused_for = refused_for
        self.headers = dict(headers or {})

    @property
    def word(self) -> str:
        """The vendor's own word for it, fit for logs and tables: its code, or its type (Anthropic has no
        codes); empty when it gave none. Never a sentence, which may quote the prompt."""
        return next((word for word in (self.code, self.type) if word and _WORD.fullmatch(word)), "")

    def scrub(self, secret: str) -> None:
        """Take our credential out of the vendor's words, whatever its shape. Only then is the message cut, or
        half of the credential could stand at its end."""
        for name in ("message", "code", "type", "param", "upstream_id"):
            value = getattr(self, name)
            if isinstance(value, str):
                setattr(self, name, without(secret, value))
        self.headers = {name: without(secret, value) for name, value in self.headers.items()}
        self.message = self.message[:MESSAGE_CHARS]


class StreamState(Told):
    """What is known of a stream so far; the same object is updated by ``feed``."""

    error: VendorError | None = None  # an error event inside a 200 stream
    flags: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    reported_cost: Decimal | None = None


class ChunkReader(Protocol):
    """Vendor bytes in (any split), SSE frames for the caller out (each ends with a blank line).

    ``feed`` never raises on odd vendor bytes: it sets ``state.error``. It emits no terminal marker: the
    caller of the reader sends ``close()``'s frames only when the stream ended well.
    """

    state: StreamState

    def feed(self, data: bytes) -> list[bytes]: ...

    def close(self) -> list[bytes]:
        """The last frames of a good stream: what is held back, usage and finish, the terminal marker."""
        ...


class Adapter(Protocol):
    """One vendor's wire, for callers of every dialect."""

    vendor: str  # as callers are told: anthropic, gemini, openai
    rules: Rules  # what the vendor can do, for callers of another dialect than its own

    def request_for(self, call: Call, target: Target) -> VendorRequest:
        """Raises UnsupportedField and InvalidField."""
        ...

    def response_from(self, body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
        """Raises VendorError (PROVIDER) on a malformed answer or an error body inside a 200."""
        ...

    def chunks_from(self, call: Call, target: Target) -> ChunkReader: ...

    def links_for(self, call: Call, target: Target) -> tuple[str, ...]:
        """The links in the request that must be fetched before ``request_for``, as ``call.links``."""
        ...

    def error_from(self, status: int, headers: Mapping[str, str], body: bytes) -> VendorError: ...


__all__ = [
    "Adapter",
    "Answer",
    "ChunkReader",
    "ErrorClass",
    "InvalidField",
    "StreamState",
    "Target",
    "UnsupportedField",
    "VendorError",
    "VendorRequest",
    "without",
]
