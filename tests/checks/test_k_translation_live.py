"""Checks K5, K8 and K17 over sockets: what the vendors' log says that they were sent."""

import json

import pytest

from proxy.sandbox import anthropic_thinking
from proxy.sandbox.answers import THOUGHT
from tests.checks.vendor_log import at_vendor, bytes_at_vendors, post
from tests.live import situations
from tests.live.house import House, Row
from tests.live.situations import MODELS, SCHEMAS, Ask
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, SURFACES, Surface

pytestmark = pytest.mark.live
CONFIGURATION = situations.CONFIGURATION

CLAUDE = "claude-haiku-4-5"
EACH_MODEL = pytest.mark.parametrize("model", MODELS)
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)


# K5


def test_k5_a_missing_result_is_a_400_that_names_the_id_and_no_vendor_is_called(house: House) -> None:
    calls = [
        {"id": f"call_{name}", "type": "function", "function": {"name": "now", "arguments": "{}"}}
        for name in "fgh"
    ]
    results = [{"role": "tool", "tool_call_id": f"call_{name}", "content": "noon"} for name in "fh"]
    turns: list[Row] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": calls},
        *results,
    ]

    answer = post(house, CHAT, {"model": CLAUDE, "messages": turns})

    assert answer.status_code == 400
    assert "call_g" in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == "messages[1].tool_calls[1]"
    assert house.vendors.calls() == []
    assert house.entries(answer.headers["x-request-id"]) == []


# K8

THINKING = {"type": "enabled", "budget_tokens": 1024}
USE = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}
THOUGHTS: dict[str, list[Row]] = {
    "thinking": [anthropic_thinking.block("Hm, é \u2028 é.", "i1")],
    "empty with a signature": [anthropic_thinking.block("", "i2")],
    "redacted": [anthropic_thinking.redacted("i3")],
    "several": [
        anthropic_thinking.block("First.", "i4"),
        anthropic_thinking.redacted("i5"),
        anthropic_thinking.block("", "i6"),
    ],
}
EACH_THOUGHT = pytest.mark.parametrize("blocks", THOUGHTS.values(), ids=THOUGHTS)


@EACH_THOUGHT
def test_k8_a_messages_turn_with_thinking_is_the_same_bytes_at_the_vendor(
    house: House, blocks: list[Row]
) -> None:
    turns = json.dumps(
        [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [*blocks, USE]},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"}],
            },
        ],
        indent=3,  # spaces of the caller's own: nothing is written anew
        ensure_ascii=True,
    )
    head = {"model": CLAUDE, "max_tokens": 4000, "thinking": THINKING}
    tools = [{"name": "now", "input_schema": SCHEMAS["now"]}]
    body = f'{json.dumps(head | {"tools": tools})[:-1]}, "messages": {turns}}}'

    at_vendor(house, MESSAGES, body.encode())

    assert turns.encode() in bytes_at_vendors(house)


@EACH_THOUGHT
def test_k8_a_chat_turn_with_thinking_blocks_is_the_same_blocks_at_the_vendor(
    house: House, blocks: list[Row]
) -> None:
    call = {"id": "toolu_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "thinking_blocks": blocks, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "noon"},
    ]
    tools = [{"type": "function", "function": {"name": "now", "parameters": SCHEMAS["now"]}}]
    body = {"model": CLAUDE, "max_tokens": 4000, "thinking": THINKING, "tools": tools, "messages": turns}

    sent = at_vendor(house, CHAT, body)

    assert json.dumps(sent["messages"][1]["content"]) == json.dumps([*blocks, USE])
    assert sent["thinking"]["type"] == "enabled"


@pytest.mark.parametrize("prompt", ["use tool now", "think in secret, then use tool now"])
@EACH_SURFACE
def test_k8_what_a_caller_was_given_comes_back_as_it_was(house: House, surface: Surface, prompt: str) -> None:
    """The sandbox signs what it thinks, refuses a signature that is not its own, and a turn without one."""
    body = situations.body(surface, CLAUDE, Ask(prompt, tools=("now",), think=True))
    answer = post(house, surface, body).json()
    field = "input" if surface is RESPONSES else "messages"
    if surface is RESPONSES:
        body["input"] = [{"role": "user", "content": prompt}]

    sent = at_vendor(house, surface, {**body, field: [*body[field], *_back(surface, answer)]})

    thought, use = sent["messages"][1]["content"]
    if "secret" in prompt:
        assert thought["type"] == "redacted_thinking"
    else:
        assert (thought["type"], thought["thinking"]) == ("thinking", THOUGHT)
    assert use["type"] == "tool_use"
    assert sent["thinking"]["type"] == "enabled"


def _back(surface: Surface, answer: Row) -> list[Row]:
    """The answer and the tool's result, as a caller of the dialect hands them back."""
    if surface is CHAT:
        message = answer["choices"][0]["message"]
        call_id = message["tool_calls"][0]["id"]
        return [message, {"role": "tool", "tool_call_id": call_id, "content": "noon"}]
    if surface is MESSAGES:
        use_id = answer["content"][-1]["id"]
        result = {"type": "tool_result", "tool_use_id": use_id, "content": "noon"}
        return [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [result]}]
    call_id = answer["output"][-1]["call_id"]
    return [*answer["output"], {"type": "function_call_output", "call_id": call_id, "output": "noon"}]


# K17


@EACH_SURFACE
@pytest.mark.parametrize("tokens", [0, -1])
@EACH_MODEL
def test_k17_no_tokens_or_fewer_are_a_400(house: House, surface: Surface, model: str, tokens: int) -> None:
    body = {"model": model, **surface.body(model, "hello")}
    for name in {"chat": ("max_tokens", "max_completion_tokens"), "messages": ("max_tokens",)}.get(
        surface.name, ("max_output_tokens",)
    ):
        answer = post(house, surface, {**body, name: tokens})
        assert answer.status_code == 400
        error = surface.error_of(answer.json())
        assert error["type"] == "invalid_request_error"
        assert name in error["message"]
    assert house.vendors.calls() == []


@pytest.mark.parametrize("surface", [CHAT, RESPONSES], ids=lambda surface: surface.name)
def test_k17_without_a_ceiling_claude_gets_its_own(house: House, surface: Surface) -> None:
    """Anthropic demands one: the catalog's."""
    assert at_vendor(house, surface, surface.body(CLAUDE, "hello"))["max_tokens"] == 64000


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("gpt-4o", "max_completion_tokens"),
        ("gpt-5.6-luna", "max_completion_tokens"),
        (CLAUDE, "max_tokens"),
        ("gemini-2.5-flash", "maxOutputTokens"),
        ("llama", "max_tokens"),
    ],
)
def test_k17_of_both_words_the_newer_one_holds(house: House, model: str, field: str) -> None:
    sent = at_vendor(house, CHAT, CHAT.body(model, "hello", max_tokens=50, max_completion_tokens=40))

    asked = sent.get("generationConfig", sent)
    assert asked[field] == 40
    assert {asked[name] for name in ("max_tokens", "max_completion_tokens") if name in asked} <= {40}


def test_k17_messages_must_name_a_ceiling(house: House) -> None:
    """Anthropic's own rule, whatever the vendor behind."""
    for model in MODELS:
        answer = post(house, MESSAGES, {"model": model, "messages": [{"role": "user", "content": "hi"}]})
        assert answer.status_code == 400
        assert "max_tokens" in answer.json()["error"]["message"]
