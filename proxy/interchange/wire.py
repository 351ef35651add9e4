"""What all vendors' wires share: tolerant reading of decoded JSON, headers, and the frames that we write."""

import time
from collections.abc import Mapping
from typing import Any

import msgspec

EMPTY: dict[str, Any] = {}

_encoder = msgspec.json.Encoder()
encode = _encoder.encode

# What decoding bytes that are not the JSON we expect may raise; a deep enough nesting is a RecursionError.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

DONE_FRAME = b"data: [DONE]\n\n"


def mapping(value: object) -> Mapping[str, Any]:
    """``value`` when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def items(value: object) -> list[Any]:
    """``value`` when it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def objects(value: object) -> list[Mapping[str, Any]]:
    """The JSON objects in ``value`` when it is an array; anything else in it is passed over."""
    return [item for item in items(value) if isinstance(item, dict)]


def text(value: object) -> str:
    """``value`` when it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A token count: an integer >= 0. Anything that is not a number counts as 0."""
    if value.__class__ is int:
        return value if value > 0 else 0
    if isinstance(value, float):
        return int(value) if 0 <= value < 1e18 else 0
    return 0


def header(headers: Mapping[str, str], name: str) -> str | None:
    """One header by its lower-case name, whatever the case of the mapping's keys."""
    found = headers.get(name)
    if found is not None:
        return found
    for key, value in headers.items():
        if key.lower() == name:
            return value
    return None


def now() -> int:
    """The time for ``created``, which some vendors do not report; nothing is decided by it."""
    return int(time.time())


def frame(chunk: object) -> bytes:
    """One server-sent event that holds ``chunk`` as JSON."""
    return b"data: " + _encoder.encode(chunk) + b"\n\n"


def maybe_decoded(text: str | bytes) -> Any:
    """Decoded JSON, or None when it is not JSON."""
    try:
        return msgspec.json.decode(text)
    except UNREADABLE:
        return None
