"""The ceiling: an ASGI program that forwards a call and its answer, and does nothing else.

No keys, no parsing, no ledger. What a gateway in Python gives up against it is the price of its work.
Served by gunicorn with one uvicorn worker (uvloop, httptools), like the gateway.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_UPSTREAM = os.environ.get("BENCH_UPSTREAM", "")
_state: dict[str, aiohttp.ClientSession] = {}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await _forward(scope, receive, send)


async def _forward(scope: Message, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {"content-type": "application/json", "authorization": "Bearer upstream"}
    async with _state["session"].post(_UPSTREAM + scope["path"], data=body, headers=headers) as answer:
        kept = [
            (name.lower(), value)
            for name, value in answer.raw_headers
            if name.lower() in (b"content-type", b"content-length")
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": kept})
        if answer.content_length is not None:
            await send({"type": "http.response.body", "body": await answer.read()})
            return
        async for chunk in answer.content.iter_any():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _state["session"] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
            await send({"type": "lifespan.startup.complete"})
        else:
            await _state["session"].close()
            await send({"type": "lifespan.shutdown.complete"})
            return
