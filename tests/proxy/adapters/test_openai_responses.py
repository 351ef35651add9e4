"""Responses for callers who speak them: bytes pass both ways, and the books are kept."""

import dataclasses
import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import Answer, ErrorClass, StreamState, Target, VendorError
from proxy.adapters.openai.request import NEVER_FORWARDED
from proxy.adapters.registry import adapter_for
from proxy.dialects.registry import RESPONSES
from proxy.interchange import reasoning_items, signatures
from proxy.interchange.conversation import Thinking
from proxy.interchange.dialect import Call, Link
from tests.proxy.adapters.drive import sse, target

OPENAI = dataclasses.replace(target("openai"), serves_responses=True)


def asked(raw: str = '{"model": "public", "input": "hi"}', **more: Any) -> Call:
    return Call(dialect=RESPONSES, body=json.loads(raw), raw=raw.encode(), **more)


def sent(raw: str, aimed: Target = OPENAI) -> bytes:
    return adapter_for("openai").request_for(asked(raw), aimed).body


def test_the_request_is_a_post_with_the_callers_headers_and_our_credential() -> None:
    request = adapter_for("openai").request_for(asked(headers={"openai-beta": "x"}), OPENAI)
    assert (request.method, request.url) == ("POST", "https://vendor.test/v1/responses")
    assert request.headers == {
        "openai-beta": "x",
        "Content-Type": "application/json",
        "Authorization": "Bearer canary-key",
    }


def test_every_field_but_the_model_goes_as_the_bytes_that_came() -> None:
    raw = '{"input":[{ "role":"user" , "content":"h\\u00e9" }],"odd": 1.50, "model":"public","tools":[ ]}'
    assert sent(raw) == (
        b'{"input":[{ "role":"user" , "content":"h\\u00e9" }],"odd":1.50,"model":"gpt-4o","tools":[ ]}'
    )


@pytest.mark.parametrize("name", sorted(NEVER_FORWARDED))
def test_fields_that_would_redirect_our_credential_are_never_forwarded(name: str) -> None:
    raw = json.dumps({"model": "public", "input": "hi", name: "https://attacker.test"})
    assert json.loads(sent(raw)) == {"model": "gpt-4o", "input": "hi"}


@pytest.mark.parametrize(
    ("asked_for", "granted", "expected"),
    [(None, None, None), (50, None, 50), (None, 100, 100), (50, 100, 50), (500, 100, 100)],
)
def test_the_lower_ceiling_is_sent(asked_for: int | None, granted: int | None, expected: int | None) -> None:
    raw = json.dumps({"input": "hi"} | ({"max_output_tokens": asked_for} if asked_for else {}))
    body = json.loads(sent(raw, dataclasses.replace(OPENAI, max_output_tokens=granted)))
    assert body.get("max_output_tokens") == expected


def test_what_other_vendors_signed_is_taken_out() -> None:
    marked = signatures.in_id("call_1", "c2lnbmVk")
    foreign = reasoning_items.sealed(Thinking(text="hm", signature="sig", origin="anthropic"))
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "summary": [], "encrypted_content": foreign},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "function_call", "call_id": marked, "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": marked, "output": "1"},
    ]
    assert json.loads(sent(json.dumps({"input": items})))["input"] == [
        items[1],
        {**items[2], "call_id": "call_1"},
        {**items[3], "call_id": "call_1"},
    ]


IMAGE = {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"}
FILE = {"type": "input_file", "file_url": "https://example.com/b.pdf"}
LINKED = json.dumps(
    {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "see"}, IMAGE]},
            {"type": "function_call_output", "call_id": "a", "output": [FILE]},
            {"role": "user", "content": "https://example.com/c"},
        ]
    }
)


def test_links_are_fetched_only_for_vendors_that_do_not_follow_them() -> None:
    blind = dataclasses.replace(OPENAI, follows_links=False)
    adapter, ours = adapter_for("openai"), asked(LINKED)
    assert adapter.links_for(ours, OPENAI) == ()
    assert adapter.links_for(ours, blind) == ("https://example.com/a.png", "https://example.com/b.pdf")
    fetched = {
        "https://example.com/a.png": Link("image/png", b"png"),
        "https://example.com/b.pdf": Link("application/pdf", b"pdf"),
    }
    sent_items = json.loads(adapter.request_for(asked(LINKED, links=fetched), blind).body)["input"]
    assert sent_items[0]["content"][1] == {**IMAGE, "image_url": "data:image/png;base64,cG5n"}
    assert sent_items[1]["output"] == [
        {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,cGRm"}
    ]
    assert sent_items[2] == {"role": "user", "content": "https://example.com/c"}


USAGE = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 10},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 15},
    "total_tokens": 50,
}
COUNTED = Usage(input=20, cache_read=10, output=5, reasoning=15)
TEXT: dict[str, Any] = {
    "type": "message",
    "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
}
CALL: dict[str, Any] = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
SEARCH = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}
INTERPRETER = {"type": "code_interpreter_call", "status": "completed"}


