"""What is told of a vendor that cannot be reached: what it was and where, never the path or a secret."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from proxy.adapters.base import ErrorClass, VendorError, VendorRequest
from proxy.upstream import Upstream
from tests.proxy import values

SECRET = "AIzaSecretInTheQuery"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def failing(base_url: str) -> VendorError:
    upstream = Upstream()
    await upstream.start()
    request = VendorRequest(url=f"{base_url}/v1/models?key={SECRET}", headers={}, body=b"{}")
    try:
        with pytest.raises(VendorError) as caught:
            async with upstream.send(request, values.provider()) as response:
                await response.body()
    finally:
        await upstream.stop()
    error = caught.value
    assert error.error_class is ErrorClass.TRANSPORT
    assert SECRET not in error.detail + error.message
    assert "/v1" not in error.detail
    return error


@contextlib.asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[int]:
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


async def test_a_closed_port_is_told_with_its_errno() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        error = await failing(f"http://127.0.0.1:{port}")

    assert (error.code, error.sent) == ("connect_failed", False)
    assert error.detail == f"ClientConnectorError ECONNREFUSED at 127.0.0.1:{port}"


async def test_a_name_that_nobody_has_is_told_as_such() -> None:
    error = await failing("https://nowhere.invalid")

    assert (error.code, error.sent) == ("connect_failed", False)
    assert error.detail.startswith("ClientConnectorDNSError EAI_")
    assert error.detail.endswith(" at nowhere.invalid:443")


async def test_a_port_that_speaks_no_tls_is_told_as_such() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with server(plain) as port:
        error = await failing(f"https://127.0.0.1:{port}")

    assert (error.code, error.sent) == ("connect_failed", False)
    assert error.detail.startswith("ClientConnectorSSLError ")
    assert error.detail.endswith(f" at 127.0.0.1:{port}")


async def test_a_connection_that_is_closed_without_an_answer() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with server(hang_up) as port:
        error = await failing(f"http://127.0.0.1:{port}")

    assert (error.code, error.sent) == ("connection_lost", True)
    assert error.detail == f"ServerDisconnectedError at 127.0.0.1:{port}"


async def test_an_answer_that_breaks_off() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    async with server(half) as port:
        error = await failing(f"http://127.0.0.1:{port}")

    assert (error.code, error.sent) == ("connection_lost", True)
    assert error.detail == f"ClientPayloadError at 127.0.0.1:{port}"
