"""Anthropic's streams as callers of chat completions and the ledger see them."""

from typing import Any

import pytest

from metering.usage import Part, Usage
from proxy.adapters.base import ErrorClass
from tests.proxy.adapters.anthropic_calls import read
from tests.proxy.adapters.anthropic_events import (
    HELLO,
    MODEL,
    STOP,
    block,
    delta,
    end,
    piece,
    start,
)
from tests.proxy.adapters.drive import Read, call, sse

KEEPALIVE = b": keepalive\n\n"


def stream(*events: dict[str, Any], **how: Any) -> Read:
    """``include_usage`` unless told otherwise."""
    return read(sse(*events), call(stream=True, **{"include_usage": True, **how}), model=MODEL)


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
    assert (found.state.visible_chars, found.state.reasoning_chars) == (24, 3)


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


def test_kinds_yet_to_be_invented_are_passed_over() -> None:
    found = stream(start(), {"type": "new_thing"}, block(0, "new_block"), *HELLO, delta(), STOP)
    assert (found.text, found.state.complete) == ("Hello", True)


def test_pings_and_comments_are_heartbeats_once_the_answer_has_begun() -> None:
    ping = sse({"type": "ping"})
    found = read(ping + sse(start()) + ping + b": hi\r\n\r\n" + sse(*HELLO), call(stream=True))
    assert found.fed[1:3] == [KEEPALIVE, KEEPALIVE]
    assert found.fed.count(KEEPALIVE) == 2


def test_thinking_ends_with_its_proof() -> None:
    """Also thinking that is not shown, and redacted blocks (checks K8)."""
    found = stream(
        start(),
        block(0, "thinking", thinking="", signature=""),
        piece(0, "thinking_delta", thinking="2 and"),
        piece(0, "thinking_delta", thinking=" 2"),
        piece(0, "signature_delta", signature="sig=="),
        end(0),
        block(1, "thinking", thinking="", signature=""),
        piece(1, "signature_delta", signature="only"),
        end(1),
        block(2, "redacted_thinking", data="enc"),
        end(2),
        *HELLO,
        delta(output_tokens=7),
        STOP,
    )
    assert (found.thoughts, found.text) == ("2 and 2", "Hello")
    assert [seen["thinking_blocks"][0] for seen in found.deltas if "thinking_blocks" in seen] == [
        {"index": 0, "type": "thinking", "thinking": "2 and 2", "signature": "sig=="},
        {"index": 1, "type": "thinking", "thinking": "", "signature": "only"},
        {"index": 2, "type": "redacted_thinking", "data": "enc"},
    ]


def test_citations_are_told_where_their_text_ends() -> None:
    page = {"type": "web_search_result_location", "url": "https://a.test", "title": "A"}
    found = stream(
        start(),
        *HELLO,
        block(1, "text", text="", citations=[]),
        piece(1, "citations_delta", citation=page),
        piece(1, "text_delta", text=" rain"),
        piece(1, "citations_delta", citation={"type": "page_location"}),
        end(1),
        delta(output_tokens=7),
        STOP,
    )
    cited = {"start_index": 5, "end_index": 10, "title": "A", "url": "https://a.test"}
    annotations = [seen["annotations"] for seen in found.deltas if "annotations" in seen]
    assert annotations == [[{"type": "url_citation", "url_citation": cited}]]


@pytest.mark.parametrize(
    ("given", "pieces", "expected"),
    [
        ({}, [], "{}"),
        ({}, [""], "{}"),
        (None, [], "{}"),
        ({}, ["{}"], "{}"),
        ({}, ['{"a"', ":1}"], '{"a":1}'),
        ({"a": 1}, [], '{"a":1}'),
        ({"a": 1}, ["{}"], '{"a":1}'),
    ],
)
def test_the_arguments_of_a_call(given: Any, pieces: list[str], expected: str) -> None:
    """None at all, in pieces, or whole in the start, which nothing may overwrite (checks K3)."""
    deltas = [piece(0, "input_json_delta", partial_json=one) for one in pieces]
    begun = block(0, "tool_use", id="t", name="f", input=given)
    found = stream(start(), begun, *deltas, end(0), delta("tool_use"), STOP)
    calls = [tool for seen in found.deltas for tool in seen.get("tool_calls", [])]
    assert "".join(tool["function"]["arguments"] for tool in calls) == expected


def test_a_call_that_was_left_open_is_told_to_its_end() -> None:
    begun = block(0, "tool_use", id="t", name="f", input={})
    found = stream(start(), begun, delta("tool_use"), STOP)
    assert found.deltas[-2]["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]


def test_server_tools_are_the_vendors_own_business() -> None:
    found = stream(
        start(),
        block(0, "server_tool_use", id="s", name="web_search", input={}),
        piece(0, "input_json_delta", partial_json='{"query":"x"}'),
        end(0),
        block(1, "web_search_tool_result", tool_use_id="s", content=[]),
        end(1),
        *HELLO,
        delta(output_tokens=7),
        STOP,
    )
    assert not any("tool_calls" in seen for seen in found.deltas)
    assert (found.text, found.finish_reasons) == ("Hello", ["stop"])


def test_what_ended_the_answer_is_known_in_the_vendors_words() -> None:
    ended = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    last = {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 7}}
    state = stream(start(service_tier="standard"), *HELLO, last, STOP).state
    assert (state.finish_reason, state.native_finish, state.stop_sequence) == ("stop", "stop_sequence", "END")
    assert state.service_tier == "default"


def test_a_fallback_models_message_is_its_own_part() -> None:
    other = start("msg_2")
    other["message"]["model"] = "claude-opus-4-8"
    found = stream(start(), *HELLO, delta(None, output_tokens=4), other, *HELLO, delta(output_tokens=7), STOP)
    assert found.state.flags == ("spliced_message", "other_model_usage")
    assert found.state.parts == (
        Part("", Usage(input=25, output=4)),
        Part("claude-opus-4-8", Usage(input=25, output=7)),
    )


def test_an_event_that_is_no_json_is_the_vendors_failure() -> None:
    error = read(sse(start()) + b"data: {oops\n\n", call(stream=True)).state.error
    assert error is not None
    assert error.error_class is ErrorClass.PROVIDER
