"""Reading server-sent events: what the readers of all vendors' streams share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from proxy.adapters import faults
from proxy.adapters.base import StreamState, VendorError
from proxy.sse import EventTooLarge, SSEDecoder, SSEEvent


class EventReader(ABC):
    """A ``base.ChunkReader`` whose subclasses say what one event means."""

    def __init__(self) -> None:
        self.state = StreamState()
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

    def _fail(self, failure: VendorError) -> None:
        """An error outweighs a finish that came before it: the stream did not end well."""
        self.state.error, self.state.complete = failure, False

    @abstractmethod
    def close(self) -> list[bytes]: ...

    @abstractmethod
    def _read(self, event: SSEEvent) -> Sequence[bytes]:
        """The frames for one event. Raises VendorError."""
        ...
