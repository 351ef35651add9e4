"""The answer's shape: structured output where the model has it, else a tool whose input is the answer."""

from typing import Any

import pytest

from proxy.adapters.anthropic import formats, schemas
from tests.proxy.adapters.anthropic_calls import (
    MIDDLE,
    NEW,
    NEWEST,
    OLD,
    dropped,
    function,
    read,
    text,
    to,
    user,
)
from tests.proxy.adapters.drive import Read, answered, call, sse

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**CITY, "additionalProperties": False}
MAP = {"type": "object", "additionalProperties": {"type": "integer"}}
TREE = {
    "type": "object",
    "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
    "additionalProperties": False,
}


def shaped(schema: Any = CITY, **more: Any) -> dict[str, Any]:
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": schema, **more}}
    }


@pytest.mark.parametrize("model", [MIDDLE, "claude-haiku-4-5", NEW, NEWEST])
def test_models_that_have_it_get_the_closed_schema(model: str) -> None:
    body = to(model, **shaped(strict=True))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": CLOSED}}
    assert "tools" not in body


def test_the_format_stands_beside_the_effort() -> None:
    body = to(NEW, reasoning_effort="low", **shaped())
    assert body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": CLOSED}}


def test_older_models_must_call_a_tool() -> None:
    body = to(OLD, **shaped(description="A place."))
    assert body["tools"] == [{"name": "place", "description": "A place.", "input_schema": CITY}]
    assert body["tool_choice"] == {"type": "tool", "name": "place"}
    assert "output_config" not in body


@pytest.mark.parametrize("schema", [MAP, TREE], ids=["free keys", "recursion"])
def test_a_schema_without_a_closed_form_goes_as_a_tool(schema: dict[str, Any]) -> None:
    body = to(MIDDLE, **shaped(schema))
    assert body["tools"][0]["input_schema"] == schema
    assert body["tool_choice"] == {"type": "tool", "name": "place"}


def test_where_nothing_can_be_demanded_the_tool_is_asked_for_in_words() -> None:
    body = to(NEWEST, **shaped(MAP))
    assert body["tool_choice"] == {"type": "auto"}
    words = "<system>\nYou must now call the tool place; do not answer in text.\n</system>"
    assert body["messages"][-1] == user(*text(words))
    assert dropped(NEWEST, **shaped(MAP)) == ("response_format",)


@pytest.mark.parametrize(
    ("choice", "names", "expected"),
    [
        (None, ["weather", "place"], {"type": "any"}),
        ("auto", ["weather", "place"], {"type": "any"}),
        ("none", ["weather", "place"], {"type": "tool", "name": "place"}),
        ("required", ["weather"], {"type": "any"}),
    ],
)
def test_beside_other_tools(choice: str | None, names: list[str], expected: dict[str, Any]) -> None:
    body = to(OLD, tools=[function()], tool_choice=choice, **shaped())
    assert [tool["name"] for tool in body["tools"]] == names
    assert body["tool_choice"] == expected


def test_the_answers_tool_takes_no_name_that_is_taken() -> None:
    assert [tool["name"] for tool in to(OLD, tools=[function("place")], **shaped())["tools"]] == [
        "place",
        "place_",
    ]


def test_the_answers_tool_switches_thinking_off() -> None:
    asked = {"reasoning_effort": "low", "max_tokens": 9000, **shaped()}
    assert "thinking" not in to(OLD, **asked)
    assert dropped(OLD, **asked) == ("thinking",)


def test_any_json_object_is_an_instruction() -> None:
    body = to(
        response_format={"type": "json_object"},
        messages=[{"role": "system", "content": "s"}, user(*text("u"))],
    )
    assert body["system"] == text("s", formats.JSON_INSTRUCTION)
    assert "one JSON object" in formats.JSON_INSTRUCTION
    assert "output_config" not in body


def test_plain_text_is_no_format() -> None:
    assert to(response_format={"type": "text"}).keys() == {"model", "max_tokens", "messages"}


