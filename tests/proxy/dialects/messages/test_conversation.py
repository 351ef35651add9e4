"""A messages request as a conversation: every block, tool and setting, and what is refused."""

from typing import Any

import pytest

from proxy.dialects.messages.dialect import MESSAGES
from proxy.interchange import signatures
from proxy.interchange.conversation import (
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

CACHE = {"type": "ephemeral", "ttl": "1h"}


def read(**fields: Any) -> Conversation:
    return MESSAGES.conversation_from({"max_tokens": 10, "messages": [], **fields})


def parts(role: str, *blocks: dict[str, Any]) -> tuple[Any, ...]:
    [turn] = read(messages=[{"role": role, "content": list(blocks)}]).turns
    return turn.parts


def test_text_as_a_string_and_as_blocks() -> None:
    conversation = read(
        system="Be brief.",
        messages=[
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "text", "text": "ho", "cache_control": CACHE}]},
        ],
    )

    assert conversation.system == (Text(text="Be brief.", path="system"),)
    assert [turn.role for turn in conversation.turns] == ["user", "assistant"]
    assert conversation.turns[1].parts == (Text(text="ho", cache=CACHE, path="messages[1].content[0]"),)


@pytest.mark.parametrize(
    ("source", "read_as"),
    [
        (
            {"type": "base64", "media_type": "image/png", "data": "aGk="},
            Source(media_type="image/png", data="aGk="),
        ),
        ({"type": "url", "url": "https://x.example/1.png"}, Source(url="https://x.example/1.png")),
        ({"type": "file", "file_id": "file_1"}, Source(file_id="file_1")),
    ],
)
def test_images(source: dict[str, Any], read_as: Source) -> None:
    assert parts("user", {"type": "image", "source": source}) == (
        Image(source=read_as, path="messages[0].content[0]"),
    )


def test_documents() -> None:
    pdf = {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        "title": "Report",
        "context": "of last year",
        "citations": {"enabled": True},
    }
    text = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}

    first, second = parts("user", pdf, text)

    assert first == Document(
        source=Source(media_type="application/pdf", data="JVBERi0="),
        name="Report",
        context="of last year",
        citations=True,
        path="messages[0].content[0]",
    )
    assert (second.text, second.source.media_type) == ("words", "text/plain")


def test_thinking_keeps_its_proof() -> None:
    """Signed, with an empty text, redacted, and another vendor's, which only that vendor may be sent."""
    sealed = signatures.sealed("openai", "rs_1", "gAAAA")
    blocks = (
        {"type": "thinking", "thinking": "hm", "signature": "sig=="},
        {"type": "thinking", "thinking": "", "signature": "sig2"},
        {"type": "redacted_thinking", "data": "EnCrYpTeD"},
        {"type": "thinking", "thinking": "so", "signature": sealed},
    )

    found = parts("assistant", *blocks)

    assert [(part.text, part.signature, part.redacted, part.origin, part.id) for part in found] == [
        ("hm", "sig==", "", "anthropic", ""),
        ("", "sig2", "", "anthropic", ""),
        ("", "", "EnCrYpTeD", "anthropic", ""),
        ("so", "gAAAA", "", "openai", "rs_1"),
    ]
    assert all(isinstance(part, Thinking) for part in found)


def test_tool_use_and_its_results() -> None:
    """The result learns the tool's name, which Gemini needs; the id gives up the signature in it."""
    call_id = signatures.in_id("call_1", "c2ln")
    conversation = read(
        messages=[
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": call_id, "name": "f", "input": {"a": 1}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": call_id, "content": "no", "is_error": True},
                    {"type": "text", "text": "and?"},
                ],
            },
        ]
    )

    [use] = conversation.turns[1].parts
    result, text = conversation.turns[2].parts

    assert use == ToolUse(
        id="call_1", name="f", arguments='{"a":1}', signature="c2ln", path="messages[1].content[0]"
    )
    assert isinstance(result, ToolResult)
    assert (result.id, result.name, result.is_error) == ("call_1", "f", True)
    assert [part.text for part in result.parts if isinstance(part, Text)] == ["no"]
    assert isinstance(text, Text)


@pytest.mark.parametrize("given", [{}, None, ""])
def test_a_call_without_arguments(given: Any) -> None:
    [use] = parts("assistant", {"type": "tool_use", "id": "a", "name": "f", "input": given})

    assert use.arguments == "{}"


def test_an_image_in_a_tools_result() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    [result] = parts("user", {"type": "tool_result", "tool_use_id": "t", "content": [image]})

    [found] = result.parts

    assert isinstance(found, Image)


def test_blocks_of_anthropics_servers_are_left_out() -> None:
    """Other vendors know nothing of them; the text that followed says what came of it."""
    found = parts(
        "assistant",
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []},
        {"type": "text", "text": "I found it."},
    )

    assert [part.text for part in found] == ["I found it."]


def test_tools() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    conversation = read(
        tools=[
            {"name": "f", "description": "d", "input_schema": schema, "strict": True, "cache_control": CACHE}
        ]
    )

    assert conversation.tools == (
        Tool(name="f", description="d", schema=schema, strict=True, cache=CACHE, path="tools[0]"),
    )


def test_a_tool_of_anthropics_servers_is_refused_by_name() -> None:
    with pytest.raises(InvalidField) as refusal:
        read(tools=[{"type": "web_search_20250305", "name": "web_search"}])

    assert refusal.value.field == "tools[0].type"
    assert "web_search_20250305" in refusal.value.reason


@pytest.mark.parametrize(
    ("choice", "read_as", "parallel"),
    [
        (None, None, None),
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "none"}, ToolChoice("none"), None),
        ({"type": "any"}, ToolChoice("required"), None),
        ({"type": "tool", "name": "f"}, ToolChoice("named", "f"), None),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice("auto"), False),
    ],
)
def test_tool_choice(choice: Any, read_as: ToolChoice | None, parallel: bool | None) -> None:
    conversation = read(tool_choice=choice)

    assert (conversation.tool_choice, conversation.settings.parallel_tool_calls) == (read_as, parallel)


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, ThinkingAsked()),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            ThinkingAsked(budget=2000, mode="budget", shown=True),
        ),
        ({"thinking": {"type": "adaptive"}}, ThinkingAsked(mode="adaptive", shown=True)),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            ThinkingAsked(mode="adaptive", shown=False),
        ),
        ({"thinking": {"type": "disabled"}}, ThinkingAsked(effort="none", mode="off")),
        ({"output_config": {"effort": "low"}}, ThinkingAsked(effort="low")),
    ],
)
def test_thinking(fields: dict[str, Any], asked: ThinkingAsked) -> None:
    assert read(**fields).settings.thinking == asked


def test_settings() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    settings = read(
        max_tokens=50,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop_sequences=["END"],
        metadata={"user_id": "u1"},
        output_config={"format": {"type": "json_schema", "schema": schema}},
    ).settings

    assert (settings.max_tokens, settings.temperature, settings.top_p, settings.top_k) == (50, 0.5, 0.9, 40)
    assert (settings.stop, settings.user) == (("END",), "u1")
    assert settings.format == Format(schema=schema, strict=True)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
        ({"thinking": {"type": "sometimes"}}, "thinking.type"),
        ({"tools": [{"name": 3}]}, "tools[0].name"),
        ({"temperature": "hot"}, "temperature"),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "https://x.example"}}]}, "system[0]"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        read(**fields)

    assert refusal.value.field == field
