"""Section A: streams, callers who leave, and usage that does not come. Each test is named after its check.

Every surface is asked, over every kind of vendor; the sandbox plays the vendors over real sockets.
"""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.live.house import House, Row, until
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, SURFACES, Streamed, Surface, streamed

pytestmark = pytest.mark.live

MODELS = ["gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash", "llama"]
PRICES = {
    "gpt-4o": ("2.50", "10.00"),
    "claude-haiku-4-5": ("1.00", "5.00"),
    "gemini-2.5-flash": ("0.30", "2.50"),
    "llama": ("0.05", "0.08"),
}
# Vendors fail here again and again on purpose: no breaker may take them for down.
CONFIGURATION = "".join(
    f"""
[[providers]]
name = "{name}"
kind = "{kind}"
base_url = "SANDBOX{version}"
[providers.policy]
breaker_failures = 1000
breaker_min_calls = 10000
"""
    for name, kind, version in (
        ("openai", "openai", "/v1"),
        ("anthropic", "anthropic", ""),
        ("gemini", "gemini", ""),
        ("local", "openai_compatible", "/v1"),
    )
)
EACH_MODEL = pytest.mark.parametrize("model", MODELS)
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)


@pytest.fixture(autouse=True)
def _invariants(house: House) -> Iterator[None]:
    """I1: every attempt that a vendor saw has one row. I3: unknown is never 0."""
    yield
    until(lambda: not house.open_holds(), seconds=15, what="no open hold")
    seen = {call["client_request_id"] for call in house.vendors.calls() if call["client_request_id"]}
    rows = house.sql(
        "SELECT request_id || '-' || attempt AS id, count(*) AS n FROM metering_costentry"
        " WHERE request_id || '-' || attempt = ANY (%s) AND kind = 'attempt' AND part = 0 GROUP BY 1",
        list(seen),
    )
    assert {row["id"]: row["n"] for row in rows} == dict.fromkeys(seen, 1)
    assert (
        house.sql(
            "SELECT id FROM metering_costentry WHERE cost = 0 AND usage_source = 'unknown' AND status = 200"
        )
        == []
    )


@contextmanager
def a_caller(
    house: House, surface: Surface, model: str, *, stream: bool, **fields: Any
) -> Iterator[socket.socket]:
    """A caller on a socket of its own, who leaves at the end of the block without a goodbye."""
    body = json.dumps(surface.body(model, "hello", stream=stream, **fields)).encode()
    head = (
        f"POST {surface.path} HTTP/1.1\r\nHost: tallygate\r\nAuthorization: Bearer {house.key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", house.port), timeout=10) as caller:
        caller.sendall(head.encode() + body)
        yield caller


def read_until(caller: socket.socket, text: bytes, *, times: int = 1) -> str:
    """Read until ``text`` came so often; returns the request id."""
    seen = b""
    while seen.count(text) < times:
        piece = caller.recv(65_536)
        assert piece, seen
        seen += piece
    [line] = [line for line in seen.split(b"\r\n") if line.lower().startswith(b"x-request-id: ")]
    return line.partition(b": ")[2].decode()


def price_of(model: str, row: Row) -> Decimal:
    """The price of the usage columns of ``row``."""
    rate_in, rate_out = (Decimal(rate) for rate in PRICES[model])
    inputs = Decimal(row["input"] + row["cache_write_5m"] + row["cache_write_1h"])
    outputs = Decimal(row["output"] + row["reasoning"])
    reads = Decimal(row["cache_read"]) * (Decimal("1.25") if model == "gpt-4o" else rate_in)
    return (inputs * rate_in + reads + outputs * rate_out) / 1_000_000


@EACH_SURFACE
@EACH_MODEL
def test_a1_a_streaming_client_that_disconnects_pays(house: House, surface: Surface, model: str) -> None:
    house.vendors.behave({"chunk_delay": 0.02, "chunks": 12, "output_tokens": 24, "reasoning_tokens": 0})

    with a_caller(house, surface, model, stream=True) as caller:
        request_id = read_until(caller, b"data: ", times=5)

    row = house.entry_soon(request_id)
    assert row["outcome"] == "client_closed"
    assert row["cost"] > 0


