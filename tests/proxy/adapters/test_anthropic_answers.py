"""Anthropic's usage, messages and streams as the caller and the ledger see them."""

import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.anthropic.response import FINISH_REASONS, finish_reason_from
from proxy.adapters.anthropic.usage import usage_from, variant_from
from proxy.adapters.base import Answer, ErrorClass, VendorError
from proxy.adapters.registry import adapter_for
from tests.proxy.adapters.drive import Read, read, sse, target

MODEL = "claude-sonnet-4-5"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param({"input_tokens": 13, "output_tokens": 4}, Usage(input=13, output=4), id="plain"),
        pytest.param(
            {"input_tokens": 3914, "cache_read_input_tokens": 16298, "output_tokens": 1},
            Usage(input=3914, cache_read=16298, output=1),
            id="cached tokens are beside the input",
        ),
        pytest.param(
            {
                "input_tokens": 5,
                "cache_creation_input_tokens": 1_000_000,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 600_000,
                    "ephemeral_1h_input_tokens": 400_000,
                },
                "output_tokens": 1,
            },
            Usage(input=5, cache_write_5m=600_000, cache_write_1h=400_000, output=1),
            id="writes by time to live",
        ),
        pytest.param(
            {"input_tokens": 5, "output_tokens": 100, "output_tokens_details": {"thinking_tokens": 90}},
            Usage(input=5, output=10, reasoning=90),
            id="thinking is inside the output",
        ),
        pytest.param(
            {"input_tokens": 5, "output_tokens": 10, "output_tokens_details": {"thinking_tokens": 90}},
            Usage(input=5, reasoning=10),
            id="thinking never exceeds the output",
        ),
        pytest.param(
            {
                "input_tokens": 5,
                "output_tokens": 1,
                "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 9},
            },
            Usage(input=5, output=1, requests=2),
            id="web searches are billed per request, fetches are free",
        ),
        pytest.param({"input_tokens": 0, "output_tokens": 0}, Usage(), id="explicit zeros are usage"),
        pytest.param(
            {
                "input_tokens": 162,
                "output_tokens": 11,
                "iterations": [
                    {"type": "compaction", "input_tokens": 99_195, "output_tokens": 81},
                    {"type": "message", "input_tokens": 162, "output_tokens": 11},
                ],
            },
            Usage(input=99_357, output=92),
            id="compaction is billed on top of the top level",
        ),
    ],
)
def test_buckets(raw: dict[str, Any], expected: Usage) -> None:
    assert usage_from(raw, MODEL) == (expected, ())


@pytest.mark.parametrize("raw", [None, {}, [], {"service_tier": "standard"}])
def test_what_was_not_told_is_unknown_not_zero(raw: object) -> None:
    assert usage_from(raw, MODEL) == (None, ())


def test_writes_without_a_split_are_short_and_flagged() -> None:
    raw = {"input_tokens": 6, "cache_creation_input_tokens": 159_217, "output_tokens": 2745}
    assert usage_from(raw, MODEL) == (Usage(input=6, cache_write_5m=159_217, output=2745), ("ttl_unknown",))


def test_a_split_that_falls_short_of_the_total_loses_no_token() -> None:
    split = {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}
    raw = {"cache_creation_input_tokens": 100, "cache_creation": split}
    assert usage_from(raw, MODEL) == (Usage(cache_write_5m=80, cache_write_1h=20), ("ttl_unknown",))


def test_another_models_iteration_is_counted_and_flagged() -> None:
    advisor = {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 10, "output_tokens": 5}
    own = {"type": "message", "input_tokens": 1, "output_tokens": 2}
    raw = {"input_tokens": 1, "output_tokens": 2, "iterations": [own, advisor]}
    assert usage_from(raw, MODEL) == (Usage(input=11, output=7), ("other_model_usage",))


def test_a_region_that_multiplies_the_price_is_flagged() -> None:
    assert usage_from({"input_tokens": 1, "inference_geo": "us"}, MODEL)[1] == ("inference_geo_us",)
    assert usage_from({"input_tokens": 1, "inference_geo": "not_available"}, MODEL)[1] == ()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, ("standard", ())),
        ({"service_tier": "standard"}, ("standard", ())),
        ({"service_tier": "priority"}, ("priority", ())),
        ({"service_tier": "batch"}, ("batch", ())),
        ({"service_tier": "priority", "speed": "fast"}, ("fast", ())),
        ({"service_tier": "express"}, ("standard", ("unknown_service_tier",))),
    ],
)
def test_the_variant_that_was_served(raw: dict[str, Any], expected: tuple[str, tuple[str, ...]]) -> None:
    assert variant_from(raw) == expected


def test_the_finish_reasons() -> None:
    assert FINISH_REASONS == {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "pause_turn": "stop",
        "refusal": "content_filter",
        "compaction": "stop",
    }
    assert finish_reason_from("end_turn") == ("stop", ())
    assert finish_reason_from("pause_turn") == ("stop", ("native_finish:pause_turn",))
    assert finish_reason_from("brand_new") == ("stop", ("native_finish:brand_new",))


