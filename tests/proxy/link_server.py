"""Servers that links lead to, on loopback addresses, and a name server whose answers a test writes."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from catalog.guard import open_networks
from proxy.links.fetching import LINK_SECONDS, MAX_WORKER_FETCHES, Links

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Names(AbstractResolver):
    """For each name the addresses of its first, second, ... lookup; the last answer stays."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = {name.replace("_", "."): lookups for name, lookups in answers.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host not in self._answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        lookups = self._answers[host]
        addresses = lookups.pop(0) if len(lookups) > 1 else lookups[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def links_to(
    *networks: str,
    names: AbstractResolver | None = None,
    seconds: float = LINK_SECONDS,
    most_fetches: int = MAX_WORKER_FETCHES,
) -> AsyncIterator[Links]:
    """A fetcher for public addresses and these networks."""
    links = Links(opened=open_networks(networks), resolver=names, seconds=seconds, most_fetches=most_fetches)
    await links.start()
    try:
        yield links
    finally:
        await links.stop()


@asynccontextmanager
async def serving(
    handler: Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """An HTTP server; yields its port."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0, ssl_context=tls)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[int]:
    """A server of raw bytes, which are sent after the request's head came; yields its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        except ConnectionError:
            pass  # the fetcher has gone, as it should
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def page(body: bytes = PNG, *, status: int = 200, **headers: str) -> Handler:
    """The same answer for every request; header names with ``_`` for ``-``."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=body, status=status, headers=named)

    return answer


class Pages:
    """Answers by path; remembers what was asked for."""

    def __init__(self, answers: dict[str, Handler] | None = None) -> None:
        self._answers = answers or {}
        self.asked: list[str] = []

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.path)
        return await self._answers.get(request.path, page())(request)


def redirect(to: str, status: int = 302) -> Handler:
    return page(b"", status=status, Location=to)


def unlimited(_: int) -> None:
    """For ``keep``: there is room."""
