"""Checks K6 and K14: what callers of every dialect set beside the conversation, at every vendor."""

import json
from typing import Any, NamedTuple

import pytest
from anthropic.types import message_create_params
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

from proxy.adapters.base import InvalidField, UnsupportedField
from proxy.adapters.registry import adapter_for
from proxy.dialects.registry import CHAT, MESSAGES, RESPONSES
from proxy.interchange.dialect import Dialect
from tests.checks.translation import ASKED, EACH_PAIR, PAIRS, Json, a_call, written
from tests.proxy.adapters.drive import target

# K6: tool choices, named as OpenAI names them, in each dialect's words.
CHOICES = ["absent", "auto", "none", "required", "named"]
PARALLEL = [None, True, False]
SCHEMA = {"type": "object", "properties": {}}


def asking(dialect: Dialect, choice: str, parallel: bool | None, *, tools: bool) -> Json:
    """A request that chooses among the tools ``f`` and ``g``, or has none."""
    if dialect is MESSAGES:
        return _asking_messages(choice, parallel, tools=tools)
    named: Json = {"type": "function", "function": {"name": "f"}}
    offered: list[Json] = [
        {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in "fg"
    ]
    body: Json = {"messages": [ASKED]}
    if dialect is RESPONSES:
        named, body = {"type": "function", "name": "f"}, {"input": "hi"}
        offered = [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in "fg"]
    if choice != "absent":
        body["tool_choice"] = named if choice == "named" else choice
    if parallel is not None:
        body["parallel_tool_calls"] = parallel
    return body | ({"tools": offered} if tools else {})


def _asking_messages(choice: str, parallel: bool | None, *, tools: bool) -> Json:
    body: Json = {"messages": [ASKED]}
    said: Json = {"type": {"required": "any", "named": "tool", "absent": "auto"}.get(choice, choice)}
    if choice == "named":
        said["name"] = "f"
    if parallel is not None:
        said["disable_parallel_tool_use"] = not parallel
    if choice != "absent" or parallel is not None:
        body["tool_choice"] = said
    return body | ({"tools": [{"name": name, "input_schema": SCHEMA} for name in "fg"]} if tools else {})


def claudes_choice(choice: str, *, single: bool) -> Json | None:
    """``none`` beside a word about parallel calls is an error there; a word alone demands nothing."""
    if choice == "absent" and not single:
        return None
    said = {
        "absent": {"type": "auto"},
        "auto": {"type": "auto"},
        "none": {"type": "none"},
        "required": {"type": "any"},
        "named": {"type": "tool", "name": "f"},
    }[choice]
    return {**said, "disable_parallel_tool_use": True} if single and choice != "none" else said


GEMINIS_CHOICE: dict[str, Json | None] = {
    "absent": None,
    "auto": {"functionCallingConfig": {"mode": "AUTO"}},
    "none": {"functionCallingConfig": {"mode": "NONE"}},
    "required": {"functionCallingConfig": {"mode": "ANY"}},
    "named": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
}
OPENAIS_CHOICE: dict[str, Any] = {
    "absent": None,
    "auto": "auto",
    "none": "none",
    "required": "required",
    "named": {"type": "function", "function": {"name": "f"}},
}
EACH_CHOICE = pytest.mark.parametrize("choice", CHOICES)
EACH_PARALLEL = pytest.mark.parametrize("parallel", PARALLEL)


@EACH_CHOICE
@EACH_PARALLEL
@pytest.mark.parametrize("dialect", [CHAT, RESPONSES], ids=lambda dialect: dialect.name)
def test_k6_claudes_tool_choice(dialect: Dialect, choice: str, parallel: bool | None) -> None:
    body = written(dialect, "anthropic", asking(dialect, choice, parallel, tools=True))

    assert body.get("tool_choice") == claudes_choice(choice, single=parallel is False)
    assert [tool["name"] for tool in body["tools"]] == ["f", "g"]


@EACH_CHOICE
@EACH_PARALLEL
@pytest.mark.parametrize("dialect", [CHAT, MESSAGES, RESPONSES], ids=lambda dialect: dialect.name)
def test_k6_geminis_tool_choice(dialect: Dialect, choice: str, parallel: bool | None) -> None:
    body = written(dialect, "gemini", asking(dialect, choice, parallel, tools=True))

    spoken = "auto" if dialect is MESSAGES and choice == "absent" and parallel is not None else choice
    assert body.get("toolConfig") == GEMINIS_CHOICE[spoken]
    assert [tool["name"] for tool in body["tools"][0]["functionDeclarations"]] == ["f", "g"]


@EACH_CHOICE
@EACH_PARALLEL
@pytest.mark.parametrize("kind", ["openai", "openai_compatible"])
@pytest.mark.parametrize("dialect", [MESSAGES, RESPONSES], ids=lambda dialect: dialect.name)
def test_k6_openais_tool_choice(dialect: Dialect, kind: str, choice: str, parallel: bool | None) -> None:
    body = written(dialect, kind, asking(dialect, choice, parallel, tools=True))

    spoken = "auto" if dialect is MESSAGES and choice == "absent" and parallel is not None else choice
    assert body.get("tool_choice") == OPENAIS_CHOICE[spoken]
    told = parallel if kind == "openai" or parallel is False else None
    assert body.get("parallel_tool_calls") is told


@EACH_CHOICE
@EACH_PARALLEL
@EACH_PAIR
def test_k6_without_tools_nothing_is_chosen_and_a_demand_is_refused(
    dialect: Dialect, kind: str, choice: str, parallel: bool | None
) -> None:
    asked = asking(dialect, choice, parallel, tools=False)
    if choice in ("required", "named"):
        with pytest.raises(InvalidField, match="tool_choice"):
            written(dialect, kind, asked)
        return

    body = written(dialect, kind, asked)

    assert not {"tools", "tool_choice", "toolConfig", "parallel_tool_calls"} & set(body)


# K14: a value of each field that an SDK knows, with what it may need beside it.
TOOL_OF_CHAT = {"type": "function", "function": {"name": "f", "parameters": SCHEMA, "strict": True}}
SHAPE = {"type": "object", "properties": {}, "additionalProperties": False}
OF_CHAT: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "frequency_penalty": 0.5,
    "function_call": {"name": "f"},
    "functions": [{"name": "f", "parameters": SCHEMA}],
    "logit_bias": {"1": 1},
    "logprobs": True,
    "max_completion_tokens": 77,
    "max_tokens": 77,
    "metadata": {"a": "b"},
    "modalities": ["text", "audio"],
    "moderation": {"model": "omni-moderation-latest"},
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "a"},
    "presence_penalty": 0.5,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "explicit"},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SHAPE}},
    "safety_identifier": "u",
    "seed": 7,
    "service_tier": "flex",
    "stop": ["x"],
    "store": True,
    "stream_options": {"include_obfuscation": True},
    "temperature": 0.5,
    "tool_choice": "required",
    "tools": [TOOL_OF_CHAT],
    "top_logprobs": 2,
    "top_p": 0.5,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {},
}
OF_MESSAGES: dict[str, Any] = {
    "cache_control": {"type": "ephemeral"},
    "container": "c",
    "diagnostics": {"previous_message_id": "msg_1"},
    "inference_geo": "us",
    "max_tokens": 77,
    "metadata": {"user_id": "u"},
    "output_config": {"format": {"type": "json_schema", "schema": SHAPE}},
    "service_tier": "standard_only",
    "speed": "fast",
    "stop_sequences": ["x"],
    "system": "Be brief.",
    "temperature": 0.5,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "tool_choice": {"type": "any"},
    "tools": [{"name": "f", "input_schema": SCHEMA}],
    "top_k": 5,
    "top_p": 0.5,
    "user_profile_id": "p",
    "workspace_id": "w",
}
OF_RESPONSES: dict[str, Any] = {
    "access_programs": {"cyber": "trusted"},
    "background": True,
    "context_management": [{"type": "compaction", "compact_threshold": 1000}],
    "conversation": "conv_1",
    "image": {"context_compression": "none"},
    "include": ["message.output_text.logprobs"],
    "instructions": "Be brief.",
    "max_output_tokens": 77,
    "max_tool_calls": 3,
    "metadata": {"a": "b"},
    "moderation": {"model": "omni-moderation-latest"},
    "parallel_tool_calls": False,
    "previous_response_id": "resp_1",
    "prompt": {"id": "p"},
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "explicit"},
    "prompt_cache_retention": "24h",
    "reasoning": {"effort": "low"},
    "safety_identifier": "u",
    "service_tier": "flex",
    "store": True,
    "stream_options": {"include_obfuscation": True},
    "temperature": 0.5,
    "text": {"format": {"type": "json_schema", "name": "n", "schema": SHAPE}},
    "tool_choice": "required",
    "tools": [{"type": "function", "name": "f", "parameters": SCHEMA, "strict": True}],
    "top_logprobs": 2,
    "top_p": 0.5,
    "truncation": "auto",
    "user": "u",
}
GIVEN = {CHAT: OF_CHAT, MESSAGES: OF_MESSAGES, RESPONSES: OF_RESPONSES}
PARAMS: dict[Dialect, Any] = {
    CHAT: completion_create_params.CompletionCreateParamsNonStreaming,
    MESSAGES: message_create_params.MessageCreateParamsNonStreaming,
    RESPONSES: response_create_params.ResponseCreateParamsNonStreaming,
}
WITH: dict[str, str] = {
    "tool_choice": "tools",
    "parallel_tool_calls": "tools",
    "function_call": "functions",
    "top_logprobs": "logprobs",
}


