"""A responses request as a conversation: what becomes of each item, and what each error names."""

from typing import Any

import pytest

from proxy.dialects.responses.dialect import RESPONSES
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
    Turn,
)
from proxy.interchange.errors import InvalidField
from tests.proxy.dialects.responses.drive import conversation

PNG = "data:image/png;base64,aGk="
CALL = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Bern"}'}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}


GRAMMAR = "tools[0].format.definition"


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def refused(*items: Any, **fields: Any) -> str:
    with pytest.raises(InvalidField) as refusal:
        conversation(*items, **fields)
    return refusal.value.field


def test_a_string_is_what_the_user_says() -> None:
    asked = RESPONSES.conversation_from({"model": "m", "input": "hi", "instructions": "Be brief."})

    assert asked.system == (Text(text="Be brief.", path="instructions"),)
    assert asked.turns == (Turn("user", (Text(text="hi", path="input[0].content"),)),)


@pytest.mark.parametrize("role", ["system", "developer"])
def test_leading_system_messages_follow_the_instructions(role: str) -> None:
    item = {"type": "message", "role": role, "content": [{"type": "input_text", "text": "Be kind."}]}

    asked = conversation(item, user({"type": "input_text", "text": "hi"}), item, instructions="Be brief.")

    assert [text.text for text in asked.system] == ["Be brief.", "Be kind."]
    assert [turn.role for turn in asked.turns] == ["user", "system"]


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ({"type": "input_text", "text": "hi"}, Text(text="hi")),
        ({"type": "output_text", "text": "hi", "annotations": []}, Text(text="hi")),
        ({"type": "refusal", "refusal": "no"}, Text(text="no")),
        (
            {"type": "input_image", "image_url": PNG, "detail": "low"},
            Image(source=Source(media_type="image/png", data="aGk="), detail="low"),
        ),
        (
            {"type": "input_image", "image_url": "https://a.example/b.png"},
            Image(source=Source(url="https://a.example/b.png")),
        ),
        ({"type": "input_image", "file_id": "file-1"}, Image(source=Source(file_id="file-1"))),
        (
            {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"},
            Document(source=Source(media_type="application/pdf", data="aGk="), name="a.pdf"),
        ),
        (
            {"type": "input_file", "file_data": "aGk="},
            Document(source=Source(media_type="application/pdf", data="aGk=")),
        ),
        ({"type": "input_file", "file_data": PNG}, Image(source=Source(media_type="image/png", data="aGk="))),
        (
            {"type": "input_file", "file_url": "https://a.example/b.pdf"},
            Document(source=Source(url="https://a.example/b.pdf")),
        ),
        ({"type": "input_file", "file_id": "file-1"}, Document(source=Source(file_id="file-1"))),
        (
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
            Audio(data="aGk=", format="wav"),
        ),
        (
            {"type": "input_text", "text": "hi", "prompt_cache_breakpoint": {"mode": "explicit"}},
            Text(text="hi", cache={"type": "ephemeral"}),
        ),
        (
            {
                "type": "input_text",
                "text": "hi",
                "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"},
            },
            Text(text="hi", cache={"type": "ephemeral", "ttl": "1h"}),
        ),
        (
            {"type": "input_text", "text": "hi", "cache_control": {"type": "ephemeral"}},
            Text(text="hi", cache={"type": "ephemeral"}),
        ),
    ],
)
def test_parts(part: dict[str, Any], read: Text) -> None:
    [turn] = conversation(user(part)).turns

    [said] = turn.parts
    assert type(said) is type(read)
    assert said.path == "input[0].content[0]"
    assert {name: getattr(said, name) for name in said.__struct_fields__ if name != "path"} == {
        name: getattr(read, name) for name in read.__struct_fields__ if name != "path"
    }


