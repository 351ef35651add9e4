"""Small pieces that the three vendors' formats share."""

from typing import Any, NamedTuple

import msgspec

from proxy.sandbox.answers import Answer
from proxy.sandbox.ask import Ask, Json
from proxy.sandbox.control import Knobs

encode = msgspec.json.encode
# msgspec reports bytes that are not UTF-8 with Python's own error.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
Headers = list[tuple[bytes, bytes]]


class Frame(NamedTuple):
    """One event of a stream. ``content`` frames are the chunks that the knobs count."""

    data: bytes
    content: bool = False
    usage: Json | None = None  # what this frame reported


class Reply(NamedTuple):
    """One answer about to be written in a vendor's format."""

    ask: Ask
    answer: Answer
    knobs: Knobs
    ident: str  # unique per answer unless the static_id knob is set


def merged(usage: Json, knobs: Knobs) -> Json | None:
    """The usage object to report after the ``usage`` and ``no_usage`` knobs."""
    if knobs.no_usage:
        return None
    return _deep(usage, knobs.usage) if knobs.usage else usage


def _deep(under: Json, over: Json) -> Json:
    result = dict(under)
    for name, value in over.items():
        nested = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = _deep(result[name], value) if nested else value
    return result


def data_frame(payload: Any) -> bytes:
    """A server-sent event without a name."""
    return b"data: %b\n\n" % encode(payload)


def named_frame(payload: Json) -> bytes:
    """A server-sent event named by its payload's type."""
    return b"event: %b\ndata: %b\n\n" % (payload["type"].encode(), encode(payload))


def halves(text: str) -> tuple[str, str]:
    """A text in two pieces, as arguments of a tool call are streamed."""
    middle = len(text) // 2
    return text[:middle], text[middle:]
