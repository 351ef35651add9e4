"""The two calls that every subject is asked, and a check that it answers them whole."""

import http.client
import io
import json
import re
import socket
import time
from dataclasses import dataclass

import upstream

_MESSAGES = [
    {"role": "system", "content": "You are a careful bookkeeper."},
    {
        "role": "user",
        "content": "In two sentences: why may a ledger never lose an entry, however fast it is?",
    },
]
_OPTIONS = {"max_tokens": 256, "temperature": 0.2}
PLAIN_BODY = json.dumps({"model": "bench", "messages": _MESSAGES, **_OPTIONS})
STREAM_BODY = json.dumps(
    {
        "model": "bench-stream",
        "messages": _MESSAGES,
        **_OPTIONS,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
)


class WrongAnswer(Exception):
    """A subject did not give the upstream's answer; the message holds what it said instead."""


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of call to one subject."""

    port: int
    path: str
    body: str
    key: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def env(self) -> dict[str, str]:
        """What the loaders read: the body and the key."""
        return {"BENCH_BODY": self.body, "BENCH_KEY": self.key}


def check_plain(call: Call) -> None:
    """Ask once. Raises WrongAnswer unless the upstream's content and usage come back."""
    answer, _ = exchange(call)
    said, expected = json.loads(answer), json.loads(upstream.plain_answer())
    if said["choices"][0]["message"]["content"] != expected["choices"][0]["message"]["content"]:
        raise WrongAnswer(f"{call.url}: another content: {answer[:500]!r}")
    if said["usage"]["completion_tokens"] != expected["usage"]["completion_tokens"]:
        raise WrongAnswer(f"{call.url}: another usage: {answer[-500:]!r}")


def check_stream(call: Call) -> int:
    """Ask once; return one whole stream's bytes on the wire. Raises WrongAnswer unless every chunk came."""
    answer, wire_bytes = exchange(call)
    if _words(answer) != _words(upstream.stream_answer()) or not answer.rstrip().endswith(b"data: [DONE]"):
        raise WrongAnswer(f"{call.url}: another stream: {answer[:300]!r} ... {answer[-300:]!r}")
    return wire_bytes


def wait_until_answered(call: Call, *, seconds: float) -> None:
    """Try the plain call until it is answered as it should be; the last failure is raised when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return check_plain(call)
        except (OSError, WrongAnswer, http.client.HTTPException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def exchange(call: Call) -> tuple[bytes, int]:
    """One call over a socket of its own: the answer's body, and all its bytes on the wire."""
    head = (
        f"POST {call.path} HTTP/1.1\r\nhost: 127.0.0.1:{call.port}\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {call.key}\r\ncontent-length: {len(call.body)}\r\nconnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", call.port), timeout=20) as connection:
        connection.sendall((head + call.body).encode())
        raw = b"".join(iter(lambda: connection.recv(65536), b""))
    answer = http.client.HTTPResponse(_Received(raw))  # type: ignore[arg-type]
    answer.begin()
    body = answer.read()
    if answer.status != 200:
        raise WrongAnswer(f"{call.url}: {answer.status} {body[:500]!r}")
    return body, len(raw)


class _Received:
    """Bytes that have already come, in the one way ``http.client`` wants a socket."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._raw)


def _words(stream: bytes) -> list[str]:
    """The content of every chunk that has any: equal only if no chunk was lost or merged."""
    events = re.findall(rb"^data: (\{.*\})\r?$", stream, re.MULTILINE)
    choices = [choice for event in events for choice in json.loads(event)["choices"]]
    return [choice["delta"]["content"] for choice in choices if choice["delta"].get("content")]
