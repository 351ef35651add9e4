"""A caller that goes away still pays for what the vendor did, and leaves no money set aside."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from tests.live.house import House, until

pytestmark = pytest.mark.live

CONFIGURATION = """
[[providers]]
name = "cutting"
kind = "openai"
base_url = "SANDBOX/@cutting/v1"
api_key = "of-the-gateway"
[providers.policy]
on_leave = "cancel"
[[models]]
provider = "cutting"
name = "m"
max_output_tokens = 1000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
"""
MODELS = {
    "gpt-4o": "openai",
    "claude-haiku-4-5": "anthropic",
    "gemini-2.5-flash": "gemini",
    "llama": "compatible",
}
OUTPUT_PRICES = {
    "gpt-4o": Decimal("10.00"),
    "claude-haiku-4-5": Decimal("5.00"),
    "gemini-2.5-flash": Decimal("2.50"),
    "llama": Decimal("0.08"),
}


@contextmanager
def a_caller(house: House, model: str, *, stream: bool) -> Iterator[socket.socket]:
    """A caller on a socket of its own, who leaves at the end of the block without a goodbye."""
    body = house.body(model, "hello", stream=stream)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: tallygate\r\nAuthorization: Bearer {house.key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", house.port), timeout=10) as caller:
        caller.sendall(head.encode() + body)
        yield caller


def read_until(caller: socket.socket, text: bytes, *, times: int = 1) -> bytes:
    seen = b""
    while seen.count(text) < times:
        piece = caller.recv(65_536)
        assert piece, seen
        seen += piece
    return seen


def request_id_in(seen: bytes) -> str:
    [line] = [line for line in seen.split(b"\r\n") if line.lower().startswith(b"x-request-id: ")]
    return line.partition(b": ")[2].decode()


@pytest.mark.parametrize("model", MODELS)
def test_mid_stream_the_rest_is_drained_for_its_usage(house: House, model: str) -> None:
    """Five callers, one after the other: none of them leaks a hold."""
    house.vendors.behave({"chunk_delay": 0.02, "chunks": 12, "output_tokens": 24, "reasoning_tokens": 0})
    ids = []
    for _ in range(5):
        with a_caller(house, model, stream=True) as caller:
            ids.append(request_id_in(read_until(caller, b"data: ", times=3)))
    for request_id in ids:
        entry = house.entry_soon(request_id)
        assert (entry["outcome"], entry["usage_source"]) == ("client_closed", "drained")
        assert entry["output"] == 24
        assert entry["cost"] >= 24 * OUTPUT_PRICES[model] / 1_000_000
    until(lambda: not house.open_holds(), seconds=5, what="no open hold")
    assert {call["outcome"] for call in house.vendors.calls()} == {"complete"}


@pytest.mark.parametrize("model", MODELS)
def test_mid_stream_what_cannot_be_drained_is_estimated(house: House, model: str) -> None:
    house.vendors.behave({"chunk_delay": 0.05, "chunks": 12, "output_tokens": 24, "cut_after": 8})
    with a_caller(house, model, stream=True) as caller:
        request_id = request_id_in(read_until(caller, b"data: ", times=3))
    entry = house.entry_soon(request_id)
    assert (entry["outcome"], entry["usage_source"]) == ("client_closed", "estimated")
    assert 0 < entry["output"] <= 24
    assert entry["cost"] > 0


def test_before_the_first_content(house: House) -> None:
    house.vendors.behave({"latency": 0.5})
    with a_caller(house, "gpt-4o", stream=True):
        until(house.vendors.calls, seconds=5, what="the vendor sees the call")
    [call] = house.vendors.calls()
    entry = house.entry_soon(call["client_request_id"][:36])
    assert entry["outcome"] == "client_closed"
    assert entry["cost"] > 0


def test_while_the_vendor_is_failing_no_further_attempt_is_made(house: House) -> None:
    """The caller of a stream left: nobody is there to retry for."""
    house.vendors.behave({"latency": 0.5, "status": 503})
    with a_caller(house, "gpt-4o", stream=True):
        until(house.vendors.calls, seconds=5, what="the vendor sees the call")
    [call] = house.vendors.calls()
    house.entry_soon(call["client_request_id"][:36])
    time.sleep(1)
    assert len(house.vendors.calls()) == 1


@pytest.mark.parametrize("model", MODELS)
def test_a_plain_call_is_booked_in_full(house: House, model: str) -> None:
    house.vendors.behave({"latency": 0.3, "input_tokens": 7, "output_tokens": 24, "reasoning_tokens": 0})
    with a_caller(house, model, stream=False):
        until(house.vendors.calls, seconds=5, what="the vendor sees the call")
    [call] = house.vendors.calls()
    entry = house.entry_soon(call["client_request_id"][:36])
    assert (entry["input"], entry["output"], entry["cost_reason"]) == (7, 24, "")
    assert entry["cost"] > 0


class TestCut:
    """A provider whose policy is to be cut when the caller leaves, at whatever moment."""

    def is_cut_off(self, house: House) -> bool:
        return house.vendors.calls()[0]["outcome"] == "client_disconnected"

    def test_a_plain_call_is_cut_and_its_cost_is_unknown(self, house: House) -> None:
        house.vendors.behave({"latency": 5.0})
        with a_caller(house, "cutting/m", stream=False):
            until(house.vendors.calls, seconds=5, what="the vendor sees the call")
        [call] = house.vendors.calls()
        entry = house.entry_soon(call["client_request_id"][:36])
        assert (entry["outcome"], entry["cost"], entry["usage_source"]) == ("client_closed", None, "unknown")
        assert entry["exposure"] > 0
        until(lambda: self.is_cut_off(house), seconds=1, what="the vendor is cut off")

    def test_a_stream_is_cut_before_its_first_byte(self, house: House) -> None:
        house.vendors.behave({"latency": 5.0})
        with a_caller(house, "cutting/m", stream=True):
            until(house.vendors.calls, seconds=5, what="the vendor sees the call")
        [call] = house.vendors.calls()
        entry = house.entry_soon(call["client_request_id"][:36])
        assert (entry["outcome"], entry["cost"], entry["usage_source"]) == ("client_closed", None, "unknown")
        until(lambda: self.is_cut_off(house), seconds=1, what="the vendor is cut off")

    def test_a_stream_is_cut_while_the_vendor_is_silent(self, house: House) -> None:
        house.vendors.behave({"chunks": 12, "stall_after": 2})
        with a_caller(house, "cutting/m", stream=True) as caller:
            request_id = request_id_in(read_until(caller, b"data: ", times=2))
        entry = house.entry_soon(request_id)
        assert (entry["outcome"], entry["usage_source"]) == ("client_closed", "estimated")
        assert entry["cost"] > 0

    def test_a_caller_who_stays_gets_the_answer(self, house: House) -> None:
        assert house.chat("cutting/m").status_code == 200
        assert house.stream("cutting/m").done


def test_while_still_sending_the_body(house: House) -> None:
    """Nothing was asked of a vendor, and the worker goes on."""
    before = house.sql("SELECT count(*) AS n FROM metering_costentry")
    with socket.create_connection(("127.0.0.1", house.port), timeout=10) as caller:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.key}\r\n"
        caller.sendall(head.encode() + b'Content-Length: 1000\r\n\r\n{"model": ')
        time.sleep(0.1)
    assert house.chat("gpt-4o").status_code == 200
    assert len(house.vendors.calls()) == 1
    assert house.sql("SELECT count(*) - 1 AS n FROM metering_costentry") == before


class TestUsageChunk:
    """The gateway always asks for the usage; the caller gets it only when asked for (A9)."""

    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize(
        "options", [None, {}, {"include_usage": False}], ids=["absent", "empty", "false"]
    )
    def test_hidden_from_a_caller_who_did_not_ask(self, house: House, model: str, options: object) -> None:
        fields = {} if options is None else {"stream_options": options}
        chunks = house.stream(model, **fields)
        assert chunks.done
        assert chunks.usages == []
        assert all(frame["choices"] for frame in chunks.frames)
        assert house.entry(chunks.request_id)["usage_source"] == "reported"

    @pytest.mark.parametrize("model", MODELS)
    def test_given_once_and_last_to_a_caller_who_asked(self, house: House, model: str) -> None:
        chunks = house.stream(model, stream_options={"include_usage": True})
        assert chunks.done
        [usage] = chunks.usages
        assert chunks.frames[-1]["usage"] == usage
        assert chunks.frames[-1]["choices"] == []
        assert all(frame["choices"] for frame in chunks.frames[:-1])
        entry = house.entry(chunks.request_id)
        assert usage["prompt_tokens"] == entry["input"] + entry["cache_read"]
        assert usage["completion_tokens"] == entry["output"] + entry["reasoning"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]

    @pytest.mark.parametrize("model", MODELS)
    def test_every_chunk_is_of_one_answer(self, house: House, model: str) -> None:
        frames = house.stream(model).frames
        assert len({json.dumps([frame["id"], frame["created"], frame["model"]]) for frame in frames}) == 1
        assert {frame["object"] for frame in frames} == {"chat.completion.chunk"}
        assert frames[0]["choices"][0]["delta"]["role"] == "assistant"
        assert [
            frame["choices"][0]["finish_reason"] for frame in frames if frame["choices"][0]["finish_reason"]
        ] == ["stop"]


def test_the_books_prove_right_after_all_this(house: House) -> None:
    house.verify()
