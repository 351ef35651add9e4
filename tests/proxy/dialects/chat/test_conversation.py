"""A chat completion request as a conversation: every message, part, tool and setting, and what is refused."""

import json
from typing import Any

import pytest

from proxy.dialects.chat.dialect import CHAT
from proxy.interchange import signatures
from proxy.interchange.conversation import (
    Audio,
    Conversation,
    Document,
    Format,
    Image,
    Source,
    Text,
    Thinking,
    ThinkingAsked,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from proxy.interchange.errors import InvalidField

CACHE = {"type": "ephemeral"}
USER = {"role": "user", "content": "hi"}


def read(*messages: dict[str, Any], **fields: Any) -> Conversation:
    return CHAT.conversation_from({"messages": list(messages) or [USER], **fields})


def part(**given: Any) -> Any:
    [turn] = read({"role": "user", "content": [given]}).turns
    [found] = turn.parts
    return found


def calling(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **more}


def a_call(call_id: str, name: str, arguments: str = "{}", **more: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def test_leading_system_messages_are_the_system_text_and_later_ones_stay_in_place() -> None:
    conversation = read(
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b", "cache_control": CACHE}]},
        USER,
        {"role": "assistant", "content": "ho"},
        {"role": "developer", "content": "c"},
    )

    assert [(text.text, text.cache) for text in conversation.system] == [("a", None), ("b", CACHE)]
    assert [turn.role for turn in conversation.turns] == ["user", "assistant", "system"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"type": "text", "text": "x"}, Text(text="x", path="messages[0].content[0]")),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}},
            Image(
                source=Source(media_type="image/png", data="aGk="),
                detail="low",
                path="messages[0].content[0]",
            ),
        ),
        (
            {"type": "image_url", "image_url": "https://x.example/1.png"},
            Image(source=Source(url="https://x.example/1.png"), path="messages[0].content[0]"),
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}},
            Document(
                source=Source(media_type="application/pdf", data="aGk="),
                name="a.pdf",
                path="messages[0].content[0]",
            ),
        ),
        (
            {"type": "file", "file": {"file_data": "aGk="}},
            Document(source=Source(media_type="application/pdf", data="aGk="), path="messages[0].content[0]"),
        ),
        (
            {"type": "file", "file": {"file_id": "file_1"}},
            Document(source=Source(file_id="file_1"), path="messages[0].content[0]"),
        ),
        (
            {"type": "file", "file": {"file_data": "https://x.example/a.pdf"}},
            Document(source=Source(url="https://x.example/a.pdf"), path="messages[0].content[0]"),
        ),
        (
            {"type": "file", "file": {"file_data": "data:image/png;base64,aGk="}},
            Image(source=Source(media_type="image/png", data="aGk="), path="messages[0].content[0]"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
            Audio(data="aGk=", format="wav", path="messages[0].content[0]"),
        ),
        (
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            Thinking(text="hm", path="messages[0].content[0]"),
        ),
    ],
)
def test_parts(given: dict[str, Any], found: Any) -> None:
    assert part(**given) == found


def test_a_messages_own_cache_marker_is_its_last_parts() -> None:
    [turn] = read({"role": "user", "content": "hi", "cache_control": CACHE}).turns

    assert turn.parts == (Text(text="hi", cache=CACHE, path="messages[0].content"),)


def test_parallel_results_are_one_turn_that_knows_the_tools_names() -> None:
    conversation = read(
        USER,
        calling(a_call("c1", "f", '{"a": 1}'), a_call("c2", "g", "")),
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "and?"},
    )

    first, second = conversation.turns[1].parts
    results = conversation.turns[2].parts
    assert isinstance(first, ToolUse)
    assert isinstance(second, ToolUse)
    assert (first.id, first.name, first.arguments) == ("c1", "f", '{"a": 1}')
    assert (second.name, second.arguments) == ("g", "{}")
    assert [(result.id, result.name) for result in results if isinstance(result, ToolResult)] == [
        ("c1", "f"),
        ("c2", "g"),
    ]
    assert [turn.role for turn in conversation.turns] == ["user", "assistant", "user", "user"]


def test_the_older_functions_are_tools() -> None:
    conversation = read(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "one"},
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )

    [use], [result] = conversation.turns[1].parts, conversation.turns[2].parts
    assert isinstance(use, ToolUse)
    assert isinstance(result, ToolResult)
    assert (use.id, use.name, result.id, result.name) == ("f", "f", "f", "f")
    assert conversation.tools == (Tool(name="f", schema={"type": "object"}, path="tools[0]"),)
    assert conversation.tool_choice == ToolChoice("named", "f")


