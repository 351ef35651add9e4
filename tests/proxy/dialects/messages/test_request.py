"""A messages request: what is valid, what each error names, what a hold needs to know of it."""

import json
from typing import Any

import pytest

from proxy import bounds, errors
from proxy.dialects.messages.dialect import COUNT_TOKENS, MESSAGES

HELLO = [{"role": "user", "content": "hello"}]


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "claude", "max_tokens": 100, "messages": HELLO} | fields).encode()


def refused(raw: bytes) -> errors.BadRequest:
    with pytest.raises(errors.BadRequest) as refusal:
        MESSAGES.parse(raw, {})
    return refusal.value


def test_a_small_request() -> None:
    raw = body(stream=True)

    parsed = MESSAGES.parse(raw, {})

    assert (parsed.model, parsed.size, parsed.max_output_tokens, parsed.choices) == (
        "claude",
        len(raw),
        100,
        1,
    )
    assert (parsed.call.stream, parsed.call.raw, parsed.output) == (True, raw, True)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "100"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": ""}, "model"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    error = refused(body(**fields))

    assert (error.status, error.param) == (400, param)


def test_a_ceiling_is_required() -> None:
    raw = json.dumps({"model": "claude", "messages": HELLO}).encode()

    assert refused(raw).param == "max_tokens"
    assert COUNT_TOKENS.parse(raw, {}).output is False


def test_only_anthropics_own_headers_are_kept_for_the_vendor() -> None:
    headers = {
        b"anthropic-version": b"2023-06-01",
        b"anthropic-beta": b"a-2025-01-01,never-heard-of-it",
        b"authorization": b"Bearer tg_secret",
        b"x-api-key": b"tg_secret",
    }

    assert MESSAGES.parse(body(), headers).call.headers == {
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "a-2025-01-01,never-heard-of-it",
    }


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://pictures.example/1.png"}}


@pytest.mark.parametrize(
    ("blocks", "linked"),
    [
        ([{"type": "text", "text": "x"}], 0),
        ([IMAGE], 1),
        ([IMAGE, {"type": "document"}], 2),
        ([{"type": "tool_result", "tool_use_id": "t", "content": [IMAGE, {"type": "text", "text": "x"}]}], 1),
        ([{"type": "thinking"}, {"type": "tool_use"}], 0),
    ],
)
def test_blocks_whose_bytes_are_elsewhere_are_bounded_by_a_number(
    blocks: list[dict[str, Any]], linked: int
) -> None:
    parsed = MESSAGES.parse(raw := body(messages=[{"role": "user", "content": blocks}]), {})

    assert bounds.input_bound(parsed) == len(raw) + linked * bounds.LINKED_PART_TOKENS


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, (False, False, False)),
        ({"service_tier": "auto"}, (True, False, False)),
        ({"speed": "fast"}, (True, False, False)),
        (
            {"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
            (False, True, False),
        ),
        ({"tools": [{"name": "f", "input_schema": {}}]}, (False, False, True)),
    ],
)
def test_what_may_make_a_call_dearer_is_seen(fields: dict[str, Any], told: tuple[bool, bool, bool]) -> None:
    parsed = MESSAGES.parse(body(**fields), {})

    assert (parsed.asks_tier, parsed.caches, parsed.has_tools) == told
