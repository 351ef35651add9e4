"""Every field of a responses request has a rule, down to its parts."""

from typing import Any, get_args, get_type_hints

import pytest
from openai.types.responses import response_create_params as params
from openai.types.responses.response_includable import ResponseIncludable
from openai.types.responses.response_text_config_param import ResponseTextConfigParam
from openai.types.shared_params.reasoning import Reasoning

from proxy.dialects.responses.fields import FIELDS
from proxy.interchange.errors import UnsupportedField
from proxy.interchange.features import Rules, dropped, dropped_from, mapped, refused

RULES: Rules = {
    "messages": mapped(),
    "model": mapped(),
    "format": mapped(),
    "thinking": mapped(),
    "verbosity": dropped("no such hint"),
    "logprobs": refused("no log probabilities"),
    "truncation": refused("shortens nothing"),
}


def left_out(**fields: Any) -> tuple[str, ...]:
    return dropped_from({"model": "m", "input": "hi"} | fields, FIELDS, RULES, "acme")


@pytest.mark.parametrize("name", sorted(get_type_hints(params.ResponseCreateParamsStreaming)))
def test_every_field_of_the_sdk_has_a_rule(name: str) -> None:
    assert name in FIELDS


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("include", get_args(ResponseIncludable)),
        ("text", tuple(get_type_hints(ResponseTextConfigParam))),
        ("reasoning", tuple(get_type_hints(Reasoning))),
    ],
)
def test_every_part_of_the_sdk_has_a_rule(name: str, parts: tuple[str, ...]) -> None:
    assert set(FIELDS[name].parts or {}) == set(parts)


@pytest.mark.parametrize(
    "fields",
    [
        {"truncation": "disabled"},
        {"text": {"format": {"type": "text"}, "verbosity": "medium"}},
        {"text": {"format": {"type": "json_object"}}},
        {"reasoning": {"effort": "high", "summary": "auto"}},
        {"reasoning": {"effort": None}},
        {"include": ["reasoning.encrypted_content", "file_search_call.results"]},
        {"top_logprobs": 0},
        {"store": False},
        {"background": False, "tools": [], "metadata": {}, "parallel_tool_calls": True},
        {"stream_options": {"include_obfuscation": False}},
    ],
)
def test_what_asks_for_nothing_is_not_named(fields: dict[str, Any]) -> None:
    assert left_out(**fields) == ()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"store": True}, "store"),
        ({"max_tool_calls": 3}, "max_tool_calls"),
        ({"client_metadata": {"x-codex-installation-id": "i"}}, "client_metadata"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"reasoning": {"context": "all_turns"}}, "reasoning.context"),
    ],
)
def test_what_is_left_out_is_named(fields: dict[str, Any], named: str) -> None:
    assert left_out(**fields) == (named,)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"truncation": "auto"}, "truncation"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "include.message.output_text.logprobs"),
        ({"include": ["dreams"]}, "include.dreams"),
        ({"text": {"tone": "warm"}}, "text.tone"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"access_programs": {"cyber": "daybreak_red"}}, "access_programs"),
        ({"stop": ["END"]}, "stop"),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedField) as refusal:
        left_out(**fields)

    assert (refusal.value.field, refusal.value.vendor) == (named, "acme")
