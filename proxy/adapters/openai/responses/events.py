"""A stream of Responses events, as far as all its readers share it: what is known, not what is said."""

from abc import abstractmethod
from collections.abc import Sequence

import msgspec

from proxy.adapters import faults
from proxy.adapters.events import EventReader
from proxy.adapters.openai import errors
from proxy.adapters.openai.responses import outcome
from proxy.adapters.openai.responses.fields import Event, Response, decode_event, decode_response
from proxy.interchange import wire
from proxy.sse import SSEEvent

BEGUN = ("response.created", "response.queued", "response.in_progress")
ENDED = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


class ResponseEvents(EventReader):
    """Keeps ``state``; subclasses make the frames."""

    def _read(self, event: SSEEvent) -> Sequence[bytes]:
        if self.state.complete or not event.data or event.data == b"[DONE]":
            return self._beside(event)
        try:
            told = decode_event(event.data)
            self._note(told, event)
        except wire.UNREADABLE as reason:
            raise faults.malformed(f"an event is not one of a response: {reason}") from None
        return self._event(told, event)

    @abstractmethod
    def _beside(self, event: SSEEvent) -> Sequence[bytes]:
        """What is no event of the answer: heartbeats, and anything after the end."""
        ...

    @abstractmethod
    def _event(self, told: Event, event: SSEEvent) -> Sequence[bytes]: ...

    @abstractmethod
    def _end(self, response: Response) -> None:
        """The answer is whole."""
        ...

    def _note(self, told: Event, event: SSEEvent) -> None:
        kind = told.type
        if kind in BEGUN:
            self._begin(decode_response(told.response or b"{}"))
        elif kind in ENDED:
            self._finish(decode_response(told.response or b"{}"))
        elif kind == "error" or event.event == "error" or told.error:
            raise errors.in_band(msgspec.json.decode(event.data))

    def _begin(self, response: Response) -> None:
        self.state.model = wire.text(response.model) or self.state.model
        self.state.upstream_id = wire.text(response.id) or self.state.upstream_id

    def _finish(self, response: Response) -> None:
        """Raises VendorError for a response that failed; it may have been billed."""
        state = self.state
        self._begin(response)
        outcome.bill_of(response).note_in(state)
        if response.status in outcome.FAILED or response.error:
            raise outcome.failure_of(response)
        state.finish_reason = outcome.finish_of(response) or "stop"
        state.native_finish = outcome.reason_of(response)
        state.complete = state.ended = True
        self._end(response)
