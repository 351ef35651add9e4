"""Anthropic's own dialect to Anthropic: bytes pass (checks K8, L1, L2)."""

import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import Answer, ErrorClass, Target, VendorError, VendorRequest
from proxy.adapters.registry import adapter_for
from proxy.dialects.messages.dialect import COUNT_TOKENS, MESSAGES
from proxy.interchange import signatures
from proxy.interchange.dialect import Call
from tests.proxy.adapters.anthropic_calls import read
from tests.proxy.adapters.anthropic_events import (
    HELLO,
    STOP,
    block,
    delta,
    end,
    message,
    piece,
    start,
)
from tests.proxy.adapters.drive import Read, sse, target

ODD = b"""{
  "model" : "public/name",  "max_tokens":500,
  "brand_new": {"b" :1.0, "a":[ 1e2,"\\u00e9" ]},
  "system":[{"type":"text", "text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],
  "messages": [ {"role":"user","content":"hi"},
    {"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"a+b/=="},
      {"type":"redacted_thinking","data":"x"},{"type":"tool_use","id":"t","name":"f","input":{"z":1,"a":2.50}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]} ]
}"""


def asked(raw: bytes, *, dialect: Any = MESSAGES, **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.loads(raw)
    return Call(dialect=dialect, body=body, raw=raw, stream=bool(body.get("stream")), headers=named)


def sent(raw: bytes, *, ceiling: int | None = None, **how: Any) -> VendorRequest:
    aimed = Target("anthropic", "https://vendor.test", "claude-opus-4-8", "canary-key", ceiling)
    return adapter_for("anthropic").request_for(asked(raw, **how), aimed)


def encoded(**body: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 500, "messages": [], **body}).encode()


def test_every_value_keeps_its_bytes_but_the_model() -> None:
    request = sent(ODD)
    assert request.url == "https://vendor.test/v1/messages"
    assert request.body == (
        b'{"model":"claude-opus-4-8","max_tokens":500,'
        b'"brand_new":{"b" :1.0, "a":[ 1e2,"\\u00e9" ]},'
        b'"system":[{"type":"text", "text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],'
        b'"messages":' + ODD[ODD.index(b'[ {"role"') : ODD.rindex(b"]") + 1] + b"}"
    )
    assert request.dropped == ()


def test_the_same_call_gives_the_same_bytes() -> None:
    assert len({sent(ODD).body for _ in range(3)}) == 1


def test_the_callers_versions_are_forwarded_and_none_is_added() -> None:
    assert sent(ODD, anthropic_version="2026-10-21", anthropic_beta="new-thing-2026,other").headers == {
        "Content-Type": "application/json",
        "x-api-key": "canary-key",
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "new-thing-2026,other",
    }
    assert sent(ODD).headers == {
        "Content-Type": "application/json",
        "x-api-key": "canary-key",
        "anthropic-version": "2023-06-01",
    }


@pytest.mark.parametrize("name", ["x-api-key", "authorization", "host", "cookie", "X-Api-Key"])
def test_a_header_of_ours_is_never_the_callers(name: str) -> None:
    theirs: dict[str, Any] = {name: "theirs"}
    headers = sent(ODD, **theirs).headers
    assert headers["x-api-key"] == "canary-key"
    assert "theirs" not in headers.values()


@pytest.mark.parametrize(("ceiling", "expected"), [(None, 500), (900, 500), (500, 500), (200, 200)])
def test_a_lower_ceiling_replaces_the_callers(ceiling: int | None, expected: int) -> None:
    assert json.loads(sent(ODD, ceiling=ceiling).body)["max_tokens"] == expected


@pytest.mark.parametrize(
    ("budget", "ceiling", "expected"),
    [(8000, 9000, 8000), (8000, 8000, 6000), (8000, 1200, 1024), (8000, 1000, 8000)],
)
def test_a_thinking_budget_follows_the_ceiling_as_far_as_it_can(
    budget: int, ceiling: int, expected: int
) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget, "display": "omitted"}
    body = json.loads(sent(encoded(max_tokens=10_000, thinking=thinking), ceiling=ceiling).body)
    assert body["thinking"] == {**thinking, "budget_tokens": expected}


@pytest.mark.parametrize(
    "name", ["api_base", "base_url", "api_key", "custom_host", "extra_headers", "Extra_Body"]
)
def test_what_would_redirect_our_credential_is_dropped(name: str) -> None:
    request = sent(encoded(**{name: "https://evil.test"}))
    assert b"evil" not in request.body
    assert request.dropped == (name,)


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
OWN = {"type": "thinking", "thinking": "", "signature": "own"}
FOREIGN = {"type": "thinking", "thinking": "h", "signature": signatures.sealed("openai", "rs_1", "enc")}


def test_geminis_signatures_are_cut_from_ids() -> None:
    held = signatures.in_id("t1", "c2ln")
    result = {"type": "tool_result", "tool_use_id": held, "content": "ok"}
    messages = [assistant({**USE, "id": held}), {"role": "user", "content": [result]}]
    body = json.loads(sent(encoded(messages=messages, brand_new=1.0)).body)
    assert body["messages"] == [
        assistant(USE),
        {"role": "user", "content": [{**result, "tool_use_id": "t1"}]},
    ]


