"""Streams of OpenAI and of vendors that speak its wire: what the caller receives, and what is known."""

import json
from decimal import Decimal
from typing import Any

import pytest

from metering.usage import Part, Usage
from proxy.adapters.base import ErrorClass
from proxy.adapters.registry import adapter_for
from tests.proxy.adapters.drive import call, read, sse, target

USAGE = {"prompt_tokens": 13, "completion_tokens": 4, "total_tokens": 17}
COUNTED = Usage(input=13, output=4)


def fed(kind: str, stream: bytes) -> list[bytes]:
    """The frames for the caller, heartbeats among them."""
    return adapter_for(kind).chunks_from(call(stream=True), target(kind)).feed(stream)


def chunk(
    delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any
) -> dict[str, Any]:
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m1",
        "choices": [choice],
        **more,
    }


def empty(**more: Any) -> dict[str, Any]:
    return {**chunk(**more), "choices": []}


ROLE = chunk({"role": "assistant", "content": ""})
HELLO = chunk({"content": "Hello"})
STOP = chunk(finish="stop")


def test_chunks_that_need_no_change_pass_as_the_bytes_that_came() -> None:
    stream = b'data: { "choices":[{"delta":{"content":"H\\u00e9"},"index":0}],  "odd":1}\n\n'
    assert read("openai", stream).fed == [stream]


def test_the_state_knows_what_went_by() -> None:
    state = read(
        "openai", sse(ROLE, HELLO, chunk({"reasoning_content": "hm"}), STOP, empty(usage=USAGE), "[DONE]")
    ).state
    assert (state.model, state.upstream_id, state.finish_reason) == ("m1", "c1", "stop")
    assert (state.visible_chars, state.reasoning_chars) == (5, 2)
    assert (state.usage, state.raw_usage, state.complete) == (COUNTED, USAGE, True)
    assert state.error is None


def test_content_starts_with_the_first_chunk_that_says_something() -> None:
    reader = adapter_for("openai").chunks_from(call(stream=True), target("openai"))
    reader.feed(sse(ROLE))
    assert not reader.state.content_started
    reader.feed(sse(HELLO))
    assert reader.state.content_started


@pytest.mark.parametrize(
    "delta", [{"reasoning": "x"}, {"refusal": "no"}, {"tool_calls": [{"index": 0, "id": "a"}]}]
)
def test_thinking_refusals_and_tool_calls_are_content(delta: dict[str, Any]) -> None:
    assert read("openai", sse(chunk(delta))).state.content_started


# Where vendors put usage (checks A10).
PLACES = {
    "on an empty-choices chunk": [STOP, empty(usage=USAGE)],
    "on a chunk with an empty delta after the finish": [STOP, chunk(usage=USAGE)],
    "on the finish chunk": [chunk(finish="stop", usage=USAGE)],
    "on two chunks": [STOP, empty(usage={**USAGE, "prompt_tokens": 1}), empty(usage=USAGE)],
    "on every chunk, running": [
        chunk({"content": "!"}, usage={**USAGE, "completion_tokens": 2}),
        chunk(finish="stop", usage=USAGE),
    ],
    "in Groq's corner": [chunk(finish="stop", x_groq={"id": "r", "usage": USAGE})],
    "repeated with the finish reason": [
        STOP,
        chunk({"content": "", "role": "assistant"}, "stop", usage=USAGE),
    ],
}


