"""A call as it came in through the calls door, before it is known to be valid."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import uuid_utils

from catalog.snapshot import KeyRow
from metering.bookkeeping import storable
from proxy import errors
from proxy.configuration import Configuration
from proxy.gateway import Gateway
from proxy.interchange.dialect import ParsedCall

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

BODY_SECONDS = 60.0  # from the headers to the end of the body
MAX_BODIES_BYTES = 512 * 1024 * 1024  # of all requests in flight in this worker
MAX_TAGS = 20
MAX_TAG_LENGTH = 64


class CallRequest:
    """What the policies on a view look at. Attributes named as DRF's own Request names them.

    ``request_id`` is ours (UUIDv7); the caller's ``X-Request-ID`` is kept beside it and never trusted.
    """

    def __init__(self, scope: Scope, receive: Receive, gateway: Gateway) -> None:
        self.scope = scope
        self.receive = receive
        self.gateway = gateway
        self.configuration: Configuration = gateway.keeper.current
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = uuid.UUID(int=uuid_utils.uuid7().int)
        self.started_at = dt.datetime.now(dt.UTC)
        self.read_at = gateway.clock()  # when the body was there: monotonic seconds
        self.kept = 0  # bytes of body
        self.user: KeyRow | None = None
        self.auth: str | None = None
        self.data: ParsedCall | None = None

    def header(self, name: bytes) -> str:
        """A header's value as text that can be stored; empty when absent."""
        return storable(self.headers.get(name, b"").decode("latin-1"), 200)

    async def read_body(self, *, most: int) -> bytes:
        """The whole body. Raises TooLarge, RequestTimeout or Unavailable as soon as that is known."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._read_body(most)
        except TimeoutError as error:
            raise errors.RequestTimeout("The body did not come in time.") from error
        self.read_at = self.gateway.clock()
        return body

    async def _read_body(self, most: int) -> bytes:
        declared = self.headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > most:
            raise _too_large(most)
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise errors.BadRequest(
                    "The caller left before the body was complete.", code="incomplete_body"
                )
            piece = message.get("body", b"")
            size += len(piece)
            self.keep(len(piece))
            if size > most:
                raise _too_large(most)
            pieces.append(piece)
            if not message.get("more_body"):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def keep(self, size: int) -> None:
        """Count what this request holds in memory, against a bound over all requests of the worker."""
        self.kept += size
        self.gateway.body_bytes += size
        if self.gateway.body_bytes > MAX_BODIES_BYTES:
            raise errors.Unavailable(
                "The gateway holds too many large bodies.", code="overloaded", retry_after=1
            )

    def tags(self) -> dict[str, str]:
        """``x-tallygate-tags: feature=search,env=prod``. Raises BadRequest on another shape."""
        text = self.header(b"x-tallygate-tags")
        if not text:
            return {}
        pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
        tags = {name.strip(): value.strip() for name, _, value in pairs}
        if len(tags) > MAX_TAGS or any(
            not name or not value or len(name) > MAX_TAG_LENGTH or len(value) > MAX_TAG_LENGTH
            for name, value in tags.items()
        ):
            raise errors.BadRequest(
                "x-tallygate-tags must look like feature=search,env=prod: up to 20 pairs of short words.",
                code="invalid_tags",
            )
        return tags


def _too_large(most: int) -> errors.TooLarge:
    return errors.TooLarge(f"The body is larger than {most // (1024 * 1024)} MiB.")
