"""Sending an answer, and everything that can go wrong while it is sent."""

from typing import NamedTuple

from proxy.sandbox.ask import Json
from proxy.sandbox.connection import Connection, Cut
from proxy.sandbox.control import Knobs
from proxy.sandbox.wire import Frame, Headers

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
NOT_A_STREAM = b'{"object": "an answer that ends in the middle of a"}'


class Events(NamedTuple):
    """A stream: its events, the vendor's error event, and its sign of life (empty where it has none)."""

    frames: list[Frame]
    error: bytes
    heartbeat: bytes


async def before_answer(connection: Connection, knobs: Knobs) -> None:
    """What happens before the first byte: the latency, or a dropped connection."""
    if knobs.latency:
        await connection.wait(knobs.latency)
    if knobs.drop:
        await connection.drop()


async def send_whole(
    connection: Connection, knobs: Knobs, *, status: int, headers: Headers, body: bytes, usage: Json | None
) -> None:
    """Send an answer in one piece. Cut or stalled after 0 chunks it has no body, after more a half."""
    kind = b"application/json"
    if knobs.malformed:
        kind, body = _spoiled(knobs.malformed, body)
        usage = None
    length = b"%d" % len(body)
    await connection.start(status, [(b"content-type", kind), (b"content-length", length), *headers])
    broken_after = knobs.stall_after if knobs.cut_after is None else knobs.cut_after
    if broken_after is not None:
        await connection.write(body[: len(body) // 2 if broken_after else 0], more=True)
        await _break(connection, knobs)
    await connection.write(body, more=False, usage=usage)


def _spoiled(malformed: str, body: bytes) -> tuple[bytes, bytes]:
    """A body that is no answer: a proxy's page, JSON cut short, or JSON of another shape."""
    if malformed == "html":
        return b"text/html", HTML
    if malformed == "json":
        return b"application/json", body[: len(body) // 2]
    return b"application/json", b"[]"


async def _break(connection: Connection, knobs: Knobs, heartbeat: bytes = b"") -> None:
    if knobs.cut_after is not None:
        raise Cut
    connection.call.outcome = "stalled"
    await _pause(connection, knobs, None, heartbeat)


async def _pause(connection: Connection, knobs: Knobs, seconds: float | None, heartbeat: bytes) -> None:
    """Wait, for ever with None; the vendor's sign of life goes out every ``knobs.heartbeat`` seconds."""
    if knobs.heartbeat and heartbeat:
        while seconds is None or seconds > knobs.heartbeat:
            await connection.wait(knobs.heartbeat)
            await connection.write(_lines(heartbeat, knobs), more=True)
            seconds = None if seconds is None else seconds - knobs.heartbeat
    await connection.wait(seconds)


def _lines(data: bytes, knobs: Knobs) -> bytes:
    """An event with the line ends that are asked for."""
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if knobs.crlf else data


async def send_stream(connection: Connection, knobs: Knobs, *, headers: Headers, events: Events) -> str:
    """Send the events of a stream and give the outcome.

    A stream that is cut, stalled or failed after N chunks never gets to its closing events, even if it
    has fewer chunks than N.
    """
    if knobs.malformed in ("json", "html"):
        without_type = headers[1:]
        await send_whole(connection, knobs, status=200, headers=without_type, body=NOT_A_STREAM, usage=None)
        return "complete"
    fault = _fault(knobs)
    await connection.start(200, headers)
    frames = events.frames if fault is None else _until(events.frames, fault)
    await _send_frames(connection, knobs, frames, events.heartbeat)
    if fault is not None and knobs.error_in_stream_after != fault:
        await _break(connection, knobs, events.heartbeat)
    # A stream without delays is written before the client's leaving can be noticed.
    await connection.wait(0.0)
    await connection.write(b"" if fault is None else _lines(events.error, knobs), more=False)
    return "complete" if fault is None else "failed"


async def _send_frames(connection: Connection, knobs: Knobs, frames: list[Frame], heartbeat: bytes) -> None:
    call = connection.call
    for frame in frames:
        if frame.content and knobs.chunk_delay:
            await _pause(connection, knobs, knobs.chunk_delay, heartbeat)
        is_broken = knobs.malformed == "frame" and frame.content and not call.chunks_sent
        data = frame.data[: len(frame.data) // 2] + b"\n\n" if is_broken else frame.data
        await connection.write(_lines(data, knobs), more=True, usage=frame.usage)
        call.chunks_sent += frame.content


def _fault(knobs: Knobs) -> int | None:
    """After how many chunks the stream fails: the earliest, if several are asked for."""
    asked = (knobs.cut_after, knobs.stall_after, knobs.error_in_stream_after)
    return min((after for after in asked if after is not None), default=None)


def _until(frames: list[Frame], chunks: int) -> list[Frame]:
    """The events that go out before a failure after ``chunks`` chunks."""
    positions = [index for index, frame in enumerate(frames) if frame.content]
    if not positions:
        return frames[: min(1, len(frames) - 1)]
    end = positions[min(chunks, len(positions)) - 1] + 1 if chunks else positions[0]
    return frames[:end]
