"""How a stream is written: line ends, splits, heartbeats, and the deltas of tool calls."""

import json
import time
from typing import Any

import httpx2
import pytest

from tests.proxy.sandbox import raw
from tests.proxy.sandbox.clients import VENDORS, Sdks

NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}}}
NONE: dict[str, Any] = {"type": "object", "properties": {}}
every_vendor = pytest.mark.parametrize("vendor", VENDORS)
# What keeps a connection alive.
BEATS = {"openai": ": keep-alive", "anthropic": "event: ping"}


def stream_of_calls(http: httpx2.Client, wire: str, schema: Any, knobs: dict[str, str]) -> list[Any]:
    """The events of a stream that calls two tools at once."""
    functions = [{"name": name, "parameters": schema} for name in ("f", "g")]
    messages = [{"role": "user", "content": "use tool f and use tool g"}]
    body: dict[str, Any] = {"model": "gpt-4o", "messages": messages, "stream": True}
    path, headers = "/v1/chat/completions", raw.KEY
    body["tools"] = [{"type": "function", "function": function} for function in functions]
    if wire == "responses":
        path = "/v1/responses"
        body["input"] = body.pop("messages")
        body["tools"] = [{"type": "function", **function} for function in functions]
    if wire == "messages":
        path, headers, _ = raw.request("anthropic", stream=True)
        body |= {"model": "claude-haiku-4-5", "max_tokens": 500}
        body["tools"] = [{"name": name, "input_schema": schema} for name in ("f", "g")]
    answer = http.post(path, headers=headers | knobs, json=body)
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def deltas(wire: str, events: list[Any]) -> list[tuple[int, str]]:
    """Which call each delta of arguments belongs to, and the delta."""
    if wire == "messages":
        found = [event for event in events if event.get("delta", {}).get("type") == "input_json_delta"]
        return [(event["index"], event["delta"]["partial_json"]) for event in found]
    if wire == "responses":
        kind = "response.function_call_arguments.delta"
        return [(event["output_index"], event["delta"]) for event in events if event["type"] == kind]
    calls = [event["choices"][0]["delta"].get("tool_calls", [{}])[0] for event in events]
    return [(call["index"], call["function"]["arguments"]) for call in calls if call and "id" not in call]


@pytest.mark.parametrize("wire", ["chat", "responses", "messages"])
@pytest.mark.parametrize(
    ("interleave", "order"),
    [("0", [0, 0, 0, 1, 1, 1]), ("1", [0, 1, 0, 1, 0, 1])],
    ids=["in order", "by turns"],
)
def test_arguments_come_in_pieces(http: httpx2.Client, wire: str, interleave: str, order: list[int]) -> None:
    knobs = {"x-sandbox-interleave": interleave, "x-sandbox-argument-chunks": "3"}
    found = [delta for delta in deltas(wire, stream_of_calls(http, wire, NUMBERS, knobs)) if delta[1]]

    assert [index for index, _ in found] == order
    for call in (0, 1):
        assert "".join(piece for index, piece in found if index == call) == '{"a":1}'


@pytest.mark.parametrize(
    ("wire", "knob", "pieces"),
    [
        ("chat", None, ["{", "}"]),
        ("chat", "braces", ["{", "}"]),
        ("chat", "empty", []),
        ("chat", "omit", []),
        ("responses", None, ["{", "}"]),
        ("responses", "empty", []),
        ("messages", None, [""]),
        ("messages", "empty", [""]),
        ("messages", "braces", ["", "{}"]),
        ("messages", "omit", []),
    ],
)
def test_a_call_without_arguments(
    http: httpx2.Client, wire: str, knob: str | None, pieces: list[str]
) -> None:
    knobs = {"x-sandbox-no-arguments": knob} if knob else {}
    found = deltas(wire, stream_of_calls(http, wire, NONE, knobs))

    assert [piece for index, piece in found if index == 0] == pieces


@pytest.mark.parametrize(
    ("knob", "function"), [("empty", {"name": "f", "arguments": ""}), ("omit", {"name": "f"})]
)
def test_a_whole_call_without_arguments(http: httpx2.Client, knob: str, function: dict[str, str]) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": NONE}}]
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "use tool f"}], "tools": tools}
    answer = http.post("/v1/chat/completions", headers=raw.KEY | {"x-sandbox-no-arguments": knob}, json=asked)

    assert answer.json()["choices"][0]["message"]["tool_calls"][0]["function"] == function


@every_vendor
def test_lines_end_with_carriage_returns(http: httpx2.Client, sdks: Sdks, vendor: str) -> None:
    answer = raw.post(http, vendor, {"x-sandbox-crlf": "1"}, stream=True)

    assert answer.content.count(b"\n") == answer.content.count(b"\r\n") > 0
    heard = sdks.ask(vendor, "Grüße.", stream=True, headers={"x-sandbox-crlf": "1"})
    assert heard.text == "The sandbox was asked: Grüße."


@every_vendor
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_body_is_split_anywhere(sdks: Sdks, vendor: str, stream: bool) -> None:
    heard = sdks.ask(vendor, "Grüße 🌍.", stream=stream, headers={"x-sandbox-split-bytes": "1"})

    assert heard.text == "The sandbox was asked: Grüße 🌍."


def test_a_split_body_leaves_in_pieces(http: httpx2.Client) -> None:
    path, headers, body = raw.request("openai", stream=True)
    knobs = {"x-sandbox-split-bytes": "7"}
    with http.stream("POST", path, headers=headers | knobs, json=body) as answer:
        sizes = [len(piece) for piece in answer.iter_raw()]

    assert max(sizes) < 200  # an event is longer
    assert len(sizes) > 10


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_signs_of_life_between_chunks(http: httpx2.Client, vendor: str) -> None:
    knobs = {"x-sandbox-chunks": "1", "x-sandbox-chunk-delay": "0.35", "x-sandbox-heartbeat": "0.1"}
    usual = raw.post(http, vendor, {"x-sandbox-chunks": "1"}, stream=True).text.count(BEATS[vendor])

    assert raw.post(http, vendor, knobs, stream=True).text.count(BEATS[vendor]) == usual + 3


def test_the_sdks_read_over_signs_of_life(sdks: Sdks) -> None:
    headers = {"x-sandbox-chunk-delay": "0.05", "x-sandbox-heartbeat": "0.02"}
    for vendor in VENDORS:
        assert sdks.ask(vendor, "Hi.", stream=True, headers=headers).text == "The sandbox was asked: Hi."


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_a_stalled_stream_stays_alive(base_url: str, http: httpx2.Client, vendor: str) -> None:
    path, headers, body = raw.request(vendor, stream=True)
    knobs = {"x-sandbox-stall-after": "1", "x-sandbox-heartbeat": "0.05"}
    seen = ""
    with http.stream("POST", path, headers=headers | knobs, json=body) as answer:
        for text in answer.iter_text():
            seen += text
            if seen.count(BEATS[vendor]) > 4:
                break

    deadline = time.monotonic() + 2.0
    while (call := http.get("/control/calls").json()[-1])["finished"] is None:
        assert time.monotonic() < deadline, call
        time.sleep(0.01)
    assert (call["outcome"], call["chunks_sent"]) == ("stalled", 1)
