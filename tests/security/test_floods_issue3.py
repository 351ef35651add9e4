"""What a caller or a vendor can send so that a worker, which serves everybody, has no time for others."""

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from metering.bookkeeping import MOST_MODELS
from metering.usage import OTHER_MODEL, Usage
from proxy import envelopes
from proxy.adapters import faults
from proxy.adapters.anthropic import bill
from proxy.adapters.base import ErrorClass, InvalidField, VendorError
from proxy.adapters.openai.chat import chunks
from proxy.adapters.registry import adapter_for
from proxy.dialects import sizes
from proxy.dialects.registry import CHAT, MESSAGES, RESPONSES
from proxy.interchange.dialect import Call, Dialect
from proxy.job import Served
from proxy.sse import SSEDecoder
from proxy.streamed import is_heartbeat
from tests.live.house import House
from tests.proxy.adapters.drive import target

KEY = "canaryKEYofTheGateway0123456789"


def is_linear(work: Callable[[int], object], size: int) -> bool:
    """Whether four times the size takes about four times as long; a square would take sixteen."""
    return fastest(work, 4 * size) < 9 * fastest(work, size)


def fastest(work: Callable[[int], object], size: int) -> float:
    """Seconds of this process's time, the least of three runs."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work(size)
        taken.append(time.process_time() - began)
    return min(taken)


def said(size: int) -> tuple[Dialect, dict[str, Any]]:
    return CHAT, {"model": "m", "messages": [{"role": "user", "content": "x"}] * size}


def results(size: int) -> tuple[Dialect, dict[str, Any]]:
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": f"c{n}", "type": "function", "function": function} for n in range(size)]
    answers = [{"role": "tool", "tool_call_id": f"c{n}", "content": "x"} for n in range(size)]
    asked = [{"role": "user", "content": "x"}, {"role": "assistant", "content": None, "tool_calls": calls}]
    return CHAT, {"model": "m", "messages": [*asked, *answers]}


def items(size: int) -> tuple[Dialect, dict[str, Any]]:
    calls = [
        {"type": "function_call", "call_id": f"c{n}", "name": "f", "arguments": "{}"} for n in range(size)
    ]
    outputs = [{"type": "function_call_output", "call_id": f"c{n}", "output": "x"} for n in range(size)]
    return RESPONSES, {"model": "m", "input": [{"role": "user", "content": "x"}, *calls, *outputs]}


def blocks(size: int) -> tuple[Dialect, dict[str, Any]]:
    asked = [{"role": "user", "content": [{"type": "text", "text": "x"}] * size}]
    return MESSAGES, {"model": "m", "max_tokens": 5, "messages": asked}


def call_of(made: tuple[Dialect, dict[str, Any]]) -> Call:
    dialect, body = made
    return dialect.parse(json.dumps(body).encode(), {}).call


@pytest.mark.parametrize("made", [said, results, items])
def test_long_conversations_are_translated_in_linear_time(
    made: Callable[[int], tuple[Dialect, dict[str, Any]]],
) -> None:
    calls = {size: call_of(made(size)) for size in (1_500, 6_000)}

    def translate(size: int) -> object:
        call = calls[size]
        return call.dialect.conversation_from(call.body), adapter_for("anthropic").request_for(call, there)

    there = target("anthropic")
    assert is_linear(translate, 1_500)


@pytest.mark.parametrize(
    ("made", "most", "field"),
    [
        pytest.param(said, sizes.MOST, "messages", id="messages"),
        pytest.param(results, 9_999, "messages", id="calls and results"),
        pytest.param(items, 9_999, "input", id="items"),
        pytest.param(blocks, 19_999, "messages", id="parts"),
    ],
)
def test_more_than_can_be_translated_is_the_callers_fault(
    made: Callable[[int], tuple[Dialect, dict[str, Any]]], most: int, field: str
) -> None:
    dialect, body = made(most)
    assert dialect.conversation_from(body).turns
    with pytest.raises(InvalidField) as raised:
        dialect.conversation_from(made(most + 1)[1])
    assert (raised.value.field, "20,000" in raised.value.reason) == (field, True)


def test_the_blocks_of_documents_count_and_a_tools_arguments_do_not() -> None:
    block = {"type": "text", "text": "x"}
    document = {"type": "document", "source": {"type": "content", "content": [block] * sizes.MOST}}
    with pytest.raises(InvalidField, match="messages"):
        sizes.check({"messages": [{"role": "user", "content": [document]}]})

    use = {"type": "tool_use", "id": "a", "name": "f", "input": {"rows": [1] * (2 * sizes.MOST)}}
    sizes.check({"messages": [{"role": "assistant", "content": [use]}]})


@pytest.mark.parametrize("word", ["a", "*", "a*", "**a", "sk-", "sk-a ", "key provided: .", "<title"])
def test_a_vendors_message_is_masked_in_linear_time_and_only_as_far_as_it_is_read(word: str) -> None:
    masked = {size: [word * (size // len(word))] * 40 for size in (2_000, 8_000)}
    assert is_linear(lambda size: [faults.mask(each) for each in masked[size]], 2_000)
    assert len(faults.mask(word * 100_000)) <= 8_000


@pytest.mark.parametrize("start", [b"<title", b"<title>", b"<title>a</title", b"x<"])
def test_a_page_is_read_in_linear_time(start: bytes) -> None:
    pages = {size: start * (size // len(start)) for size in (5_000, 20_000)}
    assert is_linear(lambda size: [faults.facts_from(500, pages[size]) for _ in range(20)], 5_000)


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        ("the key abc***xyz is wrong", "the key [key] is wrong"),
        ("a**b***c***d, ****e", "a**[key], [key]"),
        ("**bold** and ---***", "**bold** and [key]"),
    ],
)
def test_half_hidden_keys_are_masked(quoted: str, shown: str) -> None:
    assert faults.mask(quoted) == shown


def vendors_error(message: str) -> VendorError:
    body = json.dumps({"error": {"message": message}}).encode()
    return adapter_for("openai").error_from(400, {"x-ratelimit-reset": f"at {KEY}"}, body)


@pytest.mark.parametrize("before", [0, 1_980, 1_999, 6_990, 7_980])
def test_no_half_of_our_key_stands_where_a_message_is_cut(before: int) -> None:
    error = vendors_error("y" * before + KEY + " y" * 5_000)
    error.scrub(KEY)
    assert (KEY[:8] in error.message, len(error.message)) == (False, 2_000)


def test_no_half_of_our_key_stands_where_a_page_is_cut() -> None:
    error = adapter_for("openai").error_from(500, {}, ("q " * 240 + KEY + " q" * 5_000).encode())
    error.scrub(KEY)
    assert (KEY[:8] in error.message, "***" in error.message) == (False, True)


def test_our_key_is_taken_out_of_a_vendors_headers() -> None:
    error = vendors_error("no")
    error.scrub(KEY)
    assert error.headers == {"x-ratelimit-reset": "at ***"}
    assert faults.passed_on({"Request-Id": KEY}, secret=KEY) == {"request-id": "***"}


@pytest.mark.parametrize("value", ["a\x0bb", "a\r\nset-cookie: b", "a\x00", "\x7f", "\u2028", "x" * 501])
def test_a_vendors_header_that_cannot_be_sent_is_left_out(value: str) -> None:
    given = {"x-ratelimit-a": value, "x-ratelimit-b": "7 \xe9"}
    kept = (b"x-ratelimit-b", b"7 \xe9")

    answer = envelopes.served_headers(Served(model="v/m", attempts=1, headers=given, dropped=(value,)))
    error = VendorError(error_class=ErrorClass.CALLER, message="", upstream_id=value, headers=given)

    assert envelopes.headers(envelopes.call_error(error)) == [kept, (b"x-should-retry", b"false")]
    assert answer[2][0] == b"x-tallygate-dropped"
    assert all(0x20 <= byte < 0x7F for byte in answer[2][1])
    assert answer[3:] == [kept]


def test_nesting_that_only_the_writing_of_a_body_finds_is_the_callers_fault() -> None:
    told = envelopes.call_error(RecursionError())
    assert (told.status, told.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("frame", "silent"),
    [
        (b": x\n\n", True),
        (b": x\r\n: y\r\n\r\n", True),
        (b"event: ping\ndata: {}\n\n", True),
        (b": x\ndata: {}\n\n", False),
        (b"data: {}\n\n", False),
    ],
)
def test_a_heartbeat_says_nothing(frame: bytes, silent: bool) -> None:
    assert is_heartbeat(frame) is silent


def test_comments_bring_no_other_lines_with_them() -> None:
    [event] = SSEDecoder().feed(b": a\r\nretry: 99999999\r\nid: 7\r\nevent: message_stop\r\n: b\r\n\r\n")
    assert (event.is_comment, event.event, event.raw) == (True, "", b": a\n: b\n\n")


def test_a_large_event_with_lone_carriage_returns_costs_one_pass() -> None:
    def read(size: int) -> None:
        decoder = SSEDecoder()
        for _ in range(size):
            decoder.feed(b"a\rdata: " * 128)

    assert is_linear(read, 200)


def event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def read(kind: str, events: list[bytes]) -> Any:
    reader = adapter_for(kind).chunks_from(call_of(said(1)), target(kind))
    for each in events:
        reader.feed(each)
    return reader


def executed(number: int, kinds: int) -> bytes:
    delta = {"content": "a", "executed_tools": [{"type": f"search{number % kinds}"}]}
    return event({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]})


def test_executed_tools_are_noted_once_a_kind() -> None:
    reader = read("openai_compatible", [executed(n, 2) for n in range(500)])
    assert reader.state.flags == ("unpriced:search0", "unpriced:search1")
    assert len(reader._tools) == 2


def test_of_executed_tools_only_so_many_kinds_are_told_apart() -> None:
    reader = read("openai_compatible", [executed(n, 500) for n in range(500)])
    assert len(reader.state.flags) == len(reader._tools) == chunks.MOST_KINDS


def start(message: str, model: str) -> bytes:
    usage = {"input_tokens": 1, "output_tokens": 1}
    return event({"type": "message_start", "message": {"id": message, "model": model, "usage": usage}})


def test_models_of_one_stream_are_told_apart_as_far_as_the_ledger_does() -> None:
    assert bill.MOST_MODELS == MOST_MODELS + 1

    told = read("anthropic", [start(f"{n}", f"m{n % 3}") for n in range(300)]).state
    assert len(told.parts) == 4  # the messages before by model, and the current one
    assert sum((part.usage.input for part in told.parts), 0) == 300

    many = read("anthropic", [start(f"{n}", f"m{n}") for n in range(300)]).state
    assert (many.parts, OTHER_MODEL in many.flags) == ((), True)  # the cost is unknown
    assert many.usage == Usage(input=300)


PROVIDER = """
[[providers]]
name = "{name}"
kind = "openai_compatible"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "{key}"
[providers.policy]
max_attempts = 1
[[models]]
provider = "{name}"
name = "m"
max_output_tokens = 1000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
"""
ANSWER = {
    **{"id": "c1", "object": "chat.completion", "created": 1, "model": "m"},
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Paris."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
}
CHUNKS = [
    {**ANSWER, "choices": [{"index": 0, "delta": {"content": "Paris."}, "finish_reason": None}]},
    {**ANSWER, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]
REFUSED = {"error": {"message": "no", "code": "the prompt was canaryPROMPT", "type": "t"}}
VENDORS: dict[str, tuple[str, bytes, bytes]] = {
    "odd-headers": (
        "200 OK",
        b"x-ratelimit-a: 1\x0b2\r\nx-ratelimit-b: 7\r\nrequest-id: " + KEY.encode() + b"\r\n",
        json.dumps(ANSWER).encode(),
    ),
    "comments": (
        "200 OK",
        b"content-type: text/event-stream\r\n",
        b": x\n\n" * 100_000 + b"".join(map(event, CHUNKS)) + b"data: [DONE]\n\n",
    ),
    "odd-code": ("400 Bad Request", b"content-type: application/json\r\n", json.dumps(REFUSED).encode()),
}


def vendor(status: str, headers: bytes, body: bytes) -> int:
    """The port of one that answers every request so."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
                connection.sendall(head.encode() + headers + b"\r\n" + body)

    threading.Thread(target=answer, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def flooded(house_of_module: House) -> House:
    made = (PROVIDER.format(name=name, port=vendor(*told), key=KEY) for name, told in VENDORS.items())
    house_of_module.apply("".join(made))
    house_of_module.new_key()  # every worker has read the configuration
    return house_of_module


@pytest.mark.live
class TestOverHttp:
    def test_a_billed_answer_is_not_lost_for_an_odd_header(self, flooded: House) -> None:
        answer = flooded.chat("odd-headers/m")
        assert (answer.status_code, answer.json()["choices"][0]["message"]["content"]) == (200, "Paris.")
        assert answer.headers["x-ratelimit-b"] == "7"
        assert "x-ratelimit-a" not in answer.headers

    def test_our_key_is_not_repeated_beside_a_good_answer(self, flooded: House) -> None:
        assert KEY not in str(flooded.chat("odd-headers/m").headers)

    def test_comments_before_the_first_content_are_not_kept(self, flooded: House) -> None:
        body = flooded.body("comments/m", "x", stream=True)
        answer = flooded.post(body)
        assert (answer.text.count(": x\n\n"), "Paris." in answer.text) == (1, True)
        assert answer.text.endswith("data: [DONE]\n\n")

    def test_the_log_holds_no_sentence_for_a_code(self, flooded: House) -> None:
        assert flooded.chat("odd-code/m").status_code == 400
        assert flooded.server is not None
        assert "canaryPROMPT" not in flooded.server.output

    @pytest.mark.parametrize("depth", [300, 450])
    @pytest.mark.parametrize(
        ("path", "model", "field"),
        [
            ("/v1/messages/count_tokens", "claude-haiku-4-5", "messages"),
            ("/v1/responses", "gpt-5.1", "input"),
        ],
    )
    def test_nesting_is_refused_wherever_it_is_found(
        self, flooded: House, path: str, model: str, field: str, depth: int
    ) -> None:
        block = '{"type":"tool_result","tool_use_id":"a__sig_","content":['
        nested = block * depth + '{"type":"text","text":"a"}' + "]}" * depth
        body = f'{{"model":"{model}","{field}":[{{"role":"user","content":[{nested}]}}]}}'
        answer = flooded.http.post(path, content=body.encode(), headers=flooded.headers(""))
        assert answer.status_code == 400, answer.text
        assert flooded.server is not None
        assert "Traceback" not in flooded.server.output