def response(*output: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    whole = {"id": "resp_1", "object": "response", "model": "m1", "status": status, "output": list(output)}
    return {**whole, "service_tier": "default", "usage": USAGE, **more}


def answered(body: Any) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return adapter_for("openai").response_from(raw, {"X-Request-Id": "req_9"}, asked(), OPENAI)


def test_the_answer_goes_back_as_the_very_bytes_that_came() -> None:
    raw = json.dumps(response(TEXT), indent=2).encode()
    assert answered(raw).body is raw


def test_what_the_ledger_needs_is_read() -> None:
    answer = answered(response(TEXT, service_tier="priority"))
    assert (answer.usage, answer.raw_usage, answer.variant) == (COUNTED, USAGE, "priority")
    assert (answer.text, answer.finish_reason) == ("Hi", "stop")
    assert (answer.model, answer.upstream_id, answer.flags) == ("m1", "resp_1", ())


CUT: dict[str, Any] = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
FILTERED: dict[str, Any] = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}


@pytest.mark.parametrize(
    ("body", "finish"),
    [
        (response(TEXT), "stop"),
        (response(TEXT, CALL), "tool_calls"),
        (response(TEXT, **CUT), "length"),
        (response(TEXT, **FILTERED), "content_filter"),
        (response(TEXT, status="incomplete"), "length"),
        (response(status="queued", usage=None), None),
    ],
)
def test_how_the_answer_ended(body: dict[str, Any], finish: str | None) -> None:
    assert answered(body).finish_reason == finish


def test_an_answer_without_usage_has_none() -> None:
    answer = answered(response(TEXT, usage=None))
    assert (answer.usage, answer.raw_usage) == (None, None)


def test_built_in_tools_are_billed_by_their_calls() -> None:
    answer = answered(response(SEARCH, SEARCH, INTERPRETER, TEXT))
    assert answer.usage == Usage(input=20, cache_read=10, output=5, reasoning=15, requests=2)
    assert answer.flags == ("unpriced:code_interpreter_call",)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"output": 5}', b"<html>"])
def test_an_answer_that_cannot_be_read_is_the_vendors_failure(body: bytes) -> None:
    with pytest.raises(VendorError) as failure:
        answered(body)
    assert failure.value.error_class is ErrorClass.PROVIDER


ERRORS = [
    ("server_error", ErrorClass.PROVIDER),
    ("rate_limit_exceeded", ErrorClass.RATE_LIMITED),
    ("server_is_overloaded", ErrorClass.OVERLOADED),
    ("insufficient_quota", ErrorClass.CREDENTIAL_FUNDS),
    ("invalid_prompt", ErrorClass.CALLER),
    ("failed_to_download_image", ErrorClass.CALLER),
]


@pytest.mark.parametrize(("code", "error_class"), ERRORS)
def test_a_response_that_failed_is_the_failure_it_names(code: str, error_class: ErrorClass) -> None:
    failed = response(status="failed", error={"code": code, "message": "words"}, usage=None)
    with pytest.raises(VendorError) as failure:
        answered(failed)
    assert (failure.value.error_class, failure.value.code) == (error_class, code)
    assert failure.value.message == "words"


def test_an_error_inside_a_200_is_raised_for_what_it_is() -> None:
    with pytest.raises(VendorError) as failure:
        answered({"error": {"code": 429, "message": "Provider returned error"}})
    assert failure.value.error_class is ErrorClass.RATE_LIMITED


CREATED: dict[str, Any] = {"type": "response.created", "response": response(status="in_progress", usage=None)}
DELTA: dict[str, Any] = {"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"}
COMPLETED: dict[str, Any] = {"type": "response.completed", "response": response(TEXT)}


def read(sent_bytes: bytes, *, step: int = 0) -> tuple[list[bytes], list[bytes], StreamState]:
    """Frames of ``feed``, frames of ``close``, state."""
    reader = adapter_for("openai").chunks_from(asked(stream=True), OPENAI)
    pieces = [sent_bytes[at : at + step] for at in range(0, len(sent_bytes), step)] if step else [sent_bytes]
    fed = [frame for piece in pieces for frame in reader.feed(piece)]
    return fed, reader.close() if reader.state.complete else [], reader.state


