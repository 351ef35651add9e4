"""One request's connection: reading, writing, waiting, and leaving without a goodbye.

How the socket is closed without an end: the application returns before its last body message (``Cut``).
uvicorn then closes the transport as it stands, without the terminating chunk or short of the promised
Content-Length, so every HTTP client sees a broken body and not a clean end. What was written before is
flushed first. Only ``drop`` reaches for uvicorn's transport: ASGI has no word for closing before the headers.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from proxy.sandbox.calls import Call, usage_bytes
from proxy.sandbox.wire import Headers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class CallerLeft(Exception):
    """The client closed the connection."""


class Cut(Exception):
    """The connection is to be closed without an end."""


class Connection:
    """Reads a request and writes its answer; what was sent is noted on ``call``."""

    def __init__(self, receive: Receive, send: Send, call: Call) -> None:
        self.call = call
        self.split_bytes: int | None = None  # write the body in pieces of so many bytes
        self._receive = receive
        self._send = send
        self._leaving: asyncio.Task[None] | None = None

    async def body(self) -> bytes:
        """The request body."""
        pieces = []
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise CallerLeft
            pieces.append(message.get("body", b""))
            more = message.get("more_body", False)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def wait(self, seconds: float | None) -> None:
        """Wait, for ever with None. Raises ``CallerLeft`` as soon as the client goes."""
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._left())
        done, _ = await asyncio.wait({self._leaving}, timeout=seconds)
        if done:
            raise CallerLeft

    async def drop(self) -> None:
        """Close the socket before any byte of an answer."""
        cycle = getattr(self._send, "__self__", None)
        transport = getattr(cycle, "transport", None)
        if transport is not None:
            transport.close()
            await self._left()
        raise Cut

    async def start(self, status: int, headers: Headers) -> None:
        """Send the status line and headers."""
        self.call.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes, *, more: bool, usage: Any = None) -> None:
        """Send a piece of the body and note the usage in it; the last piece ends the answer."""
        if usage is not None:
            self.call.usage = usage_bytes(usage)
        step = self.split_bytes or len(data) or 1
        while len(data) > step:
            await self._send_body(data[:step], more=True)
            # The loop must turn between two writes: they would leave as one otherwise.
            await asyncio.sleep(0)
            data = data[step:]
        await self._send_body(data, more=more)

    async def _send_body(self, data: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    def release(self) -> None:
        """Stop watching for the client's leaving."""
        if self._leaving is not None:
            self._leaving.cancel()

    async def _left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
