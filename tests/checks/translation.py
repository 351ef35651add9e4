"""One call from any dialect to any vendor's wire and back, without sockets.

What is written for a vendor is read by the sandbox as strictly as the vendor would.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from proxy.adapters.registry import adapter_for
from proxy.dialects.registry import CHAT, MESSAGES, RESPONSES
from proxy.interchange.dialect import Call, Dialect
from proxy.sandbox import anthropic_requests, gemini_requests, openai_requests
from tests.proxy.adapters.drive import DEFAULT_MODELS, chunk_in, sse, target

Json = dict[str, Any]
ANTHROPIC_VERSION = "2023-06-01"
READERS: dict[str, Callable[[Json], Any]] = {
    "openai": openai_requests.read,
    "openai_compatible": openai_requests.read,
    "anthropic": lambda body: anthropic_requests.read(body, ANTHROPIC_VERSION),
    "gemini": lambda body: gemini_requests.read(DEFAULT_MODELS["gemini"], body, stream=False),
}
KINDS = ("anthropic", "gemini", "openai", "openai_compatible")
# Every dialect with every vendor of another wire; where bytes pass the vendor judges for itself.
PAIRS = [(dialect, kind) for dialect in (CHAT, MESSAGES, RESPONSES) for kind in KINDS]
PAIRS = [
    (dialect, kind)
    for dialect, kind in PAIRS
    if (dialect, kind) != (MESSAGES, "anthropic") and not (dialect is CHAT and kind.startswith("openai"))
]
EACH_PAIR = pytest.mark.parametrize(
    ("dialect", "kind"), PAIRS, ids=[f"{dialect.name}-{kind}" for dialect, kind in PAIRS]
)
ASKED: Json = {"role": "user", "content": "hi"}
HEAD: dict[Dialect, Json] = {CHAT: {}, MESSAGES: {"max_tokens": 100}, RESPONSES: {}}


def a_call(dialect: Dialect, body: Json, *, stream: bool = False) -> Call:
    whole = {"model": "m", **HEAD[dialect], **body}
    return Call(
        dialect=dialect, body=whole, raw=json.dumps(whole).encode(), stream=stream, include_usage=True
    )


def written(dialect: Dialect, kind: str, body: Json) -> Json:
    """What the vendor is sent, which it would accept."""
    request = adapter_for(kind).request_for(a_call(dialect, body), target(kind))
    decoded: Json = json.loads(request.body)
    READERS[kind](decoded)
    return decoded


def answered(dialect: Dialect, kind: str, answer: Json) -> Json:
    """What the caller is told of a vendor's whole answer."""
    told = adapter_for(kind).response_from(
        json.dumps(answer).encode(), {}, a_call(dialect, {"messages": [], "input": "hi"}), target(kind)
    )
    decoded: Json = json.loads(told.body)
    return decoded


def streamed(dialect: Dialect, kind: str, *events: Json | str) -> list[Json]:
    """What the caller is told of a vendor's stream."""
    asked = a_call(dialect, {"messages": [], "input": "hi"}, stream=True)
    reader = adapter_for(kind).chunks_from(asked, target(kind))
    frames = reader.feed(sse(*events))
    assert reader.state.error is None
    found = [_data(frame) for frame in (*frames, *reader.close())]
    return [one for one in found if one is not None]


def _data(frame: bytes) -> Json | None:
    return chunk_in(frame[frame.index(b"data: ") :]) if b"data: " in frame else None
