"""The caller's chat completion: what is valid, what each error names, and the bounds that a hold needs."""

import json
from typing import Any

import pytest

from proxy import bounds, errors
from proxy.dialects.chat.dialect import CHAT
from proxy.interchange.dialect import ParsedCall
from tests.proxy import values

HELLO = [{"role": "user", "content": "hello"}]


def parse(raw: bytes) -> ParsedCall:
    return CHAT.parse(raw, {})


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "gpt-4o", "messages": HELLO} | fields).encode()


def without(field: str) -> bytes:
    return json.dumps({name: value for name, value in json.loads(body()).items() if name != field}).encode()


def refused(raw: bytes) -> errors.BadRequest:
    with pytest.raises(errors.BadRequest) as refusal:
        parse(raw)
    assert refusal.value.status == 400
    return refusal.value


def test_a_small_request() -> None:
    raw = body()

    parsed = parse(raw)

    assert (parsed.model, parsed.size, parsed.choices, parsed.max_output_tokens) == (
        "gpt-4o",
        len(raw),
        1,
        None,
    )
    assert (parsed.call.stream, parsed.call.include_usage) == (False, False)
    assert parsed.call.body == {"model": "gpt-4o", "messages": HELLO}


def test_fields_that_we_do_not_know_are_passed_on() -> None:
    assert parse(body(logit_bias={"50256": -100}, seed=7)).call.body["logit_bias"] == {"50256": -100}


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "The body is not valid JSON"),
        (b"{", "The body is not valid JSON"),
        (b"\xff\xfe", "The body is not valid JSON"),
        (b'{"model": "m", "messages": NaN}', "The body is not valid JSON"),
        (b'{"model": "\\ud800"}', "The body is not valid JSON"),
        (b"[]", "The body must be a JSON object."),
        (b'"text"', "The body must be a JSON object."),
        (b"null", "The body must be a JSON object."),
        (b"[" * 100_000, "The body is nested too deeply."),
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes, says: str) -> None:
    error = refused(raw)

    assert error.code == "invalid_json"
    assert error.message.startswith(says)


@pytest.mark.parametrize("field", ["model", "messages"])
def test_a_missing_field_is_named(field: str) -> None:
    error = refused(without(field))

    assert (error.code, error.param) == ("invalid_value", field)
    assert error.message == f"{field}: is required"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": "x" * 201}, "model"),
        ({"model": 4}, "model"),
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"content": "hello"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [*HELLO, {"role": "user", "content": 3}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": ["hello"]}]}, "messages[0].content[0]"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 10_000_001}, "max_tokens"),
        ({"max_tokens": 10**30}, "max_tokens"),
        ({"max_tokens": "100"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"stop": 7}, "stop"),
        ({"stop": [7]}, "stop[0]"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"reasoning_effort": 3}, "reasoning_effort"),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    error = refused(body(**fields))

    assert (error.code, error.param) == ("invalid_value", param)
    assert error.message.startswith(f"{param}: ")


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 1},
        {"max_tokens": 10_000_000},
        {"max_tokens": None},
        {"temperature": 0},
        {"temperature": 2},
        {"top_p": 1},
        {"n": 128},
        {"stop": "END"},
        {"stop": ["END", "STOP"]},
        {"stream": False},
        {"stream_options": {}},
        {"messages": [{"role": "assistant", "content": None}]},
        {
            "messages": [
                {"role": role, "content": "x"} for role in ("system", "developer", "tool", "function")
            ]
        },
        {"model": "x" * 200},
    ],
)
def test_a_field_at_its_bound_is_valid(fields: dict[str, Any]) -> None:
    parse(body(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "a\x00b"},
        {"model": "gpt\x004o"},
        {"messages": [{"role": "user", "content": "a\x00b"}]},
        {"metadata": {"a\x00b": 1}},
        {"tools": [{"function": {"arguments": ["\x00"]}}]},
    ],
)
def test_a_nul_character_is_refused_wherever_it_is(fields: dict[str, Any]) -> None:
    assert refused(body(**fields)).message == "The request contains a NUL character (U+0000)."


def test_a_backslash_before_u0000_is_not_a_nul_character() -> None:
    parse(body(user="a\\u0000b"))


def test_nesting_without_end_is_the_callers_mistake_at_every_depth() -> None:
    for depth in range(700, 1_100, 1):
        raw = b'{"x":' + b"[" * depth + b'"\\u0000"' + b"]" * depth + b"," + body()[1:]
        assert refused(raw).code in ("invalid_json", "invalid_value")


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, None),
        ({"max_tokens": 10}, 10),
        ({"max_completion_tokens": 20}, 20),
        ({"max_tokens": 10, "max_completion_tokens": 20}, 20),
    ],
)
def test_the_ceiling_that_the_caller_named(fields: dict[str, Any], asked: int | None) -> None:
    assert parse(body(**fields)).max_output_tokens == asked


@pytest.mark.parametrize(
    ("fields", "largest", "wanted", "least"),
    [
        ({}, 16_384, 16_384, 256),
        ({}, 100, 100, 100),
        ({}, None, 16_384, 256),
        ({"n": 3}, 1_000, 3_000, 768),
        ({"max_tokens": 10}, 16_384, 10, 10),
        ({"max_tokens": 10, "n": 3}, 16_384, 30, 30),
    ],
)
def test_output_bounds(fields: dict[str, Any], largest: int | None, wanted: int, least: int) -> None:
    """A caller who named a ceiling gets it or nothing; the others get what there is, if it is of use."""
    model = values.model(max_output_tokens=largest)

    assert bounds.output_bounds(parse(body(**fields)), model) == (wanted, least)


def test_the_input_is_bounded_by_the_bytes_of_the_request() -> None:
    raw = body(messages=[{"role": "user", "content": "\u2603" * 10}])

    assert bounds.input_bound(parse(raw)) == len(raw)


@pytest.mark.parametrize(
    ("parts", "linked"),
    [
        ([{"type": "text", "text": "hello"}], 0),
        ([{"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}}], 1),
        ([{"type": "file", "file": {"file_id": "f"}}, {"type": "image_url"}, {"type": "text"}], 2),
        ([{"no": "type"}], 0),
        ([{"type": ["odd"]}], 1),
    ],
)
def test_a_part_whose_bytes_are_elsewhere_is_bounded_by_a_number(
    parts: list[dict[str, Any]], linked: int
) -> None:
    parsed = parse(raw := body(messages=[{"role": "user", "content": parts}]))

    assert parsed.linked_parts == linked
    assert bounds.input_bound(parsed) == len(raw) + 50_000 * linked


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, (False, False, False)),
        ({"service_tier": "flex"}, (True, False, False)),
        ({"speed": "fast"}, (True, False, False)),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "cache_control": {"type": "ephemeral"}}]}
                ]
            },
            (False, True, False),
        ),
        ({"modalities": ["text", "audio"]}, (False, False, True)),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, (False, False, True)),
        ({"user": "my audio, my cache_control, my service_tier"}, (False, False, False)),
    ],
)
def test_what_may_make_a_call_dearer_is_seen(fields: dict[str, Any], told: tuple[bool, bool, bool]) -> None:
    parsed = parse(body(**fields))

    assert (parsed.asks_tier, parsed.caches, parsed.audio) == told


def test_streaming_and_its_usage_chunk_are_seen() -> None:
    call = parse(body(stream=True, stream_options={"include_usage": True})).call

    assert (call.stream, call.include_usage) == (True, True)
