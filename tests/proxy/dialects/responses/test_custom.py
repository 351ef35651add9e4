"""Calls of custom tools, and of tools in namespaces, as the caller declared them; whole and streamed."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialects.responses.custom import Pieces, arguments_for, input_of
from proxy.interchange import signatures
from proxy.interchange.conversation import ToolUse
from tests.proxy.dialects.responses.drive import (
    choice_of,
    closed,
    conversation,
    events_of,
    final_of,
    sdk,
    started,
    timeless,
    told,
    whole,
)

ASKED: dict[str, Any] = {
    "model": "m",
    "input": "hi",
    "tools": [
        {"type": "custom", "name": "apply_patch"},
        {
            "type": "namespace",
            "name": "agents",
            "description": "Other agents.",
            "tools": [{"type": "function", "name": "spawn", "parameters": {}, "strict": False}],
        },
    ],
}
PATCH = '*** Begin\n+say "hi" to \\ and 😀 \u2028 \x00\n'


def call_of(arguments: str, name: str = "apply_patch", signature: str = "") -> dict[str, Any]:
    use = ToolUse(id="c1", name=name, arguments=arguments, signature=signature)
    item: dict[str, Any]
    [item] = whole(choice_of(use, finish="tool_calls"), ASKED)["output"]
    return item


def streamed(*pieces: str, finish: str = "tool_calls") -> list[dict[str, Any]]:
    writer = started(ASKED)
    frames = writer.tool_call(0, call_id="c1", name="apply_patch")
    for piece in pieces:
        frames += writer.arguments(0, piece)
    return events_of(b"".join([*frames, *closed(writer, finish)]))


def deltas_of(events: list[dict[str, Any]]) -> list[str]:
    return [event["delta"] for event in events if event["type"] == "response.custom_tool_call_input.delta"]


def test_a_call_of_a_custom_tool() -> None:
    assert call_of(arguments_for(PATCH)) == {
        "id": "ctc_tallygate_x1_0",
        "type": "custom_tool_call",
        "call_id": "c1",
        "name": "apply_patch",
        "input": PATCH,
        "status": "completed",
    }


def test_its_signature_is_in_the_call_id() -> None:
    assert call_of("{}", signature="c2ln")["call_id"] == signatures.in_id("c1", "c2ln")


def test_a_call_in_a_namespace() -> None:
    item = call_of('{"message":"go"}', "agents__spawn")

    assert (item["type"], item["namespace"], item["name"], item["arguments"]) == (
        "function_call",
        "agents",
        "spawn",
        '{"message":"go"}',
    )


def test_a_tool_that_nobody_offered_is_a_function() -> None:
    assert call_of("{}", "other")["type"] == "function_call"


@pytest.mark.parametrize(
    ("arguments", "text", "status"),
    [
        ('{"input": ""}', "", "completed"),
        (' { "input" :"a" } ', "a", "completed"),
        ('{"why":"x","input":"a"}', "a", "completed"),
        ('{"input":"a","why":"x"}', "a", "completed"),
        ('{"input":"a","input":"b"}', "b", "completed"),
        ("{}", "{}", "completed"),
        ('{"input":3}', '{"input":3}', "completed"),
        ('{"patch":"a"}', '{"patch":"a"}', "completed"),
        ("*** Begin Patch", "*** Begin Patch", "incomplete"),
        ('"a"', '"a"', "incomplete"),
        ('{"input":"say "hi""}', '{"input":"say "hi""}', "incomplete"),
        ('{"input":"a\\qb"}', '{"input":"a\\qb"}', "incomplete"),
        ('{"input":"a\nb"}', '{"input":"a\nb"}', "incomplete"),
        ('{"input":"broken o', "broken o", "incomplete"),
        ('{"input":"broken \\', "broken ", "incomplete"),
        ('{"input":"broken \\ud83d\\ude0', "broken ", "incomplete"),
        ('{"input":"', '{"input":"', "incomplete"),
    ],
)
def test_what_the_input_is(arguments: str, text: str, status: str) -> None:
    """Arguments that are not ``{"input": text}`` are the input as they came; broken off text is itself."""
    item = call_of(arguments)
    [streamed_item] = streamed(*arguments)[-1]["response"]["output"]

    assert (item["input"], item["status"]) == (text, status)
    assert (streamed_item["input"], streamed_item["status"]) == (text, status)


def test_the_events_of_a_call() -> None:
    events = streamed('{"inp', 'ut": "a\\', "nb\\ud83d", "\\ude00c", '"}')

    assert [event["type"].removeprefix("response.") for event in events[2:-1]] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert events[2]["item"] == {
        "id": "ctc_tallygate_x1_0",
        "type": "custom_tool_call",
        "call_id": "c1",
        "name": "apply_patch",
        "input": "",
        "status": "in_progress",
    }
    assert deltas_of(events) == ["a", "\nb", "😀c"]
    assert events[-3]["input"] == events[-2]["item"]["input"] == "a\nb😀c"


def test_what_was_not_told_before_is_told_at_the_end() -> None:
    assert deltas_of(streamed('{"why": "x", "input": ', '"abc"}')) == ["abc"]


def test_a_call_without_arguments() -> None:
    assert deltas_of(streamed()) == []
    assert streamed()[-1]["response"]["output"][0]["input"] == ""


def test_the_sdk_comes_to_the_same_answer() -> None:
    choice = choice_of(
        ToolUse(id="c1", name="apply_patch", arguments=arguments_for(PATCH)),
        ToolUse(id="c2", name="agents__spawn", arguments="{}"),
        finish="tool_calls",
    )
    with sdk(told(choice, ASKED)) as client, client.responses.stream(model="m", input="hi") as stream:
        final = stream.get_final_response()

    found = json.loads(final.model_dump_json(exclude_unset=True))
    found["output"][1].pop("parsed_arguments")
    assert timeless(found) == timeless(whole(choice, ASKED))


def test_what_is_answered_may_come_back() -> None:
    use = ToolUse(id="c1", name="apply_patch", arguments=arguments_for(PATCH), signature="c2ln")
    spawn = ToolUse(id="c2", name="agents__spawn", arguments="{}")

    [turn] = conversation(*whole(choice_of(use, spawn), ASKED)["output"]).turns

    first, second = turn.parts
    assert isinstance(first, ToolUse)
    assert isinstance(second, ToolUse)
    assert (first.name, first.arguments, first.signature) == (use.name, use.arguments, "c2ln")
    assert second.name == "agents__spawn"


@given(st.text(), st.booleans(), st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=500, deadline=None)
def test_any_text_in_any_pieces_is_told_as_it_is(text: str, ascii_only: bool, cuts: list[int]) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only)
    edges = [0, *sorted(cuts), len(arguments)]
    pieces = Pieces()

    found = "".join(pieces.of(arguments[a:b]) for a, b in itertools.pairwise(edges))

    assert found == text
    assert input_of(arguments, found) == text


@given(st.lists(st.sampled_from(['{"input"', ":", '"', "\\", "u", "d83d", "x", "}", " ", "\n", "n", ","])))
@settings(max_examples=500, deadline=None)
def test_any_arguments_end_as_the_whole_answer(pieces: list[str]) -> None:
    use = ToolUse(id="c1", name="apply_patch", arguments="".join(pieces))
    choice = choice_of(use)
    item = final_of(told(choice, ASKED))["output"][0]

    assert item == whole(choice, ASKED)["output"][0]
    assert json.loads(json.dumps(item)) == item
