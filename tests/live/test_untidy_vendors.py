"""Vendors that say everything and then do not close their connection as they should."""

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.live.house import House
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, Surface, streamed

pytestmark = pytest.mark.live

PROVIDER = """
[[providers]]
name = "{name}"
kind = "{kind}"
base_url = "http://127.0.0.1:{port}{version}"
api_key = "of-the-gateway"
[providers.policy]
idle_timeout = 20.0
max_attempts = 1
[[models]]
provider = "{name}"
name = "{model}"
max_output_tokens = 1000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
"""


def event(body: Any, name: str = "") -> bytes:
    named = f"event: {name}\n" if name else ""
    return f"{named}data: {body if isinstance(body, str) else json.dumps(body)}\n\n".encode()


def chat() -> bytes:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    said = {"index": 0, "delta": {"role": "assistant", "content": "Paris."}, "finish_reason": None}
    finish = {"index": 0, "delta": {}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    return (
        event({**head, "choices": [said]})
        + event({**head, "choices": [finish]})
        + event({**head, "choices": [], "usage": usage})
        + event("[DONE]")
    )


def messages() -> bytes:
    message = {
        **{"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []},
        **{"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}},
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Paris."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    return b"".join(event(each, each["type"]) for each in events)


def gemini() -> bytes:
    candidate = {"content": {"parts": [{"text": "Paris."}], "role": "model"}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 12}
    return event({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"})


@dataclass(frozen=True)
class Vendor:
    """A server that answers every request with ``body``, chunked and without the last chunk, and then either
    breaks the connection or keeps it open."""

    body: bytes
    breaks: bool

    def serve(self) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            connection.recv(65_536)
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            connection.sendall(head + f"{len(self.body):x}\r\n".encode() + self.body + b"\r\n")
            if not self.breaks:
                connection.settimeout(60)
                connection.recv(1)  # until the gateway closes


VENDORS: dict[str, tuple[str, str, Callable[[], bytes], Surface]] = {
    "chat": ("openai_compatible", "/v1", chat, CHAT),
    "chat for messages": ("openai_compatible", "/v1", chat, MESSAGES),
    "messages": ("anthropic", "", messages, MESSAGES),
    "messages for responses": ("anthropic", "", messages, RESPONSES),
    "gemini": ("gemini", "", gemini, CHAT),
}


@pytest.fixture(scope="module")
def untidy(house_of_module: House) -> dict[tuple[str, bool], str]:
    """Model names by vendor and whether it breaks the connection."""
    names, toml = {}, ""
    for number, (vendor, (kind, version, body, _)) in enumerate(VENDORS.items()):
        for breaks in (True, False):
            name = f"untidy-{number}-{'breaks' if breaks else 'stays'}"
            port = Vendor(body(), breaks).serve()
            model = "gemini-2.5-flash" if kind == "gemini" else "m"
            toml += PROVIDER.format(name=name, kind=kind, port=port, version=version, model=model)
            names[vendor, breaks] = f"{name}/{model}"
    house_of_module.apply(toml)
    house_of_module.new_key()  # every worker has read what was applied
    return names


@pytest.mark.parametrize("breaks", [True, False], ids=["breaks", "stays open"])
@pytest.mark.parametrize("vendor", [name for name in VENDORS if name != "gemini"])
def test_a_whole_answer_is_whole(
    house: House, untidy: dict[tuple[str, bool], str], vendor: str, breaks: bool
) -> None:
    surface = VENDORS[vendor][3]

    answer = streamed(house, surface, surface.body(untidy[vendor, breaks], "hello"))

    assert (surface.text_in(answer), surface.is_whole(answer)) == ("Paris.", True)
    entry = house.entry(answer.request_id)
    assert (entry["outcome"], entry["usage_source"]) == ("ok", "reported")
    assert (entry["input"], entry["output"]) == (10, 2)


def test_gemini_has_no_last_word_but_its_finish_stands(
    house: House, untidy: dict[tuple[str, bool], str]
) -> None:
    answer = streamed(house, CHAT, CHAT.body(untidy["gemini", True], "hello"))

    assert (CHAT.text_in(answer), CHAT.is_whole(answer)) == ("Paris.", True)
    assert house.entry(answer.request_id)["usage_source"] == "reported"


def test_a_connection_that_breaks_before_the_finish_is_an_error(house: House) -> None:
    """The whole answer is what makes the difference, not the text."""
    port = Vendor(chat().split(b"data: ", 2)[0] + b"data: " + chat().split(b"data: ")[1], breaks=True).serve()
    house.apply(
        PROVIDER.format(name="cut-short", kind="openai_compatible", port=port, version="/v1", model="m")
    )
    house.new_key()

    answer = streamed(house, CHAT, CHAT.body("cut-short/m", "hello"))

    assert not CHAT.is_whole(answer)
    assert CHAT.error_in(answer) is not None
    assert house.entry(answer.request_id)["outcome"] == "cut"
