"""A vendor that says again what was recorded: ``python -m tests.replay.upstream PORT``.

The number at the end of the requested model's id says which recording; the path must be its endpoint's, else
the answer is a 418 that no test can take for the recorded one. Streams are sent in odd-sized pieces.
"""

import itertools
import json
import re
import sys
from collections.abc import Iterator

from aiohttp import web

from tests.replay.recordings import ALL, NUMBERED, Recording

PATHS = {
    "chat": re.compile(r"/v1/chat/completions"),
    "messages": re.compile(r"/v1/messages"),
    "responses": re.compile(r"/v1/responses"),
    "embeddings": re.compile(r"/v1/embeddings|/v1(beta)?/models/[^:]+:(batchE|e)mbedContents?"),
    "count_tokens": re.compile(r"/v1/messages/count_tokens|/v1(beta)?/models/.+:countTokens"),
    "generate": re.compile(r"/v1(beta)?/models/.+:(streamG|g)enerateContent"),
}
GEMINI = re.compile(r"/v1(?:beta)?/models/(.+):\w+")
PIECES = (1, 13, 257, 3, 4099)  # bytes; each cuts through lines and characters
MOST_PIECES = 24  # then the rest at once
BY_NUMBER = {recording.number: recording for recording in ALL}


def pieces(body: bytes) -> Iterator[bytes]:
    """``body`` in odd-sized pieces."""
    start = 0
    for size in itertools.islice(itertools.cycle(PIECES), MOST_PIECES):
        yield body[start : start + size]
        start += size
        if start >= len(body):
            return
    yield body[start:]


async def answer(request: web.Request) -> web.StreamResponse:
    """The recorded answer of the model that is asked for."""
    recording = await _asked_for(request)
    if recording is None or not PATHS[recording.wire].fullmatch(request.path):
        return web.Response(status=418, text=f"nothing is recorded at {request.path} for this model")
    headers = {name: value for name, value in recording.headers.items() if name.lower() != "content-type"}
    kind = recording.headers.get("content-type")
    if not recording.streamed:
        headers["content-type"] = kind or "application/json"
        return web.Response(status=recording.status, headers=headers, body=recording.body)
    events = kind if kind and "json" not in kind else "text/event-stream"
    response = web.StreamResponse(status=recording.status, headers={**headers, "content-type": events})
    await response.prepare(request)
    for piece in pieces(recording.served):
        await response.write(piece)
    await response.write_eof()
    return response


async def _asked_for(request: web.Request) -> Recording | None:
    named = GEMINI.fullmatch(request.path)
    body = await request.read()
    model = named[1] if named else json.loads(body).get("model", "")
    number = NUMBERED.search(model)
    return BY_NUMBER.get(int(number[1])) if number else None


async def ready(_: web.Request) -> web.Response:
    return web.Response(text="ready")


def main(port: int) -> None:
    app = web.Application(client_max_size=2**26)
    app.router.add_get("/ready", ready)
    app.router.add_post("/{path:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
