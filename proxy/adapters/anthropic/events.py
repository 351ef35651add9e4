"""Anthropic's events out of bytes: what every reader of a stream shares."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters import faults
from proxy.adapters.anthropic import errors
from proxy.adapters.anthropic.bill import Bill
from proxy.adapters.base import Target
from proxy.adapters.events import EventReader
from proxy.interchange import wire
from proxy.sse import SSEEvent

_decode = msgspec.json.decode


class MessageReader(EventReader):
    """A reader whose subclasses say what one of Anthropic's events means."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._bill = Bill(self.state, target.model)

    @abstractmethod
    def _heard(self, kind: str, body: Mapping[str, Any], raw: bytes) -> list[bytes]:
        """Frames for one event. ``raw`` is as it came. Errors were raised before."""

    @abstractmethod
    def _heartbeat(self, raw: bytes) -> list[bytes]:
        """Frames for a comment."""

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
