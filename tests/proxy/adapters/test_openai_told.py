"""Answers of chat completions for callers of Anthropic's messages: whole and streamed, they say the same."""

import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import Answer, ErrorClass, StreamState, VendorError
from proxy.adapters.openai.chat import written
from proxy.adapters.registry import adapter_for
from proxy.dialects.registry import MESSAGES
from proxy.interchange import signatures
from tests.proxy.adapters.drive import USER, call, sse, target

USAGE = {"prompt_tokens": 13, "completion_tokens": 4, "total_tokens": 17}


def answered(message: dict[str, Any], finish: str = "stop", **more: Any) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    whole = {"id": "c1", "model": "m1", "choices": [choice], "usage": USAGE, **more}
    ours = call(dialect=MESSAGES, messages=USER, max_tokens=9)
    return adapter_for("openai").response_from(json.dumps(whole).encode(), {}, ours, target("openai"))


def content_of(message: dict[str, Any], finish: str = "stop") -> Any:
    return json.loads(answered(message, finish).body)["content"]


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish, **more}
    return {"id": "c1", "model": "m1", "choices": [choice]}


ROLE = chunk({"role": "assistant", "content": ""})
LAST = {"id": "c1", "model": "m1", "choices": [], "usage": USAGE}


def stream(*chunks: dict[str, Any], step: int = 0) -> tuple[list[bytes], StreamState]:
    """The caller's frames, and the state."""
    return raw_stream(sse(ROLE, *chunks, LAST, "[DONE]"), step=step)


def raw_stream(sent: bytes, *, step: int = 0) -> tuple[list[bytes], StreamState]:
    ours = call(dialect=MESSAGES, messages=USER, max_tokens=9, stream=True)
    reader = adapter_for("openai").chunks_from(ours, target("openai"))
    pieces = [sent[at : at + step] for at in range(0, len(sent), step)] if step else [sent]
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    return frames + (reader.close() if reader.state.complete else []), reader.state


def events(frames: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(frame.partition(b"data: ")[2]) for frame in frames]


def blocks(frames: list[bytes]) -> list[dict[str, Any]]:
    """The blocks as Anthropic's clients put them together."""
    found: list[dict[str, Any]] = []
    arguments: dict[int, str] = {}
    for event in events(frames):
        if event["type"] == "content_block_start":
            assert event["index"] == len(found)
            found.append(event["content_block"])
        elif event["type"] == "content_block_delta":
            delta, block = event["delta"], found[event["index"]]
            kind = delta.pop("type").removesuffix("_delta")
            if kind == "input_json":
                arguments[event["index"]] = arguments.get(event["index"], "") + delta["partial_json"]
            elif kind == "citations":
                block.setdefault("citations", []).append(delta["citation"])
            else:
                block[kind] = block.get(kind, "") + delta[kind]
    for index, told in arguments.items():
        found[index]["input"] = json.loads(told)
    return found


def function(name: str, arguments: str) -> dict[str, str]:
    return {"name": name, "arguments": arguments}


def piece(index: int, arguments: str) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})


def begin(index: int | None, call_id: str, name: str, arguments: str = "") -> dict[str, Any]:
    began = {"id": call_id, "type": "function", "function": function(name, arguments)}
    return chunk({"tool_calls": [began if index is None else {"index": index, **began}]})


def whole_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": function(name, arguments)}


