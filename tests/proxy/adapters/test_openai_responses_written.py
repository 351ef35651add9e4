"""Responses for callers of other dialects: function tools of models that think go there."""

import dataclasses
import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import (
    Answer,
    ErrorClass,
    StreamState,
    Target,
    UnsupportedField,
    VendorError,
    VendorRequest,
)
from proxy.adapters.openai.chat import thoughts
from proxy.adapters.registry import adapter_for
from proxy.dialects.registry import CHAT, MESSAGES
from proxy.interchange import signatures
from proxy.interchange.dialect import Call, Dialect, Link
from tests.proxy.adapters.drive import USER, Read, call, sse, target

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
OPENAI = dataclasses.replace(target("openai", model="gpt-5.6-luna"), serves_responses=True)
PNG = "data:image/png;base64,cG5n"
ASKED = {"type": "message", "role": "user", "content": "hi"}


def asked(messages: list[dict[str, Any]] | None = None, **body: Any) -> Call:
    return call(messages=messages or USER, **{"tools": [TOOL], **body})


def request(ours: Call, aimed: Target = OPENAI) -> VendorRequest:
    made = adapter_for("openai").request_for(ours, aimed)
    assert made.url == "https://vendor.test/v1/responses"
    return made


def body_of(ours: Call, aimed: Target = OPENAI) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(request(ours, aimed).body)
    return decoded


def items_of(*messages: dict[str, Any], **body: Any) -> Any:
    return body_of(asked(list(messages), **body))["input"]


def test_the_least_request() -> None:
    made = request(asked())
    assert json.loads(made.body) == {
        "model": "gpt-5.6-luna",
        "input": [ASKED],
        "tools": [
            {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": False}
        ],
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    assert made.headers == {"Content-Type": "application/json", "Authorization": "Bearer canary-key"}
    assert made.dropped == ()


def test_settings() -> None:
    ours = asked(
        stream=True,
        max_completion_tokens=500,
        reasoning_effort="high",
        verbosity="low",
        temperature=1,
        parallel_tool_calls=False,
        tool_choice="required",
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
        },
        service_tier="flex",
        safety_identifier="u1",
        prompt_cache_key="k",
        prompt_cache_retention="24h",
        metadata={"a": "b"},
        logprobs=True,
        top_logprobs=2,
        seed=7,
        store=True,
    )
    made = request(dataclasses.replace(ours, stream=True))
    body = json.loads(made.body)
    assert {name: value for name, value in body.items() if name not in ("model", "input", "tools")} == {
        "stream": True,
        "max_output_tokens": 500,
        "reasoning": {"effort": "high"},
        "text": {
            "format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True},
            "verbosity": "low",
        },
        "parallel_tool_calls": False,
        "tool_choice": "required",
        "service_tier": "flex",
        "safety_identifier": "u1",
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "metadata": {"a": "b"},
        "top_logprobs": 2,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "store": False,
    }
    assert made.dropped == ("seed", "store")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", "none"),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOL]}},
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        ),
    ],
)
def test_the_choice_among_tools(choice: Any, expected: Any) -> None:
    assert body_of(asked(tool_choice=choice))["tool_choice"] == expected


def test_json_of_any_shape() -> None:
    assert body_of(asked(response_format={"type": "json_object"}))["text"] == {
        "format": {"type": "json_object"}
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", 2), ("stop", ["END"]), ("logit_bias", {"1": 1}), ("presence_penalty", 0.5), ("temperature", 0.2)],
)
def test_what_this_path_cannot_do_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(UnsupportedField) as refused:
        request(asked(**{field: value}))
    assert (refused.value.field, refused.value.vendor) == (field, "openai")


def test_a_ceiling_below_the_least_is_refused_by_the_callers_word() -> None:
    with pytest.raises(UnsupportedField) as refused:
        request(asked(max_completion_tokens=15))
    assert refused.value.field == "max_completion_tokens"
    assert body_of(asked(max_completion_tokens=16))["max_output_tokens"] == 16


def test_the_gateways_ceiling_replaces_the_callers() -> None:
    aimed = dataclasses.replace(OPENAI, max_output_tokens=100)
    assert body_of(asked(max_completion_tokens=500), aimed)["max_output_tokens"] == 100


def called(*ids: str) -> dict[str, Any]:
    function = {"name": "f", "arguments": '{"x":1}'}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call_id, "type": "function", "function": function} for call_id in ids],
    }