@pytest.mark.parametrize("step", [0, 1, 7])
def test_every_frame_passes_as_the_bytes_that_came_and_the_last_is_held_back(step: int) -> None:
    begun = b"event: response.created\r\ndata: " + json.dumps(CREATED).encode() + b"\r\n\r\n"
    comment, odd = b": keep\n\n", b'event: response.new\ndata: {"type": "response.new", "x": 1.50}\n\n'
    end = sse(COMPLETED)
    fed, closed, state = read(begun + comment + sse(DELTA) + odd + end, step=step)
    assert b"".join(fed) == begun + comment + sse(DELTA) + odd
    assert (closed, state.complete, state.error) == ([end], True, None)


def test_what_follows_the_last_event_is_held_back_too() -> None:
    end = sse(COMPLETED)
    fed, closed, state = read(sse(CREATED) + end + sse("[DONE]"))
    assert (fed, b"".join(closed), state.complete) == ([sse(CREATED)], end + sse("[DONE]"), True)


def test_the_state_knows_what_went_by() -> None:
    thought = {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hmm"}
    _, _, state = read(sse(CREATED, thought, DELTA, COMPLETED))
    assert (state.model, state.upstream_id, state.finish_reason) == ("m1", "resp_1", "stop")
    assert (state.visible_chars, state.reasoning_chars) == (2, 3)
    assert (state.usage, state.raw_usage, state.service_tier) == (COUNTED, USAGE, "default")


@pytest.mark.parametrize(
    ("event", "started"),
    [
        (CREATED, False),
        ({"type": "response.output_item.added", "item": {"type": "reasoning"}}, False),
        (DELTA, True),
        ({"type": "response.function_call_arguments.delta", "delta": "{"}, True),
        ({"type": "response.web_search_call.in_progress"}, True),
        ({"type": "response.output_item.done", "item": CALL}, True),
    ],
)
def test_content_starts_with_the_first_event_that_says_something(
    event: dict[str, Any], started: bool
) -> None:
    assert read(sse(event))[2].content_started is started


def test_an_incomplete_response_is_a_good_end() -> None:
    _, closed, state = read(sse(DELTA, {"type": "response.incomplete", "response": response(TEXT, **CUT)}))
    assert (state.complete, state.finish_reason, state.native_finish) == (True, "length", "max_output_tokens")
    assert len(closed) == 1


def test_fees_of_a_stream_are_those_of_its_items() -> None:
    ended = {"type": "response.completed", "response": response(SEARCH, TEXT)}
    state = read(sse(DELTA, ended))[2]
    assert state.usage == Usage(input=20, cache_read=10, output=5, reasoning=15, requests=1)


def test_a_cut_stream_is_not_complete() -> None:
    assert not read(sse(CREATED, DELTA))[2].complete


@pytest.mark.parametrize(("code", "error_class"), ERRORS)
@pytest.mark.parametrize("shape", ["failed", "flat", "nested"])
def test_an_error_inside_the_stream_ends_it(shape: str, code: str, error_class: ErrorClass) -> None:
    error = {"code": code, "message": "words"}
    shapes: dict[str, dict[str, Any]] = {
        "failed": {"type": "response.failed", "response": response(status="failed", error=error, usage=None)},
        "flat": {"type": "error", **error, "param": None, "sequence_number": 2},
        "nested": {"type": "error", "error": {"type": code, **error}},
    }
    fed, closed, state = read(sse(CREATED, DELTA, shapes[shape], DELTA))
    assert (fed, closed, state.complete) == ([sse(CREATED), sse(DELTA)], [], False)
    assert state.error is not None
    assert (state.error.error_class, state.error.code, state.error.message) == (error_class, code, "words")


def test_usage_of_a_response_that_failed_is_kept() -> None:
    failed = response(status="failed", error={"code": "server_error", "message": "x"})
    state = read(sse(DELTA, {"type": "response.failed", "response": failed}))[2]
    assert (state.usage, state.error is not None) == (COUNTED, True)


@pytest.mark.parametrize("junk", [b"data: {\n\n", b"data: 4\n\n", b"data: <html>\n\n", b"data: \xff\n\n"])
def test_an_event_that_is_none_is_the_vendors_failure(junk: bytes) -> None:
    error = read(sse(DELTA) + junk + sse(DELTA))[2].error
    assert error is not None
    assert error.error_class is ErrorClass.PROVIDER