@pytest.mark.parametrize("end", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("step", [0, 7])
def test_usage_is_found_wherever_the_vendor_puts_it(end: list[dict[str, Any]], step: int) -> None:
    found = read("openai_compatible", sse(ROLE, HELLO, *end, "[DONE]"), step=step)
    assert found.state.usage == COUNTED
    assert found.state.complete
    assert found.finish_reasons == ["stop"]


@pytest.mark.parametrize("end", PLACES.values(), ids=PLACES)
def test_a_caller_who_did_not_ask_sees_no_usage_and_no_empty_choices(end: list[dict[str, Any]]) -> None:
    found = read("openai_compatible", sse(ROLE, HELLO, *end, "[DONE]"), include_usage=False)
    assert all(seen["choices"] for seen in found.chunks)
    assert all(seen.get("usage") is None for seen in found.chunks)
    assert found.closed == [b"data: [DONE]\n\n"]


@pytest.mark.parametrize("end", PLACES.values(), ids=PLACES)
def test_a_caller_who_asked_gets_usage_once_and_last(end: list[dict[str, Any]]) -> None:
    found = read("openai_compatible", sse(ROLE, HELLO, *end, "[DONE]"))
    assert found.closed[-1] == b"data: [DONE]\n\n"
    assert len(found.closed) == 2
    with_usage = [seen for seen in found.chunks if seen.get("usage") is not None]
    assert with_usage == [found.chunks[-1]]
    assert (with_usage[0]["choices"], with_usage[0]["usage"]) == ([], USAGE)


def test_the_vendors_own_usage_chunk_passes_as_the_bytes_that_came() -> None:
    own = sse(empty(usage=USAGE))
    assert read("openai", sse(HELLO, STOP) + own + sse("[DONE]")).closed == [own, b"data: [DONE]\n\n"]


def test_null_usage_passes() -> None:
    stream = sse(chunk({"content": "a"}, usage=None))
    assert read("openai", stream, include_usage=False).fed == [stream]


def test_a_stream_without_usage_has_none_and_writes_none() -> None:
    found = read("openai", sse(HELLO, STOP, "[DONE]"))
    assert (found.state.usage, found.state.raw_usage) == (None, None)
    assert found.closed == [b"data: [DONE]\n\n"]


def test_zero_usage_is_usage() -> None:
    zeros = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert read("openai", sse(HELLO, STOP, empty(usage=zeros), "[DONE]")).state.usage == Usage()


def test_comments_pass_as_the_bytes_that_came() -> None:
    stream = b": OPENROUTER PROCESSING\n\n" + b":\r\n\r\n" + sse(HELLO)
    found = fed("openai_compatible", stream)
    assert found == [b": OPENROUTER PROCESSING\n\n", b":\r\n\r\n", sse(HELLO)]


def test_a_comment_is_not_content() -> None:
    reader = adapter_for("openai").chunks_from(call(stream=True), target("openai"))
    assert reader.feed(b": hold the line\n\n") == [b": hold the line\n\n"]
    assert not reader.state.content_started


def test_a_comment_in_front_of_data_is_dropped() -> None:
    assert fed("openai_compatible", b": again\n" + sse(HELLO)) == [sse(HELLO)]


def test_azures_first_chunk_without_choices_is_dropped() -> None:
    azure = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": []}
    found = read("openai_compatible", sse(azure, HELLO))
    assert found.fed == [sse(HELLO)]
    assert (found.state.model, found.state.upstream_id) == ("m1", "c1")


def test_chunks_that_no_schema_knows_are_dropped() -> None:
    assert read("openai_compatible", sse({"warning": "no usage"}, HELLO)).fed == [sse(HELLO)]


def test_a_cut_stream_is_not_complete() -> None:
    found = read("openai", sse(ROLE, HELLO))
    assert (found.state.complete, found.state.error, found.closed) == (False, None, [])


def test_done_without_a_finish_reason_is_a_cut_stream() -> None:
    assert not read("openai", sse(HELLO, "[DONE]")).state.complete


def test_a_finish_reason_is_enough_when_done_is_missing() -> None:
    assert read("openai", sse(HELLO, STOP)).state.complete


def test_several_choices_are_complete_when_all_have_finished() -> None:
    first, second = chunk({"content": "a"}, "stop"), chunk({"content": "b"}, "length", index=1)
    assert not read("openai", sse(first), n=2).state.complete
    found = read("openai", sse(second, first), n=2)
    assert (found.state.complete, found.state.finish_reason) == (True, "stop")


def test_several_choices_are_complete_with_done_after_a_finish() -> None:
    assert read("openai", sse(chunk({"content": "a"}, "stop"), "[DONE]"), n=2).state.complete


def test_nothing_passes_after_done() -> None:
    found = read("openai", sse(HELLO, STOP, "[DONE]", HELLO))
    assert found.fed == [sse(HELLO), sse(STOP)]


@pytest.mark.parametrize(
    ("event", "error_class"),
    [
        ({"error": {"message": "boom", "type": "server_error"}}, ErrorClass.PROVIDER),
        ({"error": {"message": "slow", "code": "rate_limit_exceeded"}}, ErrorClass.RATE_LIMITED),
        ({"error": {"message": "busy", "code": "server_is_overloaded"}}, ErrorClass.OVERLOADED),
        ({"error": {"code": 429, "message": "Provider returned error"}}, ErrorClass.RATE_LIMITED),
        ({"error": {"code": 400, "message": "Token limit reached"}}, ErrorClass.CALLER),
        ({"type": "error", "code": "server_error", "message": "boom"}, ErrorClass.PROVIDER),
        ({"error": "plain words"}, ErrorClass.PROVIDER),
    ],
)
def test_an_error_inside_the_stream_ends_it(event: dict[str, Any], error_class: ErrorClass) -> None:
    found = read("openai_compatible", sse(HELLO, event, HELLO))
    assert found.fed == [sse(HELLO)]
    assert found.state.error is not None
    assert (found.state.error.error_class, found.state.complete) == (error_class, False)


def test_usage_beside_an_error_is_kept() -> None:
    """OpenRouter bills the tokens that came before its error."""
    state = read(
        "openai_compatible", sse(HELLO, chunk(error={"code": 502, "message": "x"}, usage=USAGE))
    ).state
    assert (state.usage, state.error is not None) == (COUNTED, True)


def test_an_error_after_the_finish_is_not_a_good_end() -> None:
    state = read("openai", sse(HELLO, STOP, {"error": {"message": "late"}})).state
    assert (state.complete, state.error is not None) == (False, True)


def test_a_finish_reason_of_error_is_an_error() -> None:
    assert read("openai_compatible", sse(HELLO, chunk(finish="error"))).state.error is not None


def test_text_that_looks_like_an_error_is_text() -> None:
    assert read("openai", sse(chunk({"content": 'data: {"error": {}}'}))).state.error is None


@pytest.mark.parametrize(
    "junk",
    [b"data: {\n\n", b"data: 4\n\n", b"data: <html>\n\n", b"data: \xff\xfe\n\n", b'data: {"choices":7}\n\n'],
)
def test_an_event_that_is_no_chunk_is_the_vendors_failure(junk: bytes) -> None:
    error = read("openai", sse(HELLO) + junk + sse(HELLO)).state.error
    assert error is not None
    assert error.error_class is ErrorClass.PROVIDER


def test_the_tier_that_was_served_is_the_variant() -> None:
    stream = sse(
        chunk({"content": "a"}, service_tier="auto"), chunk(finish="stop", service_tier="flex"), "[DONE]"
    )
    assert read("openai", stream).state.variant == "flex"


def test_togethers_eos_is_a_stop() -> None:
    assert read("openai_compatible", sse(chunk(finish="eos"))).state.finish_reason == "stop"


def test_mistrals_parts_are_counted_as_text_and_thinking() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]}
    state = read(
        "openai_compatible", sse(chunk({"content": [thinking, {"type": "text", "text": "Hi"}]}))
    ).state
    assert (state.visible_chars, state.reasoning_chars) == (2, 3)