def result(call_id: str, content: Any = "1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def test_a_tool_turn() -> None:
    system = {"role": "developer", "content": "be kind"}
    body = body_of(
        asked([system, *USER, {**called("a", "b"), "content": "ok"}, result("a"), result("b", "2")])
    )
    assert body["instructions"] == "be kind"
    call_of = {"type": "function_call", "name": "f", "arguments": '{"x":1}'}
    assert body["input"] == [
        ASKED,
        {"type": "message", "role": "assistant", "content": "ok"},
        {**call_of, "call_id": "a"},
        {**call_of, "call_id": "b"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "function_call_output", "call_id": "b", "output": "2"},
    ]


def test_system_text_in_the_middle_stays_there() -> None:
    middle = {"role": "system", "content": "hurry"}
    assert items_of(*USER, {"role": "assistant", "content": "yes"}, middle, *USER) == [
        ASKED,
        {"type": "message", "role": "assistant", "content": "yes"},
        {"type": "message", "role": "system", "content": "hurry"},
        ASKED,
    ]


def test_images_and_files() -> None:
    content = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,cGRm"}},
        {"type": "file", "file": {"file_data": "https://example.com/b.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    assert items_of({"role": "user", "content": content})[0]["content"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "detail": "auto", "image_url": PNG},
        {"type": "input_image", "detail": "low", "image_url": "https://example.com/a.png"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,cGRm"},
        {"type": "input_file", "file_url": "https://example.com/b.pdf"},
        {"type": "input_file", "file_id": "file-1"},
    ]


def test_links_are_fetched_only_for_vendors_that_do_not_follow_them() -> None:
    url = "https://example.com/a.png"
    ours = asked([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])
    blind = dataclasses.replace(OPENAI, follows_links=False)
    assert adapter_for("openai").links_for(ours, OPENAI) == ()
    assert adapter_for("openai").links_for(ours, blind) == (url,)
    fetched = dataclasses.replace(ours, links={url: Link("image/png", b"png")})
    assert body_of(fetched, blind)["input"][0]["content"][0]["image_url"] == PNG


def test_audio_is_refused_by_its_place() -> None:
    spoken = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    with pytest.raises(UnsupportedField) as refused:
        items_of({"role": "user", "content": [spoken]})
    assert refused.value.field == "messages[0].content[0]"


def test_results_keep_their_images() -> None:
    shown = [{"type": "text", "text": "done"}, {"type": "image_url", "image_url": {"url": PNG}}]
    assert items_of(*USER, called("a"), result("a", shown))[2]["output"] == [
        {"type": "input_text", "text": "done"},
        {"type": "input_image", "detail": "auto", "image_url": PNG},
    ]


def block(origin: Any, item_id: str, signature: str, text: str = "hm") -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signatures.sealed(origin, item_id, signature)}


def test_reasoning_goes_back_as_the_item_it_was() -> None:
    turn = {
        **called("a"),
        "thinking_blocks": [block("openai", "rs_1", "gAAA"), block("openai", "", "gBBB", "")],
    }
    assert items_of(*USER, turn, result("a"))[1:3] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gAAA",
        },
        {"type": "reasoning", "summary": [], "encrypted_content": "gBBB"},
    ]


@pytest.mark.parametrize(
    "foreign",
    [
        block("anthropic", "", "sig"),
        block("gemini", "", "sig"),
        block("openai", "", thoughts.thinking("hm", "reasoning").signature),
        {"type": "redacted_thinking", "data": "x"},
    ],
)
def test_thinking_that_others_proved_stays_here(foreign: dict[str, Any]) -> None:
    turn = {**called("a"), "thinking_blocks": [foreign]}
    assert [item["type"] for item in items_of(*USER, turn, result("a"))] == [
        "message",
        "function_call",
        "function_call_output",
    ]


def test_reasoning_that_led_to_nothing_stays_here() -> None:
    turn = {"role": "assistant", "content": "", "thinking_blocks": [block("openai", "rs_1", "gAAA")]}
    assert [item["type"] for item in items_of(*USER, turn, *USER)] == ["message", "message"]


def messages_call(**body: Any) -> Call:
    tools = [{"name": "f", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}]
    return call(dialect=MESSAGES, messages=USER, max_tokens=100, tools=tools, **body)


def test_a_caller_of_messages_reads_a_summary_of_what_it_asked_to_be_thought() -> None:
    made = request(messages_call(thinking={"type": "enabled", "budget_tokens": 5000}))
    assert json.loads(made.body)["reasoning"] == {"effort": "medium", "summary": "auto"}
    assert made.dropped == ("cache_control",)
    omitted = {"type": "adaptive", "display": "omitted"}
    assert "reasoning" not in body_of(messages_call(thinking=omitted))