def test_a1_twenty_at_once(house: House) -> None:
    house.vendors.behave({"chunk_delay": 0.05, "chunks": 60, "output_tokens": 60})
    ids = []
    callers = [a_caller(house, CHAT, "gpt-4o", stream=True) for _ in range(20)]
    for caller in callers:
        ids.append(read_until(caller.__enter__(), b"data: ", times=2))
    for caller in callers:
        caller.__exit__(None, None, None)

    rows = [house.entry_soon(request_id) for request_id in ids]

    assert [(row["outcome"], row["cost"] > 0) for row in rows] == [("client_closed", True)] * 20


@EACH_SURFACE
@EACH_MODEL
def test_a2_the_bill_is_the_full_generation_and_not_what_the_client_drained(
    house: House, surface: Surface, model: str
) -> None:
    house.vendors.behave(
        {"chunk_delay": 0.02, "chunks": 12, "input_tokens": 25, "output_tokens": 4000, "reasoning_tokens": 0}
    )

    with a_caller(house, surface, model, stream=True, **_ceiling(surface, 8000)) as caller:
        request_id = read_until(caller, b"data: ", times=2)

    row = house.entry_soon(request_id)
    assert (row["usage_source"], row["input"], row["output"]) == ("drained", 25, 4000)
    assert row["cost"] == price_of(model, row)


def _ceiling(surface: Surface, tokens: int) -> Row:
    return {"messages": {"max_tokens": tokens}, "responses": {"max_output_tokens": tokens}}.get(
        surface.name, {}
    )


@EACH_MODEL
def test_a3_the_cost_is_the_price_of_the_rows_own_usage(house: House, model: str) -> None:
    """Neither a placeholder of the first event nor a stamp from before the usage was recovered is priced."""
    house.vendors.behave({"chunk_delay": 0.02, "chunks": 12, "output_tokens": 50, "reasoning_tokens": 7})
    with a_caller(house, CHAT, model, stream=True) as caller:
        left = house.entry_soon(read_until(caller, b"data: ", times=2))
    stayed = house.entry(streamed(house, CHAT, CHAT.body(model)).request_id)

    for row in (left, stayed):
        assert row["output"] > 1
        assert row["cost"] == price_of(model, row)


@EACH_SURFACE
@EACH_MODEL
def test_a4_a_plain_call_whose_client_gave_up_is_booked_in_full(
    house: House, surface: Surface, model: str
) -> None:
    house.vendors.behave({"latency": 0.3, "input_tokens": 7, "output_tokens": 24, "reasoning_tokens": 0})

    with a_caller(house, surface, model, stream=False):
        until(house.vendors.calls, seconds=5, what="the vendor sees the call")

    [call] = house.vendors.calls()
    row = house.entry_soon(call["client_request_id"][:36])
    assert (row["input"], row["output"], row["usage_source"]) == (7, 24, "reported")
    assert row["cost"] == price_of(model, row)


@EACH_MODEL
def test_a5_a_client_that_leaves_after_the_finish_reason_still_pays(house: House, model: str) -> None:
    """The usage chunk and [DONE] are still to come: the finish reason is the last thing it reads."""
    house.vendors.behave({"chunk_delay": 0.02, "chunks": 3, "output_tokens": 24, "reasoning_tokens": 0})

    with a_caller(house, CHAT, model, stream=True) as caller:
        request_id = read_until(caller, b'"finish_reason":"stop"')

    row = house.entry_soon(request_id)
    assert row["output"] == 24
    assert row["cost"] == price_of(model, row) > 0


