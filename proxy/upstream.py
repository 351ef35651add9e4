"""The only module that opens sockets to vendors: one pooled aiohttp session per worker.

Everything that can go wrong on the way is raised as VendorError (TRANSPORT), with ``sent`` telling whether
the vendor may have seen the request.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp
from yarl import URL

from catalog.snapshot import ProviderRow, Timeouts
from proxy.adapters.base import ErrorClass, VendorError, VendorRequest

OUR_OWN_SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS})
GAI_NAMES = {
    int(getattr(socket, name)): name.removeprefix("EAI_") for name in dir(socket) if name.startswith("EAI_")
}
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


class TransportFailed(VendorError):
    """No connection, or one that broke. ``detail``: what it was and at which host, for the log."""

    def __init__(self, message: str, *, code: str, sent: bool, detail: str) -> None:
        super().__init__(error_class=ErrorClass.TRANSPORT, message=message, code=code, sent=sent)
        self.detail = detail


class UpstreamResponse:
    """A vendor's answer whose headers have come; the body is read with the provider's idle timeout."""

    def __init__(self, response: aiohttp.ClientResponse, *, idle_timeout: float) -> None:
        self._response = response
        self._where = _where(response.url)
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
                raise _transport(
                    "the vendor stopped sending", code="idle_timeout", detail=self._where
                ) from error
            except (aiohttp.ClientError, OSError) as error:
                detail = _what(error, self._where)
                raise _transport(
                    "the vendor's answer broke off", code="connection_lost", detail=detail
                ) from error
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
        where = _where(URL(request.url))
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
            raise _transport(
                "connecting took too long", code="connect_timeout", detail=where, sent=False
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise _not_connected(error, _what(error, where)) from error
        except TimeoutError as error:
            raise _transport(
                "the vendor did not begin to answer", code="first_byte_timeout", detail=where
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _transport(
                "the connection broke before the answer", code="connection_lost", detail=_what(error, where)
            ) from error


def detail_of(error: VendorError) -> str | None:
    """For the log; None: there is no more to say."""
    return error.detail or None if isinstance(error, TransportFailed) else None


def _transport(message: str, *, code: str, sent: bool = True, detail: str = "") -> TransportFailed:
    return TransportFailed(message, code=code, sent=sent, detail=detail)


def _not_connected(error: aiohttp.ClientConnectorError, detail: str) -> VendorError:
    if error.errno in OUR_OWN_SHORTAGE:
        return _transport("the gateway has no sockets left", code="no_sockets", detail=detail, sent=False)
    return _transport("the vendor could not be reached", code="connect_failed", detail=detail, sent=False)


def _where(url: URL) -> str:
    """Host and port alone: paths and queries may hold what is nobody's business, Gemini's even a key."""
    return f"{url.host}:{url.port}"


def _what(error: Exception, where: str) -> str:
    """``ClientConnectorError ECONNREFUSED at 10.0.0.7:443``: what it was, and where. No library's sentence:
    some quote the URL."""
    number: int | None = getattr(error, "errno", None)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        name = "EAI_" + GAI_NAMES.get(number or 0, str(number))
    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
        name = str(getattr(error.certificate_error, "verify_message", ""))
    elif isinstance(error, aiohttp.ClientConnectorSSLError):
        name = str(getattr(error.os_error, "reason", "") or "")
    else:
        name = errno.errorcode.get(number, "") if number is not None else ""
    return " ".join(part for part in (type(error).__name__, name, "at", where) if part)
