"""The vendors' side of the books: every request received, to be compared with the ledger."""

import hashlib
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

RING = 200_000
# How many of the newest calls keep their request, and in how many bytes together.
REQUESTS_KEPT = 2_000
REQUEST_BYTES_KEPT = 64_000_000
NOTHING = msgspec.Raw(b"null")
SECRETS = (b"authorization", b"x-api-key", b"x-goog-api-key", b"cookie", b"proxy-authorization")


@dataclass(slots=True)
class Call:
    """One upstream request. Times are Unix seconds; ``finished`` is None while it runs."""

    sequence: int
    vendor: str
    path: str
    site: str
    client_request_id: str
    started: float
    model: str = ""
    stream: bool = False
    status: int | None = None  # None until headers were sent
    # complete | refused | cut | stalled | failed (an error event in the stream) | client_disconnected
    outcome: str = "running"
    chunks_sent: int = 0
    finished: float | None = None
    # Kept as bytes: 200,000 nested dicts would take hundreds of megabytes.
    usage: msgspec.Raw = field(default_factory=lambda: NOTHING)  # the last one sent, in the vendor's shape
    key_fingerprint: str = ""  # of the credential; see ``fingerprint``
    query: str = ""  # without credentials
    # The request, of the newest calls only: headers without credentials, and the body as it came (a string
    # when it was not JSON).
    headers: dict[str, str] = field(default_factory=dict)
    body: msgspec.Raw = field(default_factory=lambda: NOTHING)


class Request(NamedTuple):
    """What a call came with, as it came."""

    call: Call
    headers: dict[bytes, bytes]
    body: bytes

    def show(self) -> None:
        """Put it on the call, without credentials."""
        self.call.headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self.headers.items()
            if name not in SECRETS
        }
        self.call.body = _shown_body(self.body)


class CallLog:
    """The newest 200,000 calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=RING)
        self._sequence = 0
        self._requests: deque[Request] = deque()
        self._request_bytes = 0

    def open(self, *, vendor: str, path: str, site: str, client_request_id: str) -> Call:
        """Note a request the moment it arrives."""
        self._sequence += 1
        call = Call(self._sequence, vendor, path, site, client_request_id, time.time())
        self._calls.append(call)
        return call

    def note(self, call: Call, headers: dict[bytes, bytes], body: bytes) -> None:
        """Keep the request of a call, and let go of the oldest ones beyond the bounds."""
        self._requests.append(Request(call, headers, body))
        self._request_bytes += len(body)
        while len(self._requests) > REQUESTS_KEPT or self._request_bytes > REQUEST_BYTES_KEPT:
            oldest = self._requests.popleft()
            self._request_bytes -= len(oldest.body)
            oldest.call.headers, oldest.call.body = {}, NOTHING

    def close(self, call: Call, outcome: str) -> None:
        """Note how it ended."""
        call.outcome = outcome
        call.finished = time.time()

    def clear(self) -> None:
        """Forget the calls; sequence numbers go on."""
        self._calls.clear()
        self._requests.clear()
        self._request_bytes = 0

    def select(self, *, after: int = 0, request_id: str = "") -> list[Call]:
        """Calls with a greater sequence number, whose client request id starts with ``request_id``."""
        # Only now: most requests are never looked at.
        for request in self._requests:
            request.show()
        return list(_selected(self._calls, after, request_id))

    def count(self) -> int:
        """How many calls are kept."""
        return len(self._calls)


def _selected(calls: Iterable[Call], after: int, request_id: str) -> Iterable[Call]:
    for call in calls:
        if call.sequence > after and call.client_request_id.startswith(request_id):
            yield call


def usage_bytes(usage: Any) -> msgspec.Raw:
    """A usage object as it is kept."""
    return NOTHING if usage is None else msgspec.Raw(msgspec.json.encode(usage))


def fingerprint(key: str) -> str:
    """Twelve hexadecimal digits that tell one credential from another: of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def _shown_body(body: bytes) -> msgspec.Raw:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
        body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.Raw(msgspec.json.encode(body.decode(errors="replace"))) if body else NOTHING
    return msgspec.Raw(body)