def use(call_id: str, name: str, given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def sealed(field: str) -> str:
    return signatures.sealed("openai", "", f"field={field}")


MISTRAL = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
NOTE = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
CITATION = {
    "type": "web_search_result_location",
    "url": "https://a.example",
    "title": "A",
    "cited_text": "",
    "encrypted_index": "",
}

# (whole message, the same in chunks, finish reason, what the caller reads, Anthropic's stop reason)
SAID: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str, list[dict[str, Any]], str]] = {
    "text": (
        {"content": "Hi you"},
        [chunk({"content": "Hi "}), chunk({"content": "you"})],
        "stop",
        [{"type": "text", "text": "Hi you"}],
        "end_turn",
    ),
    "nothing": ({"content": ""}, [], "stop", [], "end_turn"),
    "cut short": (
        {"content": "Once"},
        [chunk({"content": "Once"})],
        "length",
        [{"type": "text", "text": "Once"}],
        "max_tokens",
    ),
    "thinking in reasoning_content": (
        {"content": "4", "reasoning_content": "2+2"},
        [chunk({"reasoning_content": "2+"}), chunk({"reasoning_content": "2"}), chunk({"content": "4"})],
        "stop",
        [
            {"type": "thinking", "thinking": "2+2", "signature": sealed("reasoning_content")},
            {"type": "text", "text": "4"},
        ],
        "end_turn",
    ),
    "thinking in reasoning": (
        {"content": "4", "reasoning": "hm"},
        [chunk({"reasoning": "hm", "content": None}), chunk({"content": "4"})],
        "stop",
        [
            {"type": "thinking", "thinking": "hm", "signature": sealed("reasoning")},
            {"type": "text", "text": "4"},
        ],
        "end_turn",
    ),
    "thinking in parts": (
        {"content": [MISTRAL, {"type": "text", "text": "4"}]},
        [chunk({"content": [MISTRAL]}), chunk({"content": "4"})],
        "stop",
        [
            {"type": "thinking", "thinking": "hm", "signature": sealed("content")},
            {"type": "text", "text": "4"},
        ],
        "end_turn",
    ),
    "a refusal": (
        {"content": None, "refusal": "No."},
        [chunk({"refusal": "N"}), chunk({"refusal": "o."})],
        "stop",
        [{"type": "text", "text": "No."}],
        "refusal",
    ),
    "filtered": ({"content": ""}, [], "content_filter", [], "refusal"),
    "a tool call": (
        {"content": None, "tool_calls": [whole_call("a", "f", '{"x":1}')]},
        [begin(0, "a", "f"), piece(0, '{"x"'), piece(0, ":1}")],
        "tool_calls",
        [use("a", "f", {"x": 1})],
        "tool_use",
    ),
    "text and two tool calls": (
        {"content": "ok", "tool_calls": [whole_call("a", "f", "{}"), whole_call("b", "g", '{"y":2}')]},
        [chunk({"content": "ok"}), begin(0, "a", "f", "{}"), begin(1, "b", "g"), piece(1, '{"y":2}')],
        "tool_calls",
        [{"type": "text", "text": "ok"}, use("a", "f", {}), use("b", "g", {"y": 2})],
        "tool_use",
    ),
    "calls that end with stop": (
        {"content": None, "tool_calls": [whole_call("a", "f", "{}")]},
        [begin(0, "a", "f", "{}")],
        "stop",
        [use("a", "f", {})],
        "tool_use",
    ),
    "the older function call": (
        {"content": None, "function_call": function("f", "{}")},
        [chunk({"function_call": function("f", "{}")})],
        "function_call",
        [use("call_c1_0", "f", {})],
        "tool_use",
    ),
    "citations": (
        {"content": "as A says", "annotations": [NOTE]},
        [chunk({"content": "as A says"}), chunk({"annotations": [NOTE]})],
        "stop",
        [{"type": "text", "text": "as A says", "citations": [CITATION]}],
        "end_turn",
    ),
    "a vendor's own word": (
        {"content": "Hi"},
        [chunk({"content": "Hi"})],
        "eos",
        [{"type": "text", "text": "Hi"}],
        "end_turn",
    ),
    "a vendor that ran out": (
        {"content": "Hi"},
        [chunk({"content": "Hi"})],
        "insufficient_system_resource",
        [{"type": "text", "text": "Hi"}],
        "max_tokens",
    ),
}