def tool_use(name: str, given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "t1", "name": name, "input": given}


def plain(*blocks: dict[str, Any], model: str = OLD) -> dict[str, Any]:
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {
        "id": "m1",
        "type": "message",
        "model": model,
        "content": list(blocks),
        "stop_reason": "tool_use",
        "usage": usage,
    }


def streamed(*blocks: dict[str, Any]) -> Read:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m1", "usage": {"input_tokens": 1}}}
    ]
    for index, block in enumerate(blocks):
        bare = {**block, "input": {}}
        events.append({"type": "content_block_start", "index": index, "content_block": bare})
        for piece in ('{"city":', '"Paris"}') if block["input"] else ():
            delta = {"type": "input_json_delta", "partial_json": piece}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    events.append(
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}}
    )
    return read(sse(*events, {"type": "message_stop"}), call(stream=True, **shaped()), model=OLD)


@pytest.mark.parametrize(("given", "said"), [({"city": "Paris"}, '{"city":"Paris"}'), ({}, "{}")])
def test_what_the_tool_is_called_with_is_the_answers_text(given: dict[str, Any], said: str) -> None:
    """Plain and streamed alike."""
    answer = answered("anthropic", plain(tool_use("place", given)), model=OLD, asked=call(**shaped()))
    found = streamed(tool_use("place", given))
    assert (answer.text, answer.finish_reason) == (said, "stop")
    assert (found.text, found.finish_reasons) == (said, ["stop"])
    assert not any("tool_calls" in delta for delta in found.deltas)


def test_a_call_of_another_tool_is_one() -> None:
    answer = answered("anthropic", plain(tool_use("weather", {})), model=OLD, asked=call(**shaped()))
    found = streamed(tool_use("weather", {}))
    assert (answer.text, answer.finish_reason) == ("", "tool_calls")
    assert (found.text, found.finish_reasons) == ("", ["tool_calls"])


def test_closed_describes_what_it_takes_out() -> None:
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "In years."},
            "mail": {"type": "string", "format": "email", "maxLength": 9},
            "tags": {"type": "array", "items": {"type": "string", "pattern": "^a"}, "minItems": 2},
            "pet": {"oneOf": [{"$ref": "#/$defs/Cat"}, {"type": "null"}]},
            "kind": {"enum": ["a", "b"], "default": "a"},
            "pair": {"type": "array", "prefixItems": [{"const": 1}]},
        },
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"Cat": {"type": "object", "properties": {"minimum": {"const": 1}}}},
    }
    assert schemas.closed(schema) == {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "description": "In years.\n\n{minimum: 0}"},
            "mail": {"type": "string", "format": "email", "description": "{maxLength: 9}"},
            "tags": {
                "type": "array",
                "items": {"type": "string", "description": '{pattern: "^a"}'},
                "description": "{minItems: 2}",
            },
            "pet": {"anyOf": [{"$ref": "#/$defs/Cat"}, {"type": "null"}]},
            "kind": {"enum": ["a", "b"], "default": "a"},
            "pair": {"type": "array", "description": '{prefixItems: [{"const":1}]}'},
        },
        "$defs": {
            "Cat": {"type": "object", "properties": {"minimum": {"const": 1}}, "additionalProperties": False}
        },
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (CITY, True),
        (CLOSED, True),
        ({"type": "object", "properties": {}, "additionalProperties": False}, True),
        ({"type": "string"}, True),
        (MAP, False),
        ({"type": "object"}, False),
        ({"type": "object", "properties": {"a": {"type": ["object", "null"]}}}, False),
        ({"type": "object", "properties": {"a": {"oneOf": [MAP]}}}, False),
        ({**CITY, "patternProperties": {"^x": {}}}, False),
        (TREE, False),
        ({**CITY, "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}}, True),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}}}, False),
    ],
)
def test_which_schemas_have_a_closed_form(schema: dict[str, Any], expected: bool) -> None:
    assert schemas.closable(schema) is expected
