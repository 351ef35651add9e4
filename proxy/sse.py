"""Server-sent events, decoded incrementally.

Vendors send bytes in any split: half a UTF-8 character, half a line, ten events at once. ``SSEDecoder`` turns
them into whole events; the same bytes give the same events whatever the split.

See https://html.spec.whatwg.org/#event-stream-interpretation
"""

import re

import msgspec

MAX_EVENT_BYTES = 16 * 1024 * 1024

# Two line ends in a row. The groups are atomic, or a lone "\r\n" would match as "\r" and "\n".
_BOUNDARY = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """The vendor sent more than the allowed bytes without ending an event."""


class SSEEvent(msgspec.Struct, frozen=True, gc=False):
    """One event.

    ``event``  its name; empty when the vendor gave none
    ``data``   the data lines joined by a newline; empty for comments, which vendors send as heartbeats
    ``raw``    the exact bytes of the frame, blank line included; of comments, the comments alone, as other
               lines beside them (``retry``, ``id``) would steer the caller's client
    """

    event: str
    data: bytes
    raw: bytes

    @property
    def is_comment(self) -> bool:
        return not self.data and self.raw.startswith(b":")


class SSEDecoder:
    """Bytes in, events out. A frame of comments alone is an event without data; others without are
    swallowed."""

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._held = bytearray()  # an unfinished frame
        self._fresh = True  # nothing was decoded yet: a byte order mark may come

    def feed(self, data: bytes) -> list[SSEEvent]:
        """The events that ``data`` completes. Raises EventTooLarge."""
        buffer = self._joined(data)
        if buffer is None:
            return []
        if b"\r" not in buffer:
            *frames, rest = buffer.split(b"\n\n")
            raws = [frame + b"\n\n" for frame in frames]
        else:
            raws, rest = _split(buffer)
        self._hold(rest)
        return [event for raw in raws if (event := _parse(raw)) is not None]

    def _joined(self, data: bytes) -> bytes | None:
        """The bytes to look at, or None while nothing can have ended."""
        if self._fresh:
            return self._first(data)
        if not self._held:
            return data
        # Only the seam and the new bytes can hold a new boundary: a large event costs one pass, not one per
        # read.
        seam = bytes(self._held[-3:]) + data
        self._held += data
        if b"\n\n" in seam or (b"\r" in seam and _BOUNDARY.search(seam)):
            return bytes(self._held)
        self._check(len(self._held))
        return None

    def _first(self, data: bytes) -> bytes | None:
        start = bytes(self._held) + data
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._held[:] = start
            return None
        self._fresh = False
        return start.removeprefix(_BOM)

    def _hold(self, rest: bytes) -> None:
        self._check(len(rest))
        self._held[:] = rest

    def _check(self, size: int) -> None:
        if size > self._max:
            self._held.clear()
            raise EventTooLarge(f"an event of more than {self._max} bytes")


def _split(buffer: bytes) -> tuple[list[bytes], bytes]:
    raws: list[bytes] = []
    start = 0
    for boundary in _BOUNDARY.finditer(buffer):
        end = boundary.end()
        if end == len(buffer) and buffer.endswith(b"\r"):
            break  # its "\n" may be still to come, and belongs to this frame
        raws.append(buffer[start:end])
        start = end
    return raws, buffer[start:]


def _parse(raw: bytes) -> SSEEvent | None:
    if raw.startswith(b"data: ") and raw.find(b"\n") == len(raw) - 2 and b"\r" not in raw:
        return SSEEvent("", raw[6:-2], raw)  # what nearly every vendor sends
    name = b""
    data: list[bytes] = []
    lines = raw.splitlines()
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    if not data:
        return _comment(raw, lines) if raw.startswith(b":") else None
    return SSEEvent(name.decode("utf-8", "replace"), b"\n".join(data), raw)


def _comment(raw: bytes, lines: list[bytes]) -> SSEEvent:
    comments = [line for line in lines if line.startswith(b":")]
    alone = len(comments) == len([line for line in lines if line])
    return SSEEvent("", b"", raw if alone else b"\n".join(comments) + b"\n\n")
