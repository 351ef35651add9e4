"""The caller's end of a stream over ASGI."""

import asyncio
from collections.abc import Callable

from proxy.envelopes import served_headers
from proxy.interchange.writing import Told
from proxy.job import Served
from proxy.requests import Receive, Send

STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx must not collect what is meant to flow
]


class StreamDelivery:
    """Sends frames as they come and notices when the caller leaves."""

    def __init__(
        self,
        send: Send,
        receive: Receive,
        headers: list[tuple[bytes, bytes]],
        *,
        anthropic: bool = False,
        keeps: bool = False,
    ) -> None:
        """``headers``: those known already; ``anthropic``: rate limits are told under Anthropic's names;
        ``keeps``: ``send`` takes what a caller who has left does not."""
        self.keeps = keeps
        self.ended = False
        self._send = send
        self._headers = headers
        self._anthropic = anthropic
        self.begun = False
        self.spoken = False
        self.gone = False
        self.told: Told | None = None
        self.on_gone: Callable[[], None] | None = None
        self._watch = asyncio.create_task(self._until_gone(receive), name="caller")

    async def begin(self, served: Served) -> None:
        """The status and headers; the attempts so far are known only now."""
        if self.begun:
            return
        self.begun = True
        await self._send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [*STREAM_HEADERS, *self._answer_headers(served).items()],
            }
        )

    def _answer_headers(self, served: Served) -> dict[bytes, bytes]:
        """One of a name: the last."""
        return dict([*self._headers, *served_headers(served, anthropic=self._anthropic)])

    async def send(self, frames: bytes) -> None:
        self.spoken = self.spoken or bool(frames)
        await self.beat(frames)

    async def beat(self, frames: bytes) -> None:
        """Frames that say nothing, so that nobody on the way thinks the connection dead."""
        if frames and (self.keeps or not self.gone):
            await self._send({"type": "http.response.body", "body": frames, "more_body": True})

    async def last(self, frames: bytes) -> None:
        """The last frames of an answer that was begun, and its end, in one message."""
        if self.begun and not self.ended:
            self.ended = True
            frames = frames if self.keeps or not self.gone else b""
            await self._send({"type": "http.response.body", "body": frames})

    async def end(self) -> None:
        """Close the answer, if one was begun, and stop watching."""
        self._watch.cancel()
        await self.last(b"")

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self.on_gone is not None:
            self.on_gone()