@pytest.mark.parametrize(("message", "chunks", "finish", "expected", "stop_reason"), SAID.values(), ids=SAID)
def test_a_whole_answer(
    message: dict[str, Any],
    chunks: list[dict[str, Any]],
    finish: str,
    expected: list[dict[str, Any]],
    stop_reason: str,
) -> None:
    assert chunks is not None
    body = json.loads(answered(message, finish).body)
    assert (body["content"], body["stop_reason"]) == (expected, stop_reason)
    assert (body["id"], body["model"]) == ("c1", "m1")


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize(("message", "chunks", "finish", "expected", "stop_reason"), SAID.values(), ids=SAID)
def test_a_streamed_answer(
    message: dict[str, Any],
    chunks: list[dict[str, Any]],
    finish: str,
    expected: list[dict[str, Any]],
    stop_reason: str,
    step: int,
) -> None:
    frames, state = stream(*chunks, chunk(finish=finish), step=step)
    text = answered(message, finish)
    if "function_call" in message:
        expected = [{**expected[0], "id": "call_c1_0_0"}]
    assert blocks(frames) == expected
    told = events(frames)
    assert [event["type"] for event in told[-2:]] == ["message_delta", "message_stop"]
    assert told[-2]["delta"]["stop_reason"] == stop_reason
    assert (state.finish_reason, state.usage, state.complete) == (text.finish_reason, text.usage, True)


def test_the_books_read_a_whole_answer() -> None:
    answer = answered({"content": "Hi"}, service_tier="flex")
    assert (answer.usage, answer.raw_usage, answer.variant) == (Usage(input=13, output=4), USAGE, "flex")
    assert (answer.finish_reason, answer.text, answer.model, answer.upstream_id) == ("stop", "Hi", "m1", "c1")