USAGE = {
    "input_tokens": 30,
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 15},
    "total_tokens": 50,
}
COUNTED = Usage(input=30, output=5, reasoning=15)
REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "2 and"}, {"type": "summary_text", "text": "2"}],
    "encrypted_content": "gAAA",
}
NOTE = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 1}
TOKENS = [{"token": "4", "logprob": -0.5, "bytes": [52], "top_logprobs": []}]


def message(text: str, **more: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": [], **more}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}


def function_call(call_id: str, arguments: str) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{call_id}",
        "call_id": call_id,
        "name": "f",
        "arguments": arguments,
    }


def whole(*output: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    response = {"id": "resp_1", "model": "m1", "status": status, "output": list(output), "usage": USAGE}
    return {**response, "service_tier": "default", **more}


def answered(body: dict[str, Any], dialect: Dialect = CHAT) -> Answer:
    ours = asked() if dialect is CHAT else messages_call()
    return adapter_for("openai").response_from(json.dumps(body).encode(), {}, ours, OPENAI)


def message_of(*output: dict[str, Any], **more: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(answered(whole(*output, **more)).body)["choices"][0]
    return decoded


def test_a_whole_answer_as_a_chat_completion() -> None:
    answer = answered(whole(REASONING, message("4", logprobs=TOKENS), function_call("a", '{"x":1}')))
    body = json.loads(answer.body)
    assert body["choices"] == [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": {"content": TOKENS, "refusal": None},
            "message": {
                "role": "assistant",
                "content": "4",
                "reasoning_content": "2 and\n\n2",
                "thinking_blocks": [block("openai", "rs_1", "gAAA", "2 and\n\n2")],
                "refusal": None,
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
                ],
            },
        }
    ]
    assert (body["id"], body["model"], body["service_tier"]) == ("resp_1", "m1", "default")
    assert (answer.usage, answer.raw_usage, answer.finish_reason) == (COUNTED, USAGE, "tool_calls")


def test_a_whole_answer_as_a_message() -> None:
    body = json.loads(answered(whole(REASONING, message("4"), function_call("a", "")), MESSAGES).body)
    assert body["content"] == [
        block("openai", "rs_1", "gAAA", "2 and\n\n2"),
        {"type": "text", "text": "4"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
    ]
    assert body["stop_reason"] == "tool_use"


def test_citations_refusals_and_cuts() -> None:
    cited = message_of(message("as A says", annotations=[NOTE]))["message"]
    inner = {name: value for name, value in NOTE.items() if name != "type"}
    assert cited["annotations"] == [{"type": "url_citation", "url_citation": inner}]
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    assert message_of(refusal)["message"]["refusal"] == "No."
    cut = message_of(message("Once"), status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert cut["finish_reason"] == "length"


def test_a_response_that_failed_is_the_failure_it_names() -> None:
    with pytest.raises(VendorError) as failure:
        answered(whole(status="failed", error={"code": "server_is_overloaded", "message": "busy"}))
    assert failure.value.error_class is ErrorClass.OVERLOADED


CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "m1", "status": "in_progress"}}


def item_events(place: int, item: dict[str, Any], *inner: dict[str, Any]) -> list[dict[str, Any]]:
    opened = {**item, "arguments": ""} if "arguments" in item else item
    return [
        {"type": "response.output_item.added", "output_index": place, "item": opened},
        *({"output_index": place, **event} for event in inner),
        {"type": "response.output_item.done", "output_index": place, "item": item},
    ]


def summary(piece: int, delta: str) -> dict[str, Any]:
    return {"type": "response.reasoning_summary_text.delta", "summary_index": piece, "delta": delta}


def text(delta: str, **more: Any) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": delta, **more}


def argue(delta: str) -> dict[str, Any]:
    return {"type": "response.function_call_arguments.delta", "delta": delta}