def message(*blocks: dict[str, Any], stop: str = "end_turn", **more: Any) -> bytes:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 7}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "usage": usage}
    return json.dumps({**head, "content": list(blocks), "stop_reason": stop, **more}).encode()


def answered(body: bytes) -> Answer:
    return adapter_for("anthropic").response_from(body, {}, target("anthropic"))


def seen_by_caller(answer: Answer) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer.body)
    return body


def test_the_callers_completion() -> None:
    answer = answered(message({"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}))
    body = seen_by_caller(answer)
    assert isinstance(body.pop("created"), int)
    assert body == {
        "id": "msg_1",
        "object": "chat.completion",
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 15,
            "completion_tokens": 7,
            "total_tokens": 22,
            "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
    }
    assert (answer.text, answer.model, answer.upstream_id) == ("Hello", MODEL, "msg_1")


def test_thinking_and_tools() -> None:
    body = seen_by_caller(
        answered(
            message(
                {"type": "thinking", "thinking": "hmm", "signature": "s"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
                stop="tool_use",
            )
        )
    )
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["reasoning_content"] == "hmm"
    assert choice["message"]["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "t2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_a_refusal_is_a_billed_answer_with_empty_content() -> None:
    answer = answered(message(stop="refusal"))
    assert (answer.finish_reason, answer.text) == ("content_filter", "")
    assert seen_by_caller(answer)["choices"][0]["message"]["content"] == ""


def test_without_usage_there_is_none() -> None:
    answer = answered(message({"type": "text", "text": "a"}, usage=None))
    assert (answer.usage, answer.raw_usage) == (None, None)
    assert "usage" not in seen_by_caller(answer)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"7", b'{"content": null}'])
def test_an_answer_that_cannot_be_read_is_the_vendors_failure(body: bytes) -> None:
    with pytest.raises(VendorError) as failure:
        answered(body)
    assert failure.value.error_class is ErrorClass.PROVIDER


def test_an_error_inside_a_200_is_raised_for_what_it_is() -> None:
    with pytest.raises(VendorError) as failure:
        answered(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    assert failure.value.error_class is ErrorClass.OVERLOADED


def start(message_id: str = "msg_1", **usage: Any) -> dict[str, Any]:
    counts = {"input_tokens": 25, "output_tokens": 1, **usage}
    return {"type": "message_start", "message": {"id": message_id, "model": MODEL, "usage": counts}}


def block(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **more}}


def piece(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}


def end(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def delta(stop: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage}


STOP = {"type": "message_stop"}
HELLO = [
    block(0, "text", text=""),
    piece(0, "text_delta", text="Hel"),
    piece(0, "text_delta", text="lo"),
    end(0),
]


def stream(*events: dict[str, Any], **how: Any) -> Read:
    return read("anthropic", sse(*events), **how)


def test_the_callers_stream() -> None:
    found = stream(start(), *HELLO, delta(output_tokens=7), STOP)
    assert [(delta_, finish) for delta_, finish in zip(found.deltas, [None] * 3 + ["stop"], strict=True)] == [
        ({"role": "assistant", "content": ""}, None),
        ({"content": "Hel"}, None),
        ({"content": "lo"}, None),
        ({}, "stop"),
    ]
    assert found.finish_reasons == ["stop"]
    assert found.chunks[0]["id"] == "msg_1"
    assert found.chunks[0]["object"] == "chat.completion.chunk"
    assert found.usage_chunks[0]["usage"]["prompt_tokens"] == 25
    assert found.usage_chunks[0]["usage"]["completion_tokens"] == 7
    assert found.closed[-1] == b"data: [DONE]\n\n"


def test_usage_is_hidden_from_a_caller_who_did_not_ask() -> None:
    found = stream(start(), *HELLO, delta(output_tokens=7), STOP, include_usage=False)
    assert (found.usage_chunks, found.closed[-1]) == ([], b"data: [DONE]\n\n")
    assert found.state.usage == Usage(input=25, output=7)


def test_the_last_delta_is_the_total_not_an_increment() -> None:
    found = stream(start(), *HELLO, delta(output_tokens=7), delta(output_tokens=9, input_tokens=9447), STOP)
    assert found.state.usage == Usage(input=9447, output=9)


def test_the_placeholder_output_of_the_start_is_never_counted() -> None:
    state = stream(start(cache_read_input_tokens=3), *HELLO).state
    assert (state.usage, state.flags) == (Usage(input=25, cache_read=3), ("partial_usage",))
    assert not state.complete


def test_the_start_splits_the_writes_that_the_delta_repeats() -> None:
    split = {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 70}
    first = start(cache_creation_input_tokens=100, cache_creation=split)
    state = stream(first, *HELLO, delta(output_tokens=7, cache_creation_input_tokens=100), STOP).state
    assert state.usage == Usage(input=25, cache_write_5m=30, cache_write_1h=70, output=7)
    assert state.flags == ()


@pytest.mark.parametrize(
    ("short", "long", "total", "expected"),
    [(30, 70, 150, (80, 70)), (0, 70, 150, (0, 150)), (30, 70, 0, (0, 0)), (30, 70, 50, (0, 50))],
)
def test_writes_that_changed_after_the_start(
    short: int, long: int, total: int, expected: tuple[int, int]
) -> None:
    split = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
    first = start(cache_creation_input_tokens=short + long, cache_creation=split)
    usage = stream(first, *HELLO, delta(output_tokens=1, cache_creation_input_tokens=total), STOP).state.usage
    assert usage is not None
    assert (usage.cache_write_5m, usage.cache_write_1h) == expected


def test_the_tier_and_the_searches_are_known() -> None:
    found = stream(
        start(service_tier="priority"),
        *HELLO,
        delta(output_tokens=7, server_tool_use={"web_search_requests": 3}),
        STOP,
    )
    assert found.state.variant == "priority"
    assert found.state.usage == Usage(input=25, output=7, requests=3)


def test_the_same_message_started_twice_is_billed_once() -> None:
    found = stream(start(), start(), *HELLO, delta(output_tokens=7), STOP)
    assert found.state.usage == Usage(input=25, output=7)
    assert found.text == "Hello"


def test_a_spliced_message_is_billed_beside_the_first() -> None:
    found = stream(
        start(), *HELLO, delta(None, output_tokens=4), start("msg_2"), *HELLO, delta(output_tokens=7), STOP
    )
    assert found.state.usage == Usage(input=50, output=11)
    assert found.state.flags == ("spliced_message",)
    assert [choice for choice in found.deltas if "role" in choice] == [{"role": "assistant", "content": ""}]


def test_a_message_after_the_stop_is_still_one_answer() -> None:
    first, second = (
        [start(), *HELLO, delta(output_tokens=4), STOP],
        [start("msg_2"), *HELLO, delta(output_tokens=7)],
    )
    found = stream(*first, *second, STOP)
    assert (found.text, found.finish_reasons) == ("HelloHello", ["stop"])
    assert found.state.usage == Usage(input=50, output=11)
    assert {chunk["id"] for chunk in found.chunks} == {"msg_1"}
    assert not stream(*first, *second).state.complete


def test_tools_are_numbered_from_zero_whatever_came_before() -> None:
    found = stream(
        start(),
        block(0, "thinking", thinking=""),
        piece(0, "thinking_delta", thinking="hmm"),
        piece(0, "signature_delta", signature="s"),
        end(0),
        *HELLO,
        block(2, "tool_use", id="t1", name="f", input={}),
        piece(2, "input_json_delta", partial_json=""),
        piece(2, "input_json_delta", partial_json='{"a":'),
        piece(2, "input_json_delta", partial_json="1}"),
        end(2),
        block(3, "tool_use", id="t2", name="g", input={}),
        end(3),
        block(4, "tool_use", id="t3", name="h", input={"b": 2}),
        end(4),
        delta("tool_use", output_tokens=7),
        STOP,
    )
    calls: dict[int, list[Any]] = {}
    for tool in (tool for seen in found.deltas for tool in seen.get("tool_calls", [])):
        called = calls.setdefault(tool["index"], [None, None, ""])
        called[0], called[1] = called[0] or tool.get("id"), called[1] or tool["function"].get("name")
        called[2] += tool["function"]["arguments"]
    assert calls == {0: ["t1", "f", '{"a":1}'], 1: ["t2", "g", "{}"], 2: ["t3", "h", '{"b":2}']}
    assert (found.thoughts, found.finish_reasons) == ("hmm", ["tool_calls"])
    assert (found.state.visible_chars, found.state.reasoning_chars) == (5, 3)


def test_an_error_event_ends_the_stream_and_keeps_the_usage() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    found = stream(start(), *HELLO, error, piece(0, "text_delta", text="more"))
    assert found.text == "Hello"
    assert found.state.error is not None
    assert found.state.error.error_class is ErrorClass.OVERLOADED
    assert (found.state.complete, found.state.usage) == (False, Usage(input=25))


def test_without_message_stop_the_stream_was_cut() -> None:
    found = stream(start(), *HELLO, delta(output_tokens=7))
    assert (found.state.complete, found.finish_reasons) == (False, [])


def test_pings_and_kinds_yet_to_be_invented_are_passed_over() -> None:
    found = stream(
        start(), {"type": "ping"}, {"type": "new_thing"}, block(0, "new_block"), *HELLO, delta(), STOP
    )
    assert (found.text, found.state.complete) == ("Hello", True)


def test_an_event_that_is_no_json_is_the_vendors_failure() -> None:
    error = read("anthropic", sse(start()) + b"data: {oops\n\n").state.error
    assert error is not None
    assert error.error_class is ErrorClass.PROVIDER
