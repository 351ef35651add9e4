"""Values made from JSON schemas, and prompts read as plans."""

from typing import Any

import pytest

from proxy.sandbox import plan, schemas
from proxy.sandbox.plan import Mention


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "example"),
        ({"type": "string", "minLength": 9}, "exampleee"),
        ({"type": "string", "maxLength": 2}, "ex"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "maximum": 0}, 0),
        ({"type": "integer", "exclusiveMinimum": 7}, 8),
        ({"type": "number"}, 1.5),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"type": "array", "prefixItems": [{"type": "null"}, {"const": 3}]}, [None, 3]),
        ({"type": ["string", "null"]}, "example"),
        ({"anyOf": [{"enum": ["C", "F"]}, {"type": "null"}]}, "C"),
        ({"$ref": "#/$defs/T", "$defs": {"T": {"type": "OBJECT", "properties": {"a": {}}}}},
         {"a": "example"}),
        (True, "example"),
    ],
)  # fmt: skip
def test_an_example(schema: Any, value: Any) -> None:
    assert schemas.example(schema) == value


def test_a_schema_within_itself_ends() -> None:
    made = schemas.example(
        {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}
    )
    while made["next"] is not None:
        made = made["next"]

    assert made == {"next": None}


def test_a_list_of_a_schema_within_itself_ends() -> None:
    made = schemas.example(
        {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}
    )
    while made["kids"]:
        [made] = made["kids"]

    assert made == {"kids": []}


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "object", "additionalProperties": False}, None),
        ({"type": "object"}, ()),
        ({"type": "object", "additionalProperties": True}, ()),
        ({"additionalProperties": False, "properties": {"a": {"type": "object"}}}, ("a",)),
        ({"type": "array", "items": {"type": "object"}}, ("items",)),
        ({"anyOf": [{"type": "null"}, {"type": "object"}]}, ("anyOf", "1")),
    ],
)
def test_an_open_object_is_found(schema: Any, path: tuple[str, ...] | None) -> None:
    assert schemas.open_object(schema) == path


@pytest.mark.parametrize(
    ("prompt", "steps"),
    [
        ("Hello.", []),
        ("use tool f", [[Mention("f", None)]]),
        ("Please use tool my-f. Thanks.", [[Mention("my-f", None)]]),
        ("use tool f and use tool g", [[Mention("f", None), Mention("g", None)]]),
        ("use tool f then use tool g", [[Mention("f", None)], [Mention("g", None)]]),
        ("use tool f, use tool g, then use tool f",
         [[Mention("f", None), Mention("g", None)], [Mention("f", None)]]),
        ('use tool f with {"then": [1, "}"]} and use tool g',
         [[Mention("f", {"then": [1, "}"]}), Mention("g", None)]]),
        ("use tool f with {broken", [[Mention("f", None)]]),
    ],
)  # fmt: skip
def test_a_plan_is_read_from_a_prompt(prompt: str, steps: list[list[Mention]]) -> None:
    assert plan.steps(prompt) == steps
