"""The vendors' side of the books: every request received, to be compared with the ledger."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

RING = 200_000
NO_USAGE = msgspec.Raw(b"null")


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
    usage: msgspec.Raw = field(default_factory=lambda: NO_USAGE)  # the last one sent, in the vendor's shape


class CallLog:
    """The newest 200,000 calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=RING)
        self._sequence = 0

    def open(self, *, vendor: str, path: str, site: str, client_request_id: str) -> Call:
        """Note a request the moment it arrives."""
        self._sequence += 1
        call = Call(self._sequence, vendor, path, site, client_request_id, time.time())
        self._calls.append(call)
        return call

    def close(self, call: Call, outcome: str) -> None:
        """Note how it ended."""
        call.outcome = outcome
        call.finished = time.time()

    def clear(self) -> None:
        """Forget the calls; sequence numbers go on."""
        self._calls.clear()

    def select(self, *, after: int = 0, request_id: str = "") -> list[Call]:
        """Calls with a greater sequence number, whose client request id starts with ``request_id``."""
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
    return NO_USAGE if usage is None else msgspec.Raw(msgspec.json.encode(usage))
