"""Functions that a caller offers to Gemini, and which of them the model may or must call."""

import copy
from typing import Any

import pytest

from proxy.adapters.base import InvalidField, UnsupportedField
from tests.proxy.adapters.drive import sent

OFFERED = ("f", "g", "h")
TOOLS = [{"type": "function", "function": {"name": name}} for name in OFFERED]


def to(**body: Any) -> dict[str, Any]:
    return sent("gemini", **body)


def declared(**function: Any) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": "f", **function}}]
    found: dict[str, Any] = to(tools=tools)["tools"][0]["functionDeclarations"][0]
    return found


def calling(choice: Any) -> Any:
    return to(tools=TOOLS, tool_choice=choice)["toolConfig"]["functionCallingConfig"]


def test_a_function_with_its_whole_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"node": {"$ref": "#/$defs/Node"}},
        "$defs": {"Node": {"type": ["object", "null"], "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    }
    assert declared(description="does it", parameters=schema) == {
        "name": "f",
        "description": "does it",
        "parametersJsonSchema": schema,
    }


@pytest.mark.parametrize("parameters", [None, {}])
def test_a_function_without_parameters(parameters: Any) -> None:
    assert declared(parameters=parameters) == {"name": "f"}


def test_the_callers_schema_is_not_changed() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    before = copy.deepcopy(schema)
    declared(parameters=schema)
    assert schema == before


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {}},
        {"type": ["object", "null"]},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/Missing"}}},
        {"type": "object", "properties": {"a": {"$ref": "https://example.com/schema.json"}}},
        {"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#/$defs/A/1"}]}}, "$defs": {"A": []}},
        {"type": "object", "properties": {"a": {"$ref": 7}}},
    ],
)
def test_a_schema_that_gemini_would_refuse_is_refused_by_the_tools_name(schema: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedField) as refusal:
        declared(parameters=schema)
    assert refusal.value.field == "tools[0]"
    assert refusal.value.reason.startswith("the tool 'f': ")


def test_a_property_may_be_named_like_a_reference() -> None:
    schema = {"type": "object", "properties": {"$ref": {"type": "string"}}, "default": {"$ref": "x"}}
    assert declared(parameters=schema)["parametersJsonSchema"] == schema


@pytest.mark.parametrize("reference", ["#", "#/properties/a", "#/allOf/0", "#/$defs/a~1b", "#anchor"])
def test_references_within_the_schema(reference: str) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"$ref": reference}},
        "allOf": [{"required": ["a"]}],
        "$defs": {"a/b": {"type": "string"}},
    }
    assert declared(parameters=schema)["parametersJsonSchema"] == schema


def test_a_schema_may_be_deep() -> None:
    schema: dict[str, Any] = {"$ref": "#"}
    for _ in range(400):
        schema = {"type": "object", "properties": {"a": schema}}
    assert declared(parameters=schema)["parametersJsonSchema"] == schema


@pytest.mark.parametrize("name", ["1st", "-f", "mit umlaut", "f" * 129])
def test_a_name_that_gemini_would_refuse(name: str) -> None:
    with pytest.raises(UnsupportedField) as refusal:
        to(tools=[{"type": "function", "function": {"name": name}}])
    assert refusal.value.field == "tools[0]"


@pytest.mark.parametrize("name", ["_f", "mcp__files__read", "a.b:c-d", "f" * 128])
def test_a_name_that_gemini_takes(name: str) -> None:
    tools = to(tools=[{"type": "function", "function": {"name": name}}])["tools"]
    assert tools == [{"functionDeclarations": [{"name": name}]}]


def test_no_choice_is_no_config() -> None:
    assert "toolConfig" not in to(tools=TOOLS)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "g"}},
            {"mode": "ANY", "allowedFunctionNames": ["g"]},
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": name}} for name in ("f", "h")],
                },
            },
            {"mode": "ANY", "allowedFunctionNames": ["f", "h"]},
        ),
    ],
)
def test_choices(choice: Any, expected: dict[str, Any]) -> None:
    assert calling(choice) == expected


def test_allowed_tools_that_need_not_be_called_are_the_only_ones_offered() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("h", "f")]
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": tools}}
    body = to(tools=TOOLS, tool_choice=allowed)
    assert body["tools"] == [{"functionDeclarations": [{"name": "f"}, {"name": "h"}]}]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_choice_without_tools_that_asks_for_nothing(choice: str) -> None:
    assert "toolConfig" not in to(tool_choice=choice)


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        ([], "required"),
        ([], {"type": "function", "function": {"name": "f"}}),
        (TOOLS, {"type": "function", "function": {"name": "unheard_of"}}),
    ],
)
def test_a_choice_of_what_is_not_there_is_wrong(tools: list[Any], choice: Any) -> None:
    with pytest.raises(InvalidField) as refusal:
        to(tools=tools, tool_choice=choice)
    assert refusal.value.field == "tool_choice"