def test_openais_search_models_bill_one_call_per_answer() -> None:
    cited = chunk({"annotations": [{"type": "url_citation", "url_citation": {}}]})
    stream = sse(HELLO, cited, STOP, empty(usage=USAGE), "[DONE]")
    assert read("openai", stream).state.usage == Usage(input=13, output=4, requests=1)
    assert read("openai_compatible", stream).state.usage == COUNTED


def tools(*calls: dict[str, Any]) -> dict[str, Any]:
    return chunk({"tool_calls": list(calls)})


def calls_in(*chunks: dict[str, Any]) -> list[dict[str, Any]]:
    found = read("openai_compatible", sse(*chunks))
    return [piece for delta in found.deltas for piece in delta.get("tool_calls", [])]


def function(name: str, arguments: str | None = "{}") -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def test_whole_tool_calls_pass_as_the_bytes_that_came() -> None:
    stream = sse(tools({"index": 0, "id": "a", "type": "function", "function": function("f")}))
    assert read("openai", stream).fed == [stream]


def test_a_missing_index_and_type_are_filled_in() -> None:
    """Mistral sends whole calls without them."""
    seen = calls_in(tools({"id": "a", "function": function("f")}, {"id": "b", "function": function("g")}))
    assert [(piece["index"], piece["type"], piece["id"]) for piece in seen] == [
        (0, "function", "a"),
        (1, "function", "b"),
    ]


