"""The only module that opens sockets to vendors: one pooled aiohttp session per worker.

Everything that can go wrong on the way is raised as VendorError (TRANSPORT), with ``sent`` telling whether
the vendor may have seen the request.
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp

from catalog.snapshot import ProviderRow, Timeouts
from proxy.adapters.base import ErrorClass, VendorError, VendorRequest

OUR_OWN_SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS})
MAX_ANSWER_BYTES = 64 * 1024 * 1024


# Of the request that is being sent: what starts the wait for its answer, once it has a connection.
_connected: ContextVar[Callable[[], None] | None] = ContextVar("connected", default=None)


class Connector(aiohttp.TCPConnector):
    """Tells when a request has its connection: connecting and answering are waited for separately."""

    async def connect(self, *arguments: Any, **named: Any) -> Any:
        connection = await super().connect(*arguments, **named)
        if (begin_waiting := _connected.get()) is not None:
            begin_waiting()
        return connection


class UpstreamResponse:
    """A vendor's answer whose headers have come; the body is read with the provider's idle timeout."""

    def __init__(self, response: aiohttp.ClientResponse, *, idle_timeout: float) -> None:
        self._response = response
        self._idle = idle_timeout
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def body(self) -> bytes:
        """The whole body. Raises VendorError when it stalls, breaks off or is too large."""
        pieces = [piece async for piece in self.pieces()]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises VendorError when it stalls, breaks off or is too large."""
        content = self._response.content
        size = 0
        while True:
            try:
                async with asyncio.timeout(self._idle):
                    piece = await content.readany()
            except TimeoutError as error:
                raise _transport("the vendor stopped sending", code="idle_timeout") from error
            except (aiohttp.ClientError, OSError) as error:
                raise _transport("the vendor's answer broke off", code="connection_lost") from error
            if not piece:
                return
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                raise _transport("the vendor's answer is too large", code="answer_too_large")
            yield piece


class Upstream:
    """The session. ``start`` inside the worker's event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            # No limit: to wait for a connection would look like a slow vendor. Calls in flight are bounded.
            connector=Connector(limit=0, ttl_dns_cache=60, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None),  # timeouts are the provider's, kept below
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            trust_env=False,
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def send(
        self, request: VendorRequest, provider: ProviderRow, timeouts: Timeouts | None = None
    ) -> AsyncIterator[UpstreamResponse]:
        """One HTTP exchange; ``timeouts``: a model's own. Raises VendorError (TRANSPORT) when no answer comes
        in time."""
        assert self._session is not None
        first_byte = timeouts.first_byte if timeouts else provider.first_byte_timeout
        idle = timeouts.idle if timeouts else provider.idle_timeout
        assert first_byte is not None
        assert idle is not None
        response = await self._begin(
            self._session, request, connect=provider.connect_timeout, first_byte=first_byte
        )
        try:
            yield UpstreamResponse(response, idle_timeout=idle)
        finally:
            response.release()

    async def _begin(
        self, session: aiohttp.ClientSession, request: VendorRequest, *, connect: float, first_byte: float
    ) -> aiohttp.ClientResponse:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(connect + first_byte) as wait:
                _connected.set(lambda: wait.reschedule(loop.time() + first_byte))
                try:
                    return await session.request(
                        request.method,
                        request.url,
                        data=request.body,
                        headers=request.headers,
                        timeout=timeout,
                        allow_redirects=False,
                    )
                finally:  # else the task, and all that it holds, would be kept by its own context
                    _connected.set(None)
        except aiohttp.ConnectionTimeoutError as error:
            raise _transport("connecting took too long", code="connect_timeout", sent=False) from error
        except aiohttp.ClientConnectorError as error:
            if error.errno in OUR_OWN_SHORTAGE:
                raise _transport("the gateway has no sockets left", code="no_sockets", sent=False) from error
            raise _transport("the vendor could not be reached", code="connect_failed", sent=False) from error
        except TimeoutError as error:
            raise _transport("the vendor did not begin to answer", code="first_byte_timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _transport("the connection broke before the answer", code="connection_lost") from error


def _transport(message: str, *, code: str, sent: bool = True) -> VendorError:
    return VendorError(error_class=ErrorClass.TRANSPORT, message=message, code=code, sent=sent)
