"""Tools of other kinds as functions: what is offered, demanded and left out, and how histories name them."""

from typing import Any

import pytest

from proxy.dialects.responses.declared import LONGEST_NAME, flat_name
from proxy.interchange.conversation import Text, Tool, ToolChoice, ToolResult, ToolUse
from proxy.interchange.errors import InvalidField
from tests.proxy.dialects.responses.drive import conversation

LARK: dict[str, Any] = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
PATCH: dict[str, Any] = {"type": "custom", "name": "apply_patch", "description": "Edits files."}
SPAWN: dict[str, Any] = {"type": "function", "name": "spawn", "description": "Starts an agent."}
WAIT: dict[str, Any] = {"type": "function", "name": "wait"}
AGENTS: dict[str, Any] = {"type": "namespace", "name": "agents", "description": "Other agents."}
SEARCH: dict[str, Any] = {"type": "web_search", "external_web_access": True}
TEXT = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": ["input"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("more", [{}, {"format": None}, {"format": {"type": "text"}}])
def test_a_custom_tool_is_a_function_of_one_text(more: dict[str, Any]) -> None:
    assert conversation(tools=[PATCH | more]).tools == (
        Tool(name="apply_patch", description="Edits files.", schema=TEXT, path="tools[0]"),
    )


def test_its_grammar_is_told_in_the_description() -> None:
    [tool] = conversation(tools=[PATCH | {"format": LARK}]).tools

    assert tool.description == "Edits files.\n\nThe input must match this grammar (lark):\nstart: /.+/"


def test_a_grammar_without_a_description_is_told_alone() -> None:
    [tool] = conversation(tools=[{"type": "custom", "name": "n", "format": LARK}]).tools

    assert tool.description == "The input must match this grammar (lark):\nstart: /.+/"


def test_a_long_grammar_is_cut() -> None:
    [tool] = conversation(tools=[PATCH | {"format": LARK | {"definition": "x" * 8_001}}]).tools

    assert tool.description.endswith(":\n" + "x" * 8_000)


def test_the_tools_of_a_namespace_have_its_name_and_the_first_its_description() -> None:
    custom = {"type": "custom", "name": "note"}

    assert conversation(tools=[AGENTS | {"tools": [SPAWN, WAIT, custom]}]).tools == (
        Tool(name="agents__spawn", description="Other agents.\n\nStarts an agent.", path="tools[0].tools[0]"),
        Tool(name="agents__wait", path="tools[0].tools[1]"),
        Tool(name="agents__note", schema=TEXT, path="tools[0].tools[2]"),
    )


def test_openais_own_namespace_names_nothing() -> None:
    [tool] = conversation(tools=[{"type": "namespace", "name": "functions", "tools": [WAIT]}]).tools

    assert tool.name == "wait"


@pytest.mark.parametrize("kind", ["additional_tools", "tool_search_output"])
def test_tools_may_be_declared_in_the_input(kind: str) -> None:
    """Codex's smaller requests have them there, and so do the results of a search for tools."""
    asked = conversation({"type": kind, "tools": [WAIT, PATCH]}, tools=[SPAWN])

    assert asked.turns == ()
    assert [(tool.name, tool.path) for tool in asked.tools] == [
        ("spawn", "tools[0]"),
        ("wait", "input[0].tools[0]"),
        ("apply_patch", "input[0].tools[1]"),
    ]


def test_a_tool_that_the_input_declares_again_is_offered_once() -> None:
    found = {"type": "tool_search_output", "tools": [WAIT]}

    assert [tool.path for tool in conversation(found, found, tools=[WAIT]).tools] == ["tools[0]"]


def test_two_tools_of_one_name_are_the_vendors_to_refuse() -> None:
    assert [tool.name for tool in conversation(tools=[WAIT, WAIT]).tools] == ["wait", "wait"]


def test_a_name_is_cut_where_it_is_too_long_and_stays_unique() -> None:
    first, second = flat_name("a" * 60, "server"), flat_name("a" * 60 + "b", "server")

    assert (len(first), len(second), first != second) == (LONGEST_NAME, LONGEST_NAME, True)
    assert flat_name("a" * 56, "server") == "server__" + "a" * 56
    assert flat_name("read", "mcp__files__") == "mcp__files__read"


@pytest.mark.parametrize(
    "kind", ["web_search", "web_search_preview", "web_search_preview_2025_03_11", "tool_search"]
)
def test_what_openai_does_by_itself_and_nobody_demands_is_left_out_by_name(kind: str) -> None:
    asked = conversation(tools=[{"type": kind}, WAIT, {"type": kind}])

    assert [tool.name for tool in asked.tools] == ["wait"]
    assert asked.dropped == (f"tools.{kind}",)


def test_nothing_is_left_out_of_other_tools() -> None:
    assert conversation(tools=[WAIT, PATCH]).dropped == ()


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        ({"type": "custom", "name": "apply_patch"}, ToolChoice("named", "apply_patch")),
        ({"type": "function", "name": "spawn", "namespace": "agents"}, ToolChoice("named", "agents__spawn")),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [PATCH, WAIT, SEARCH]},
            ToolChoice("auto", allowed=("apply_patch", "wait")),
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [WAIT, SEARCH]},
            ToolChoice("required", allowed=("wait",)),
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": [SEARCH]}, ToolChoice("none")),
    ],
)
def test_what_may_and_must_be_called(choice: dict[str, Any], read: ToolChoice) -> None:
    assert conversation(tool_choice=choice).tool_choice == read


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        ({"type": "web_search"}, "tool_choice.type"),
        ({"type": "allowed_tools", "mode": "required", "tools": [SEARCH]}, "tool_choice.tools.type"),
        ({"type": "custom"}, "tool_choice"),
    ],
)
def test_what_is_demanded_and_cannot_be_is_refused(choice: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        conversation(tools=[SEARCH, WAIT], tool_choice=choice)

    assert refusal.value.field == field


def test_a_call_of_a_custom_tool_and_its_result() -> None:
    call = {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": 'a "b"\n'}
    done = {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done!"}

    [said, results] = conversation(call, done).turns

    assert said.parts == (
        ToolUse(id="c1", name="apply_patch", arguments='{"input":"a \\"b\\"\\n"}', path="input[0]"),
    )
    assert results.parts == (
        ToolResult(
            id="c1", name="apply_patch", parts=(Text(text="Done!", path="input[1].output"),), path="input[1]"
        ),
    )


def test_a_call_in_a_namespace_is_named_as_its_tool() -> None:
    call = {
        "type": "function_call",
        "call_id": "c1",
        "namespace": "agents",
        "name": "spawn",
        "arguments": "{}",
    }

    [said] = conversation(call).turns

    assert said.parts == (ToolUse(id="c1", name="agents__spawn", path="input[0]"),)