def test_another_vendors_thinking_is_left_out() -> None:
    user = {"role": "user", "content": "hi"}
    messages = [user, assistant(OWN, FOREIGN, USE), user, assistant(FOREIGN), user]
    body = json.loads(sent(encoded(messages=messages)).body)
    assert body["messages"] == [user, assistant(OWN, USE), user, user]


def answered(body: bytes, *, dialect: Any = MESSAGES) -> Answer:
    call = asked(encoded(), dialect=dialect)
    return adapter_for("anthropic").response_from(body, {"request-id": "req_1"}, call, target("anthropic"))


def test_a_whole_answer_keeps_its_bytes() -> None:
    body = message({"type": "text", "text": "Hello"}, stop="max_tokens", brand_new=1).replace(b", ", b" ,")
    answer = answered(body)
    assert answer.body is body
    assert answer.usage == Usage(input=10, cache_read=5, output=7)
    assert (answer.text, answer.finish_reason, answer.model) == ("Hello", "length", "claude-sonnet-4-5")
    assert answer.upstream_id == "msg_1"


@pytest.mark.parametrize("dialect", [MESSAGES, COUNT_TOKENS], ids=["messages", "count_tokens"])
def test_an_error_inside_a_200_is_raised(dialect: Any) -> None:
    with pytest.raises(VendorError) as failure:
        answered(
            b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', dialect=dialect
        )
    assert failure.value.error_class is ErrorClass.OVERLOADED


def test_tokens_are_counted_by_the_vendor() -> None:
    """Never by a guess of ours, never billed (checks L2)."""
    request = sent(ODD, dialect=COUNT_TOKENS, anthropic_beta="b", ceiling=7)
    assert request.url == "https://vendor.test/v1/messages/count_tokens"
    assert request.headers["anthropic-beta"] == "b"
    assert request.body == sent(ODD).body
    answer = answered(b'{"input_tokens" : 14}', dialect=COUNT_TOKENS)
    assert (answer.body, answer.usage, answer.raw_usage) == (b'{"input_tokens" : 14}', None, None)
    assert answer.upstream_id == "req_1"


@pytest.mark.parametrize("body", [b"{}", b'{"input_tokens":0}', b'{"input_tokens":"7"}', b"[]", b"<html>"])
def test_a_count_that_is_none_is_the_vendors_failure(body: bytes) -> None:
    with pytest.raises(VendorError) as failure:
        answered(body, dialect=COUNT_TOKENS)
    assert failure.value.error_class is ErrorClass.PROVIDER


def passed(raw: bytes, step: int = 0) -> Read:
    return read(raw, asked(encoded(stream=True)), step=step)


RAW = (
    b": hello\r\n\r\n"
    + sse(start())
    + b'event: ping\ndata: {"type" : "ping"}\n\n'
    + sse(*HELLO, {"type": "brand_new", "x": 1}).replace(b"\n", b"\r\n")
    + sse(delta(output_tokens=7))
)
LAST = b'event: message_stop\ndata: {"type":"message_stop" }\n\n'


@pytest.mark.parametrize("step", [0, 1, 7])
def test_a_streams_frames_keep_their_bytes(step: int) -> None:
    """Comments, pings, CRLF and unknown events too; the end waits for the settlement."""
    found = passed(RAW + LAST, step)
    assert b"".join(found.fed) == RAW
    assert found.closed == [LAST]
    state = found.state
    assert (state.complete, state.usage, state.finish_reason) == (True, Usage(input=25, output=7), "stop")
    assert (state.visible_chars, state.content_started, state.model) == (5, True, "claude-sonnet-4-5")


@pytest.mark.parametrize(
    ("events", "started"),
    [
        ([], False),
        ([block(0, "text", text="")], False),
        ([block(0, "text", text=""), piece(0, "text_delta", text="a")], True),
        ([block(0, "thinking", thinking=""), piece(0, "thinking_delta", thinking="a")], True),
        ([block(0, "tool_use", id="t", name="f", input={})], True),
        ([block(0, "redacted_thinking", data="x")], True),
    ],
)
def test_content_starts_with_the_first_frame_that_says_something(events: list[Any], started: bool) -> None:
    assert passed(sse(start(), *events)).state.content_started is started


def test_an_error_event_is_not_passed() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    found = passed(sse(start(), *HELLO) + sse(error, STOP))
    assert b"".join(found.fed) == sse(start(), *HELLO)
    assert found.state.error is not None
    assert found.state.error.error_class is ErrorClass.OVERLOADED
    assert (found.closed, found.state.usage) == ([], Usage(input=25))


def test_a_message_after_the_stop_lets_the_first_end_pass() -> None:
    raw = sse(start(), *HELLO, delta(output_tokens=4), STOP, start("msg_2"), *HELLO, delta(output_tokens=7))
    found = passed(raw + LAST)
    assert b"".join(found.fed) == raw
    assert found.closed == [LAST]
    assert found.state.usage == Usage(input=50, output=11)


def test_a_stream_without_its_end_is_incomplete() -> None:
    found = passed(sse(start(), *HELLO, end(0), delta(output_tokens=7)))
    assert (found.state.complete, found.closed) == (False, [])