def test_what_the_assistant_did_in_a_row_is_one_turn_and_so_are_results() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    other = CALL | {"call_id": "c2"}

    asked = conversation(
        user({"type": "input_text", "text": "hi"}),
        thought,
        {"role": "assistant", "content": "Let me see."},
        CALL,
        other,
        RESULT,
        RESULT | {"call_id": "c2"},
    )

    assert [turn.role for turn in asked.turns] == ["user", "assistant", "user"]
    assert asked.turns[1].parts == (
        Thinking(signature="gAAA", origin="openai", id="rs_1", path="input[1]"),
        Text(text="Let me see.", path="input[2].content"),
        ToolUse(id="c1", name="weather", arguments='{"city":"Bern"}', path="input[3]"),
        ToolUse(id="c2", name="weather", arguments='{"city":"Bern"}', path="input[4]"),
    )
    assert asked.turns[2].parts == (
        ToolResult(
            id="c1", name="weather", parts=(Text(text="sunny", path="input[5].output"),), path="input[5]"
        ),
        ToolResult(
            id="c2", name="weather", parts=(Text(text="sunny", path="input[6].output"),), path="input[6]"
        ),
    )


def test_a_tool_may_answer_in_images() -> None:
    output = [{"type": "input_image", "image_url": PNG}]

    [_, results] = conversation(CALL, RESULT | {"output": output}).turns

    [result] = results.parts
    assert isinstance(result, ToolResult)
    assert [type(part) for part in result.parts] == [Image]


def test_a_signature_in_a_call_id_is_taken_out_of_call_and_result() -> None:
    marked = signatures.in_id("c1", "c2ln")

    [said, results] = conversation(CALL | {"call_id": marked}, RESULT | {"call_id": marked}).turns

    [call], [result] = said.parts, results.parts
    assert isinstance(call, ToolUse)
    assert isinstance(result, ToolResult)
    assert (call.id, call.signature, result.id, result.name) == ("c1", "c2ln", "c1", "weather")


def test_an_answer_in_open_reasoning_is_thinking_that_nobody_vouches_for() -> None:
    item = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}

    assert conversation(item).turns[0].parts == (Thinking(text="hm", path="input[0]"),)


def test_what_openais_servers_did_is_left_out() -> None:
    assert conversation({"type": "web_search_call", "id": "ws_1", "status": "completed"}).turns == ()


def test_tools() -> None:
    assert conversation(tools=[WEATHER]).tools == (
        Tool(name="weather", schema={"type": "object"}, strict=True, path="tools[0]"),
    )


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "weather"}, ToolChoice("named", "weather")),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]},
            ToolChoice("required", allowed=("weather",)),
        ),
    ],
)
def test_tool_choice(choice: Any, read: ToolChoice | None) -> None:
    assert conversation(tool_choice=choice).tool_choice == read


def test_settings() -> None:
    asked = conversation(
        max_output_tokens=50,
        temperature=0.5,
        top_p=0.9,
        top_logprobs=3,
        parallel_tool_calls=False,
        service_tier="flex",
        safety_identifier="u1",
        metadata={"a": "b"},
        prompt_cache_key="k",
        text={"verbosity": "low"},
        reasoning={"effort": "high", "summary": "auto"},
    )
    found = asked.settings

    assert (found.max_tokens, found.temperature, found.top_p, found.logprobs) == (50, 0.5, 0.9, 3)
    assert (found.parallel_tool_calls, found.service_tier, found.user) == (False, "flex", "u1")
    assert (found.metadata, found.cache_key, found.verbosity) == ({"a": "b"}, "k", "low")
    assert found.thinking == ThinkingAsked(effort="high", shown=True)


@pytest.mark.parametrize(
    ("summary", "shown"),
    [("auto", True), ("concise", True), ("detailed", True), ("none", False), (None, None)],
)
def test_whether_thinking_is_shown(summary: str | None, shown: bool | None) -> None:
    assert conversation(reasoning={"summary": summary}).settings.thinking.shown is shown
    assert conversation(reasoning={"generate_summary": summary}).settings.thinking.shown is shown


