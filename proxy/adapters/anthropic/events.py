"""Anthropic's events out of bytes: what every reader of a stream shares."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters import faults
from proxy.adapters.anthropic import errors
from proxy.adapters.anthropic.bill import Bill
from proxy.adapters.base import StreamState, Target, VendorError
from proxy.interchange import wire
from proxy.sse import EventTooLarge, SSEDecoder, SSEEvent

_decode = msgspec.json.decode


class EventReader(ABC):
    """Reads one vendor stream; see ``base.ChunkReader``."""

    def __init__(self, target: Target) -> None:
        self.state = StreamState()
        self._bill = Bill(self.state, target.model)
        self._decoder = SSEDecoder()

    def feed(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        if self.state.error is not None:
            return frames
        try:
            for event in self._decoder.feed(data):
                frames += self._read(event)
        except VendorError as failure:
            self._fail(failure)
        except EventTooLarge as reason:
            self._fail(faults.malformed(str(reason)))
        return frames

    @abstractmethod
    def close(self) -> list[bytes]: ...

    @abstractmethod
    def _heard(self, kind: str, body: Mapping[str, Any], raw: bytes) -> list[bytes]:
        """Frames for one event. ``raw`` is as it came. Errors were raised before."""

    @abstractmethod
    def _heartbeat(self, raw: bytes) -> list[bytes]:
        """Frames for a comment."""

    def _fail(self, failure: VendorError) -> None:
        """An error outweighs a finish that came before it: the stream did not end well."""
        self.state.error, self.state.complete = failure, False

    def _read(self, event: SSEEvent) -> list[bytes]:
        if not event.data:
            return self._heartbeat(event.raw)
        try:
            body = _decode(event.data)
        except wire.UNREADABLE as reason:
            raise faults.malformed(f"an event is not JSON: {reason}") from None
        if not isinstance(body, dict):
            raise faults.malformed("an event is not an object")
        kind = wire.text(body.get("type"))
        if kind == "error" or (not kind and "error" in body):
            raise errors.in_band(body)
        return self._heard(kind, body, event.raw)