def ended(*output: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": whole(*output, **more)}


EVENTS = [
    CREATED,
    *item_events(0, REASONING, summary(0, "2 "), summary(0, "and"), summary(1, "2")),
    *item_events(1, message("4 it is"), text("4 "), text("it is", logprobs=TOKENS)),
    *item_events(2, function_call("a", '{"x":1}'), argue('{"x"'), argue(":1}")),
    *item_events(3, function_call("b", "{}")),
    ended(REASONING, message("4 it is"), function_call("a", '{"x":1}'), function_call("b", "{}")),
]


def streamed(sent: bytes, ours: Call, *, step: int = 0) -> tuple[list[bytes], StreamState]:
    reader = adapter_for("openai").chunks_from(ours, OPENAI)
    pieces = [sent[at : at + step] for at in range(0, len(sent), step)] if step else [sent]
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    return frames + (reader.close() if reader.state.complete else []), reader.state


@pytest.mark.parametrize("step", [0, 1, 7])
def test_a_stream_as_chunks(step: int) -> None:
    ours = dataclasses.replace(asked(), stream=True, include_usage=True)
    frames, state = streamed(sse(*EVENTS), ours, step=step)
    found = Read(frames, [], state)
    assert (found.text, found.thoughts) == ("4 it is", "2 and\n\n2")
    pieces = [piece for delta in found.deltas for piece in delta.get("tool_calls", [])]
    assert [(piece["index"], piece.get("id"), piece["function"]["arguments"]) for piece in pieces] == [
        (0, "a", ""),
        (0, None, '{"x"'),
        (0, None, ":1}"),
        (1, "b", ""),
        (1, None, "{}"),
    ]
    blocks = [given for delta in found.deltas for given in delta.get("thinking_blocks", [])]
    assert blocks == [{"index": 0, **block("openai", "rs_1", "gAAA", "2 and\n\n2")}]
    assert found.finish_reasons == ["tool_calls"]
    assert [usage["usage"]["completion_tokens"] for usage in found.usage_chunks] == [20]
    assert frames[-1] == b"data: [DONE]\n\n"
    assert (state.usage, state.visible_chars, state.reasoning_chars) == (COUNTED, 18, 8)
    assert (state.model, state.upstream_id, state.finish_reason) == ("m1", "resp_1", "tool_calls")


def test_a_stream_as_events_of_messages() -> None:
    frames, _ = streamed(sse(*EVENTS), dataclasses.replace(messages_call(), stream=True))
    told = [json.loads(frame.partition(b"data: ")[2]) for frame in frames]
    starts = [event["content_block"]["type"] for event in told if event["type"] == "content_block_start"]
    assert starts == ["thinking", "text", "tool_use", "tool_use"]
    assert told[-2]["delta"]["stop_reason"] == "tool_use"
    assert told[-2]["usage"]["output_tokens"] == 20


def test_what_was_never_told_in_pieces_is_told_at_the_end_of_its_item() -> None:
    done = {"type": "response.output_item.done"}
    sent = sse(
        CREATED,
        {**done, "output_index": 0, "item": REASONING},
        {**done, "output_index": 1, "item": function_call("a", '{"x":1}')},
        ended(REASONING, function_call("a", '{"x":1}')),
    )
    frames, state = streamed(sent, dataclasses.replace(asked(), stream=True))
    found = Read(frames, [], state)
    assert found.thoughts == "2 and\n\n2"
    pieces = [
        piece["function"]["arguments"] for delta in found.deltas for piece in delta.get("tool_calls", [])
    ]
    assert "".join(pieces) == '{"x":1}'


def test_annotations_and_refusals_of_a_stream() -> None:
    note = {"type": "response.output_text.annotation.added", "annotation": NOTE}
    refusal = {"type": "response.refusal.delta", "delta": "No."}
    frames, state = streamed(sse(CREATED, text("a"), note, refusal, ended(message("a"))), asked())
    deltas = Read(frames, [], state).deltas
    inner = {name: value for name, value in NOTE.items() if name != "type"}
    assert {"annotations": [{"type": "url_citation", "url_citation": inner}]} in deltas
    assert {"refusal": "No."} in deltas


def test_a_comment_is_a_heartbeat() -> None:
    assert streamed(b": keep\n\n", asked())[0] == [b": keepalive\n\n"]


def test_a_cut_stream_is_not_complete() -> None:
    _, state = streamed(sse(*EVENTS[:-1]), asked())
    assert (state.complete, state.error, state.content_started) == (False, None, True)


def test_an_error_inside_the_stream_ends_it() -> None:
    error = {"type": "error", "code": "rate_limit_exceeded", "message": "slow"}
    frames, state = streamed(sse(CREATED, text("a"), error, text("more")), asked())
    assert state.error is not None
    assert (state.error.error_class, state.complete) == (ErrorClass.RATE_LIMITED, False)
    assert b"more" not in b"".join(frames)