def test_log_probabilities_may_be_asked_for_alone() -> None:
    assert conversation(include=["message.output_text.logprobs"]).settings.logprobs == 0
    assert conversation(include=["reasoning.encrypted_content"]).settings.logprobs is None


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, Format()),
        (
            {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
            Format(name="n", schema={"type": "object"}, strict=True),
        ),
    ],
)
def test_formats(given: dict[str, Any], read: Format | None) -> None:
    assert conversation(text={"format": given}).settings.format == read


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("messages", "input"),
        ("max_tokens", "max_output_tokens"),
        ("format", "text.format"),
        ("thinking", "reasoning.effort"),
        ("temperature", "temperature"),
    ],
)
def test_settings_are_called_what_the_caller_calls_them(setting: str, name: str) -> None:
    assert conversation().name_of(setting) == name


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ("hi", "input[0]"),
        ({"role": "tool", "content": "x"}, "input[0].role"),
        ({"role": "user", "content": 3}, "input[0].content"),
        (user({"type": "video"}), "input[0].content[0].type"),
        (user({"type": "input_text"}), "input[0].content[0].text"),
        (user({"type": "input_image", "image_url": "ftp://a"}), "input[0].content[0].image_url"),
        (user({"type": "input_file"}), "input[0].content[0].file_data"),
        ({"role": "system", "content": [{"type": "input_image", "file_id": "f"}]}, "input[0].content[0]"),
        ({"type": "item_reference", "id": "msg_1"}, "input[0]"),
        ({"id": "msg_1"}, "input[0]"),
        ({"type": "custom_tool_call", "call_id": "c", "name": "n"}, "input[0].input"),
        ({"type": "custom_tool_call_output", "output": "x"}, "input[0].call_id"),
        ({"type": "local_shell_call", "call_id": "c", "action": {}}, "input[0].type"),
        ({"type": "additional_tools", "tools": [{"type": "mcp"}]}, "input[0].tools[0].type"),
        (CALL | {"namespace": 3}, "input[0].namespace"),
        ({"type": "compaction", "encrypted_content": "x"}, "input[0].type"),
        (CALL | {"arguments": "[1]"}, "input[0].arguments"),
        (CALL | {"call_id": None}, "input[0].call_id"),
        (RESULT | {"output": {"a": 1}}, "input[0].output"),
        (
            RESULT | {"output": [{"type": "input_audio", "input_audio": {"data": "a", "format": "wav"}}]},
            "input[0].output[0]",
        ),
        ({"type": "reasoning", "summary": "hm"}, "input[0].summary"),
    ],
)
def test_a_wrong_item_is_named(item: Any, field: str) -> None:
    assert refused(item) == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"input": None}, "input"),
        ({"instructions": 3}, "instructions"),
        ({"tools": [{"type": "custom"}]}, "tools[0].name"),
        ({"tools": [{"type": "custom", "name": "n", "format": {"type": "grammar"}}]}, GRAMMAR),
        ({"tools": [{"type": "namespace", "tools": []}]}, "tools[0].name"),
        (
            {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "mcp"}]}]},
            "tools[0].tools[0].type",
        ),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        (
            {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}},
            "tool_choice.tools.type",
        ),
        ({"text": "json"}, "text"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"reasoning": {"effort": 3}}, "reasoning.effort"),
        ({"include": [3]}, "include"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], field: str) -> None:
    assert refused(**fields) == field


@pytest.mark.parametrize(
    "kind", ["file_search", "code_interpreter", "image_generation", "mcp", "computer", "local_shell", "shell"]
)
def test_a_refused_tool_is_named_with_its_type(kind: str) -> None:
    with pytest.raises(InvalidField, match=f"only models of OpenAI have tools of type '{kind}'") as refusal:
        conversation(tools=[WEATHER, {"type": kind}])
    assert refusal.value.field == "tools[1].type"


def test_no_input_items_are_no_turns() -> None:
    assert conversation() == Conversation(names=conversation().names)