def test_thinking_blocks_come_back_with_their_proof_and_first() -> None:
    sealed = signatures.sealed("openai", "rs_1", "gAAA")
    conversation = read(
        USER,
        calling(
            a_call("c1", "f"),
            content="Let me see.",
            reasoning_content="hm",
            thinking_blocks=[
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "redacted_thinking", "data": "r"},
                {"type": "thinking", "thinking": "so", "signature": sealed},
            ],
        ),
    )

    parts = conversation.turns[1].parts
    assert [type(part).__name__ for part in parts] == ["Thinking", "Thinking", "Thinking", "Text", "ToolUse"]
    assert [
        (part.origin, part.signature or part.redacted, part.id)
        for part in parts
        if isinstance(part, Thinking)
    ] == [("anthropic", "sig", ""), ("anthropic", "r", ""), ("openai", "gAAA", "rs_1")]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_bare_thoughts_are_nobodys(name: str) -> None:
    conversation = read(USER, {"role": "assistant", "content": "x", name: "hm"})

    thinking = conversation.turns[1].parts[0]
    assert isinstance(thinking, Thinking)
    assert (thinking.text, thinking.origin, thinking.signature) == ("hm", "", "")


@pytest.mark.parametrize("how", ["extra_content", "id"])
def test_k9_geminis_signature_is_found_where_a_client_kept_it(how: str) -> None:
    kept = (
        a_call("c1", "f", extra_content={"google": {"thought_signature": "c2ln"}})
        if how == "extra_content"
        else a_call(signatures.in_id("c1", "c2ln"), "f")
    )
    answer = signatures.in_id("c1", "c2ln") if how == "id" else "c1"
    conversation = read(USER, calling(kept), {"role": "tool", "tool_call_id": answer, "content": "1"})

    [use], [result] = conversation.turns[1].parts, conversation.turns[2].parts
    assert isinstance(use, ToolUse)
    assert isinstance(result, ToolResult)
    assert (use.id, use.signature, result.id) == ("c1", "c2ln", "c1")


def test_a_refusal_is_what_the_assistant_said() -> None:
    conversation = read(USER, {"role": "assistant", "content": None, "refusal": "No."})

    assert [part.text for part in conversation.turns[1].parts if isinstance(part, Text)] == ["No."]


@pytest.mark.parametrize(
    ("choice", "read_as"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", "f")),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            ToolChoice("required", allowed=("f",)),
        ),
    ],
)
def test_tool_choice(choice: Any, read_as: ToolChoice | None) -> None:
    assert read(tool_choice=choice).tool_choice == read_as


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, ThinkingAsked()),
        ({"reasoning_effort": "low"}, ThinkingAsked(effort="low")),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, ThinkingAsked(budget=2000, mode="budget")),
        ({"thinking": {"type": "disabled"}}, ThinkingAsked(effort="none", mode="off")),
        ({"reasoning": {"effort": "high", "exclude": True}}, ThinkingAsked(effort="high", shown=False)),
        ({"reasoning": {"max_tokens": 500}}, ThinkingAsked(budget=500)),
        ({"reasoning": {"enabled": False}}, ThinkingAsked(effort="none")),
    ],
)
def test_thinking(fields: dict[str, Any], asked: ThinkingAsked) -> None:
    assert read(**fields).settings.thinking == asked


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, Format()),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
            },
            Format(name="n", schema={"type": "object"}, strict=True),
        ),
    ],
)
def test_formats(given: Any, read_as: Format | None) -> None:
    assert read(response_format=given).settings.format == read_as


def test_settings() -> None:
    settings = read(
        max_completion_tokens=5,
        temperature=0.5,
        stop="END",
        seed=7,
        n=2,
        logprobs=True,
        top_logprobs=3,
        user="u",
        safety_identifier="s",
        service_tier="flex",
        parallel_tool_calls=False,
    ).settings

    assert (settings.max_tokens, settings.temperature, settings.stop, settings.seed) == (5, 0.5, ("END",), 7)
    assert (settings.n, settings.logprobs, settings.user, settings.service_tier) == (2, 3, "s", "flex")
    assert settings.parallel_tool_calls is False


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"role": "robot", "content": "x"}, "messages[0].role"),
        ({"role": "user", "content": [{"type": "hologram"}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": ["x"]}, "messages[0].content[0]"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]},
            "messages[0].content[0].image_url.url",
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {}}]},
            "messages[0].content[0].file.file_data",
        ),
        ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        (calling(a_call("c", "f", "[1]")), "messages[0].tool_calls[0].function.arguments"),
        (calling(a_call("c", "f", "{")), "messages[0].tool_calls[0].function.arguments"),
        (calling({"id": "c", "type": "custom"}), "messages[0].tool_calls[0].type"),
        ({"role": "assistant", "audio": {"id": "a"}}, "messages[0].audio"),
        (
            {"role": "system", "content": [{"type": "image_url", "image_url": "https://x.example"}]},
            "messages[0].content[0]",
        ),
    ],
)
def test_what_is_wrong_is_named(message: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        read(message)

    assert refusal.value.field == field


def test_nothing_of_the_callers_body_is_changed() -> None:
    body = {
        "messages": [USER, calling(a_call("c1", "f")), {"role": "tool", "tool_call_id": "c1", "content": "1"}]
    }
    before = json.dumps(body)

    CHAT.conversation_from(body)

    assert json.dumps(body) == before