@EACH_MODEL
def test_a6_an_error_inside_a_stream_without_content_costs_nothing_invented(house: House, model: str) -> None:
    """No text came, so nothing is estimated from any: not from the prompt, not from the error's words."""
    house.vendors.behave({"error_in_stream_after": 0, "no_usage": True})

    house.chat(model, "hello " * 500, stream=True)

    rows = house.sql("SELECT * FROM metering_costentry ORDER BY id DESC LIMIT 3")
    assert rows
    for row in rows[: len(house.vendors.calls())]:
        assert row["outcome"] in ("error", "cut")
        assert row["cost"] is None or row["output"] == 0
        assert not row["output"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    ("model", "zeros"),
    [
        ("gpt-4o", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
        ("llama", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
        ("claude-haiku-4-5", {"input_tokens": 0, "output_tokens": 0}),
        (
            "gemini-2.5-flash",
            {"promptTokenCount": 0, "candidatesTokenCount": 0, "thoughtsTokenCount": 0, "totalTokenCount": 0},
        ),
    ],
)
def test_a7_an_explicit_zero_is_usage(house: House, model: str, zeros: Row, stream: bool) -> None:
    house.vendors.behave({"usage": zeros, "input_tokens": 0, "output_tokens": 0, "reasoning_tokens": 0})

    if stream:
        request_id = streamed(house, CHAT, CHAT.body(model)).request_id
    else:
        request_id = house.chat(model).headers["x-request-id"]

    row = house.entry(request_id)
    assert (row["input"], row["output"], row["usage_source"]) == (0, 0, "reported")
    assert (row["cost"], row["cost_reason"]) == (Decimal(0), "")


@EACH_SURFACE
@pytest.mark.parametrize("model", ["gpt-4o", "llama"])
def test_a8_the_vendor_is_always_asked_for_stream_usage(house: House, surface: Surface, model: str) -> None:
    answer = streamed(house, surface, surface.body(model))

    [call] = house.vendors.calls()
    if call["path"].endswith("/chat/completions"):
        assert call["body"]["stream_options"]["include_usage"] is True
    row = house.entry(answer.request_id)
    assert (row["usage_source"], row["output"] > 0) == ("reported", True)


@EACH_MODEL
def test_a9_the_usage_chunk_reaches_only_who_asked(house: House, model: str) -> None:
    silent = streamed(house, CHAT, CHAT.body(model))
    asked = streamed(house, CHAT, CHAT.body(model, stream_options={"include_usage": True}))

    assert all(len(frame["choices"]) >= 1 for frame in silent.objects)
    assert [len(frame["choices"]) == 0 for frame in asked.objects].count(True) == 1
    assert asked.objects[-1]["choices"] == []
    assert asked.frames[-1].data == "[DONE]"


def test_a10_usage_is_found_wherever_the_final_chunk_has_it() -> None:
    """The five places are in tests/proxy/adapters/test_openai_*: this holds all five against one another."""
    from tests.proxy.adapters.drive import read, sse

    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    said = {**head, "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]}
    finish: Row = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    empty: Row = {**head, "choices": []}
    bare: Row = {**head, "choices": [{"index": 0, "delta": {}}]}
    less = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    places = {
        "on an empty-choices chunk": [said, finish, {**empty, "usage": usage}],
        "on a chunk with an empty delta": [said, finish, {**bare, "usage": usage}],
        "on the finish chunk": [said, {**finish, "usage": usage}],
        "on two chunks": [said, {**finish, "usage": usage}, {**empty, "usage": usage}],
        "growing on every chunk": [{**said, "usage": less}, {**finish, "usage": usage}],
    }

    found = {
        name: read("openai_compatible", sse(*chunks, "[DONE]")).state.usage for name, chunks in places.items()
    }

    assert all(found.values())
    assert {(each.input, each.output) for each in found.values() if each} == {(9, 3)}


CACHED = {
    "gpt-4o": {"prompt_tokens": 2000, "total_tokens": 2004, "prompt_tokens_details": {"cached_tokens": 1792}},
    "llama": {"prompt_tokens": 2000, "total_tokens": 2004, "prompt_tokens_details": {"cached_tokens": 1792}},
    "claude-haiku-4-5": {"input_tokens": 208, "cache_read_input_tokens": 1792},
    "gemini-2.5-flash": {"promptTokenCount": 2000, "cachedContentTokenCount": 1792},
}
COLUMNS = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning", "audio_input"]


@EACH_SURFACE
@EACH_MODEL
def test_a11_a_stream_is_booked_as_the_plain_answer_is(house: House, surface: Surface, model: str) -> None:
    house.vendors.behave({"usage": CACHED[model], "reasoning_tokens": 0})

    plain = house.http.post(surface.path, json=surface.body(model), headers=house.headers())
    flowing = streamed(house, surface, surface.body(model))

    first, second = house.entry(plain.headers["x-request-id"]), house.entry(flowing.request_id)
    columns = [*COLUMNS, "audio_output", "requests", "cost"]
    assert [first[name] for name in columns] == [second[name] for name in columns]
    assert first["cache_read"] == 1792 or surface is RESPONSES  # the sandbox's knob has chat's words


@EACH_SURFACE
@EACH_MODEL
def test_a12_every_frame_is_one_that_the_dialects_sdk_knows(
    house: House, surface: Surface, model: str
) -> None:
    answer = streamed(house, surface, surface.body(model))

    assert answer.frames
    if surface is RESPONSES and model == "gpt-4o":  # the vendor's own bytes: nothing is ours to check
        assert [frame.event for frame in answer.frames] == [event["type"] for event in answer.objects]
        return
    for frame in answer.frames:
        _check_frame(surface, frame.event, frame.data)


def _check_frame(surface: Surface, event: str, data: str) -> None:
    import pydantic
    from anthropic.types import RawMessageStreamEvent
    from openai.types.chat import ChatCompletionChunk
    from openai.types.responses import ResponseStreamEvent

    if surface is CHAT:
        if data != "[DONE]":
            chunk = ChatCompletionChunk.model_validate_json(data)
            assert chunk.object == "chat.completion.chunk"
            assert set(json.loads(data)) <= set(ChatCompletionChunk.model_fields) | {"usage"}
    elif surface is MESSAGES:
        if event != "ping":
            found: Any = pydantic.TypeAdapter(RawMessageStreamEvent).validate_json(data)
            assert found.type == event
    else:
        told: Any = pydantic.TypeAdapter(ResponseStreamEvent).validate_json(data)
        assert told.type == event == json.loads(data)["type"]


@EACH_SURFACE
def test_a13_the_cost_of_a_stream_can_be_found_by_its_request_id(house: House, surface: Surface) -> None:
    """Headers are sent before the cost is known, and an extra field would break strict clients (A12): so the
    stream's request id leads to the ledger's row, whose cost is what a plain answer's header says."""
    plain = house.http.post(surface.path, json=surface.body("llama"), headers=house.headers())
    answer = streamed(house, surface, surface.body("llama"))

    cost = house.entry(answer.request_id)["cost"]
    assert f"{cost.normalize():f}" == plain.headers["x-tallygate-cost-usd"]


@EACH_SURFACE
@EACH_MODEL
@pytest.mark.parametrize("rule", [{"cut_after": 3}], ids=["cut"])
def test_a14_a_truncated_stream_ends_with_an_error_and_not_as_if_it_were_whole(
    house: House, surface: Surface, model: str, rule: Row
) -> None:
    house.vendors.behave({"chunks": 8, **rule})

    answer = streamed(house, surface, surface.body(model, "hello"))

    assert surface.text_in(answer)
    assert not surface.is_whole(answer)
    assert surface.error_in(answer) is not None
    row = house.entry(answer.request_id)
    assert (row["outcome"], row["error_class"], row["usage_source"]) == ("cut", "transport", "estimated")


@EACH_SURFACE
@EACH_MODEL
def test_a15_an_error_inside_a_200_stream_is_an_error_everywhere(
    house: House, surface: Surface, model: str
) -> None:
    house.vendors.behave({"chunks": 8, "error_in_stream_after": 3})

    answer = streamed(house, surface, surface.body(model, "hello"))

    assert answer.status == 200
    assert not surface.is_whole(answer)
    error = surface.error_in(answer)
    assert error is not None
    row = house.entry(answer.request_id)
    assert row["outcome"] == "cut"
    assert row["error_class"] not in ("", "caller")
    assert row["cost"] > 0


@EACH_SURFACE
@EACH_MODEL
def test_a15_a_model_that_writes_about_errors_has_not_failed(
    house: House, surface: Surface, model: str
) -> None:
    text = 'data: {"error": "overloaded_error"}\n\nevent: error\n\n'
    house.vendors.behave({"text": text})

    answer = streamed(house, surface, surface.body(model))

    assert (surface.text_in(answer), surface.is_whole(answer)) == (text, True)
    assert house.entry(answer.request_id)["outcome"] == "ok"


@EACH_MODEL
def test_a16_an_anthropic_client_gets_its_input_tokens(house: House, model: str) -> None:
    import anthropic

    house.vendors.behave({"input_tokens": 321, "output_tokens": 4, "reasoning_tokens": 0})
    with anthropic.Anthropic(api_key=house.key, base_url=house.url, max_retries=0) as client:
        asked: Any = [{"role": "user", "content": "hello"}]
        with client.messages.stream(model=model, max_tokens=100, messages=asked) as events:
            final = events.get_final_message()

    assert final.usage.input_tokens == 321
    assert final.usage.output_tokens == 4


def test_heartbeats_reach_a_caller_who_waits_long(house: House) -> None:
    """A vendor that thinks for long sends comments or pings: they keep the caller's connection alive, and a
    failure after them can still be answered by another attempt."""
    started = time.monotonic()
    house.vendors.behave({"chunks": 3, "chunk_delay": 0.05, "heartbeat": 0.02})

    answer: Streamed = streamed(house, CHAT, CHAT.body("llama"))

    assert CHAT.is_whole(answer)
    assert answer.comments
    assert time.monotonic() - started < 10