def test_the_caller_reads_anthropics_counts() -> None:
    cached = {**USAGE, "prompt_tokens_details": {"cached_tokens": 3}}
    usage = json.loads(answered({"content": "Hi"}, usage=cached).body)["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (10, 3, 4)
    frames, _ = stream(chunk({"content": "Hi"}), chunk(finish="stop"))
    assert events(frames)[-2]["usage"]["input_tokens"] == 13


def test_the_first_chunk_opens_the_answer() -> None:
    ours = call(dialect=MESSAGES, messages=USER, max_tokens=9, stream=True)
    reader = adapter_for("openai").chunks_from(ours, target("openai"))
    [opening] = reader.feed(sse(ROLE))
    assert events([opening])[0]["message"]["model"] == "m1"
    assert not reader.state.content_started
    reader.feed(sse(chunk({"content": "x"})))
    assert (reader.state.content_started, reader.state.visible_chars) == (True, 1)


def test_a_comment_is_a_heartbeat() -> None:
    frames, _ = raw_stream(b": OPENROUTER PROCESSING\n\n" + sse(ROLE) + b": again\n\n")
    assert frames[0] == b": keepalive\n\n"
    assert events(frames[2:]) == [{"type": "ping"}]


TOKEN = {"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []}
LOGPROBS: dict[str, Any] = {"content": [TOKEN], "refusal": None}


def test_logprobs_and_several_choices_are_told_to_dialects_that_have_them() -> None:
    ours = call(stream=True, n=2)
    reader = written.VERBS.chunks_from(ours, target("openai"))
    first = chunk({"content": "a"}, logprobs=LOGPROBS)
    second = {
        **chunk({"content": "b"}, "length"),
        "choices": [{**chunk({"content": "b"}, "length")["choices"][0]}],
    }
    second["choices"][0]["index"] = 1
    frames = reader.feed(sse(first, second, chunk(finish="stop"), "[DONE]")) + reader.close()
    choices = [choice for frame in frames[:-1] for choice in events([frame])[0]["choices"]]
    assert [choice["logprobs"] for choice in choices if choice["logprobs"]] == [LOGPROBS]
    said = {
        choice["index"]: choice["delta"]["content"] for choice in choices if choice["delta"].get("content")
    }
    assert said == {0: "a", 1: "b"}
    ends = {choice["index"]: choice["finish_reason"] for choice in choices if choice["finish_reason"]}
    assert ends == {0: "stop", 1: "length"}


def test_logprobs_and_several_choices_are_in_the_whole_answer() -> None:
    choices = [
        {"index": 0, "message": {"content": "a"}, "finish_reason": "stop", "logprobs": LOGPROBS},
        {"index": 1, "message": {"content": "b"}, "finish_reason": "length"},
    ]
    whole = json.dumps({"id": "c1", "model": "m1", "choices": choices}).encode()
    body = json.loads(written.VERBS.response_from(whole, {}, call(n=2), target("openai")).body)
    assert [
        (choice["message"]["content"], choice["finish_reason"], choice["logprobs"])
        for choice in body["choices"]
    ] == [("a", "stop", LOGPROBS), ("b", "length", None)]


def test_a_missing_finish_reason_after_tool_calls_is_the_one_that_was_meant() -> None:
    frames, state = raw_stream(sse(ROLE, begin(0, "a", "f"), "[DONE]"))
    assert (blocks(frames), state.finish_reason) == ([use("a", "f", {})], "tool_calls")


def test_arguments_that_come_before_the_name_wait_for_it() -> None:
    early = chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": '{"x"'}}]})
    late = chunk({"tool_calls": [{"index": 0, "function": function("f", ":1}")}]})
    frames, _ = stream(early, late, chunk(finish="tool_calls"))
    assert blocks(frames) == [use("a", "f", {"x": 1})]


def test_calls_without_ids_get_some() -> None:
    nameless = {"type": "function", "function": function("f", "{}")}
    assert content_of({"tool_calls": [nameless, nameless]}, "tool_calls") == [
        use("call_c1_0", "f", {}),
        use("call_c1_1", "f", {}),
    ]
    frames, _ = stream(chunk({"tool_calls": [{"index": 0, **nameless}]}), chunk(finish="tool_calls"))
    assert blocks(frames) == [use("call_c1_0_0", "f", {})]


def test_thinking_between_text_is_blocks_of_its_own() -> None:
    said = [{"reasoning": "a"}, {"content": "b"}, {"reasoning": "c"}, {"content": "d"}]
    frames, _ = stream(*map(chunk, said), chunk(finish="stop"))
    assert [(block["type"], block.get("thinking") or block.get("text")) for block in blocks(frames)] == [
        ("thinking", "a"),
        ("text", "b"),
        ("thinking", "c"),
        ("text", "d"),
    ]


def test_a_cut_stream_is_not_complete() -> None:
    frames, state = raw_stream(sse(ROLE, chunk({"content": "Hi"})))
    assert (state.complete, state.error) == (False, None)
    assert [event["type"] for event in events(frames)][-1] == "content_block_delta"


@pytest.mark.parametrize(
    ("event", "error_class"),
    [
        ({"error": {"message": "boom", "type": "server_error"}}, ErrorClass.PROVIDER),
        ({"error": {"code": 429, "message": "slow"}}, ErrorClass.RATE_LIMITED),
        ("{", ErrorClass.PROVIDER),
        (chunk(finish="error"), ErrorClass.PROVIDER),
    ],
)
def test_an_error_inside_the_stream_ends_it(event: Any, error_class: ErrorClass) -> None:
    frames, state = raw_stream(sse(ROLE, chunk({"content": "Hi"}), event, chunk({"content": "more"})))
    assert state.error is not None
    assert (state.error.error_class, state.complete) == (error_class, False)
    assert b"more" not in b"".join(frames)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"choices":[]}', b'{"error":{"message":"x"}}'])
def test_an_answer_that_cannot_be_read_is_the_vendors_failure(body: bytes) -> None:
    with pytest.raises(VendorError) as failure:
        adapter_for("openai").response_from(
            body, {}, call(dialect=MESSAGES, messages=USER, max_tokens=9), target("openai")
        )
    assert failure.value.error_class is ErrorClass.PROVIDER
