"""A responses request: what is valid, what each error names, what a hold needs to know of it."""

import json
from typing import Any

import pytest

from proxy import errors
from proxy.dialects.responses.dialect import RESPONSES


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "gpt", "input": "hello"} | fields).encode()


def refused(raw: bytes) -> errors.BadRequest:
    with pytest.raises(errors.BadRequest) as refusal:
        RESPONSES.parse(raw, {})
    return refusal.value


def test_a_small_request() -> None:
    raw = body(stream=True, max_output_tokens=100)

    parsed = RESPONSES.parse(raw, {})

    assert (parsed.model, parsed.size, parsed.max_output_tokens) == ("gpt", len(raw), 100)
    assert (parsed.choices, parsed.output, parsed.previous) == (1, True, "")
    assert (parsed.call.stream, parsed.call.raw, parsed.call.dialect) == (True, raw, RESPONSES)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"input": 3}, "input"),
        ({"input": None}, "input"),
        ({"input": ["hello"]}, "input[0]"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"stream": "yes"}, "stream"),
        ({"previous_response_id": 7}, "previous_response_id"),
    ],
)
def test_a_wrong_value_is_named(fields: dict[str, Any], param: str) -> None:
    refusal = refused(body(**fields))

    assert (refusal.status, refusal.code, refusal.param) == (400, "invalid_value", param)


def test_fewer_tokens_than_openai_takes_are_openais_to_refuse() -> None:
    assert RESPONSES.parse(body(max_output_tokens=1), {}).max_output_tokens == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("background", True),
        ("conversation", "conv_1"),
        ("conversation", {"id": "conv_1"}),
        ("prompt", {"id": "pmpt_1"}),
    ],
)
def test_what_the_vendor_keeps_for_our_account_is_refused(field: str, value: Any) -> None:
    refusal = refused(body(**{field: value}))

    assert (refusal.status, refusal.code, refusal.param) == (400, "unsupported_parameter", field)


@pytest.mark.parametrize("field", ["background", "conversation", "prompt"])
def test_what_is_set_to_nothing_asks_for_nothing(field: str) -> None:
    assert RESPONSES.parse(body(**{field: None}), {}).model == "gpt"


def test_an_answer_to_continue_needs_no_input() -> None:
    parsed = RESPONSES.parse(b'{"model": "gpt", "previous_response_id": "resp_1"}', {})

    assert parsed.previous == "resp_1"


@pytest.mark.parametrize(
    ("item", "linked"),
    [
        ({"role": "user", "content": "hello"}, 0),
        ({"role": "user", "content": [{"type": "input_text", "text": "hello"}]}, 0),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "https://a.example/b"}]}, 1),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "f"}, {"type": "input_audio"}]}, 2),
        ({"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image"}]}, 1),
        ({"type": "function_call_output", "call_id": "c", "output": "sunny"}, 0),
        ({"type": "computer_call_output", "output": {"type": "computer_screenshot"}}, 2),
        ({"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}, 0),
        ({"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "x"}, 0),
        ({"type": "custom_tool_call_output", "call_id": "c", "output": [{"type": "input_image"}]}, 1),
        ({"type": "additional_tools", "tools": [{"type": "custom", "name": "n"}]}, 0),
        ({"type": "item_reference", "id": "msg_1"}, 1),
        ({"id": "msg_1"}, 1),
        ({"type": ["message"]}, 1),
    ],
)
def test_what_the_bytes_do_not_bound_is_counted(item: dict[str, Any], linked: int) -> None:
    assert RESPONSES.parse(body(input=[item]), {}).linked_parts == linked


def test_what_a_route_and_a_price_must_know() -> None:
    plain = RESPONSES.parse(body(), {})
    rich = RESPONSES.parse(
        body(
            service_tier="flex",
            tools=[{"type": "web_search"}],
            prompt_cache_options={"mode": "explicit"},
            input=[{"role": "user", "content": [{"type": "input_audio"}]}],
        ),
        {},
    )

    assert (plain.asks_tier, plain.has_tools, plain.caches, plain.audio) == (False, False, False, False)
    assert (rich.asks_tier, rich.has_tools, rich.caches, rich.audio) == (True, True, True, True)


def test_tools_that_the_input_declares_are_tools() -> None:
    item = {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "n"}]}

    assert RESPONSES.parse(body(input=[item]), {}).has_tools


def test_a_type_cannot_hide_behind_an_escape() -> None:
    raw = body(input=[{"role": "user", "content": [{"type": "input_audio"}]}])

    assert RESPONSES.parse(raw.replace(b"input_audio", b"input_\\u0061udio"), {}).audio


def test_the_beta_header_goes_on_and_no_other() -> None:
    headers = {b"openai-beta": b"responses=v2", b"openai-organization": b"org"}

    assert RESPONSES.parse(body(), headers).call.headers == {"openai-beta": "responses=v2"}