def test_indices_that_start_at_one_are_renumbered() -> None:
    seen = calls_in(
        tools({"index": 1, "id": "a", "type": "function", "function": function("f", "")}),
        tools({"index": 1, "function": {"arguments": "{}"}}),
        tools({"index": 2, "id": "b", "type": "function", "function": function("g")}),
    )
    assert [piece["index"] for piece in seen] == [0, 0, 1]


def test_an_empty_id_on_a_continuation_is_removed() -> None:
    """Qwen repeats the call with id ""; a client would take it for another one."""
    first = {"index": 0, "id": "a", "type": "function", "function": function("f", "")}
    seen = calls_in(tools(first), tools({"index": 0, "id": "", "function": {"arguments": "{}"}}))
    assert "id" not in seen[1]
    assert seen[1]["index"] == 0


def test_an_id_that_is_repeated_is_said_once() -> None:
    """Clients add up what they are sent twice."""
    first = {"index": 0, "id": "a", "type": "function", "function": function("f", "{")}
    seen = calls_in(tools(first), tools({"index": 0, "id": "a", "function": {"arguments": "}"}}))
    assert [piece.get("id") for piece in seen] == ["a", None]


def test_one_index_for_two_calls_is_told_apart_by_a_new_id_and_name() -> None:
    seen = calls_in(
        tools({"index": 0, "id": "a", "type": "function", "function": function("f", "{")}),
        tools({"index": 0, "id": "b", "type": "function", "function": function("g", "[")}),
        tools({"index": 0, "id": "a", "function": {"arguments": "}"}}),
        tools({"index": 0, "id": "b", "function": {"arguments": "]"}}),
    )
    assert [(piece["index"], piece.get("id")) for piece in seen] == [(0, "a"), (1, "b"), (0, None), (1, None)]


def test_a_new_id_without_a_name_is_the_same_call() -> None:
    """Some servers make a new id for every piece."""
    seen = calls_in(
        tools({"index": 0, "id": "a", "type": "function", "function": function("f", "{")}),
        tools({"index": 0, "id": "z", "function": {"arguments": "}"}}),
    )
    assert [(piece["index"], piece.get("id")) for piece in seen] == [(0, "a"), (0, None)]


def test_null_arguments_become_an_empty_string() -> None:
    seen = calls_in(tools({"index": 0, "id": "a", "type": "function", "function": function("f", None)}))
    assert seen[0]["function"]["arguments"] == ""


def test_a_missing_finish_reason_after_tool_calls_is_written_at_done() -> None:
    found = read(
        "openai_compatible", sse(tools({"index": 0, "id": "a", "function": function("f")}), "[DONE]")
    )
    assert found.finish_reasons == ["tool_calls"]
    assert (found.state.finish_reason, found.state.complete) == ("tool_calls", True)


def test_extra_event_fields_are_not_passed_on() -> None:
    stream = b"event: message\nid: 7\ndata: " + json.dumps(HELLO).encode() + b"\n\n"
    assert read("openai", stream).fed == [sse(HELLO)]


def test_an_endless_event_is_the_vendors_failure() -> None:
    reader = adapter_for("openai").chunks_from(call(stream=True), target("openai"))
    reader.feed(b"data: " + b"x" * (17 * 1024 * 1024))
    assert reader.state.error is not None
    assert reader.feed(sse(HELLO)) == []


def test_groqs_tools_and_the_models_that_worked_are_told() -> None:
    used = chunk({"executed_tools": [{"type": "search", "index": 0}]})
    breakdown = {"models": [{"model": "llama", "usage": USAGE}]}
    last = empty(usage=USAGE, usage_breakdown=breakdown)
    state = read("openai_compatible", sse(used, HELLO, STOP, last, "[DONE]")).state
    assert state.flags == ("unpriced:search",)
    assert state.parts == (Part("llama", COUNTED),)


def test_the_vendors_own_figure_of_the_cost_is_kept() -> None:
    billed = empty(usage={**USAGE, "cost": 0.25})
    assert read("openai_compatible", sse(HELLO, STOP, billed, "[DONE]")).state.reported_cost == Decimal(
        "0.25"
    )