@pytest.mark.parametrize("dialect", GIVEN, ids=lambda dialect: dialect.name)
def test_k14_every_field_that_an_sdk_knows_is_tried(dialect: Dialect) -> None:
    known = PARAMS[dialect].__required_keys__ | PARAMS[dialect].__optional_keys__

    assert known - {"model", "messages", "input", "stream"} - set(GIVEN[dialect]) == set()


FIELDS = [(dialect, kind, name) for dialect, kind in PAIRS for name in GIVEN[dialect]]


@pytest.mark.parametrize(
    ("dialect", "kind", "name"), FIELDS, ids=[f"{d.name}-{kind}-{name}" for d, kind, name in FIELDS]
)
def test_k14_a_field_reaches_the_vendor_or_is_named(dialect: Dialect, kind: str, name: str) -> None:
    """Refused or dropped by its name; otherwise the vendor's request is another than without it."""
    given = GIVEN[dialect]
    said: Json = {"input": "hi"} if dialect is RESPONSES else {"messages": [ASKED]}
    beside = WITH.get(name, "")
    if beside in given:
        said[beside] = given[beside]

    without, sample = sent(dialect, kind, said), sent(dialect, kind, {**said, name: given[name]})

    refused = without.refused or sample.refused
    if refused:
        assert refused.split(".")[0] in (name, beside)
    else:
        named = name in (field.split(".")[0] for field in sample.dropped)
        changed = sample.body != without.body
        assert named or changed or (dialect.name, kind, name) in ASKS_NOTHING


class Sent(NamedTuple):
    """The vendor's request and what it names as dropped, or the field that is refused."""

    body: Json
    dropped: tuple[str, ...] = ()
    refused: str = ""


def sent(dialect: Dialect, kind: str, body: Json) -> Sent:
    try:
        request = adapter_for(kind).request_for(a_call(dialect, body), target(kind))
    except (UnsupportedField, InvalidField) as refusal:
        return Sent({}, refused=refusal.field)
    return Sent(json.loads(request.body), request.dropped)


# What changes no request, and why that is no loss.
ASKS_NOTHING = {
    ("chat", "gemini", "parallel_tool_calls"): "kept in the answer: the caller is given the first call alone",
    ("responses", "gemini", "parallel_tool_calls"): "the same",
    ("messages", "gemini", "service_tier"): "Anthropic's standard_only is what others do by themselves",
    ("messages", "openai", "service_tier"): "the same",
    ("messages", "openai_compatible", "service_tier"): "the same",
}
