"""Small pieces that the three vendors' formats share."""

import itertools
from typing import Any, NamedTuple, TypeVar

import msgspec

from proxy.sandbox.answers import Answer, ToolCall
from proxy.sandbox.ask import Ask, Json
from proxy.sandbox.control import Knobs

encode = msgspec.json.encode
# msgspec reports bytes that are not UTF-8 with Python's own error.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
Headers = list[tuple[bytes, bytes]]
Event = TypeVar("Event")


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


def arguments(call: ToolCall, knobs: Knobs) -> str | None:
    """The arguments of a call as JSON text, of one without any as the ``no_arguments`` knob has it."""
    if call.arguments or knobs.no_arguments in (None, "braces"):
        return encode(call.arguments).decode()
    return "" if knobs.no_arguments == "empty" else None


def woven(parallel: list[list[Event]], knobs: Knobs) -> list[Event]:
    """What is streamed of several calls: one after the other, with ``interleave`` by turns."""
    if not knobs.interleave:
        return list(itertools.chain.from_iterable(parallel))
    longest = max(map(len, parallel), default=0)
    return [events[place] for place in range(longest) for events in parallel if place < len(events)]


def retry_headers(knobs: Knobs) -> Headers:
    """The ``retry-after`` of the knob, in seconds."""
    return [] if knobs.retry_after is None else [(b"retry-after", f"{knobs.retry_after:g}".encode())]
