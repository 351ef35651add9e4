"""Parameters of tools as they come in the wild (check K7): those that Gemini takes, those that it cannot."""

from typing import Any

# As MCP servers, Pydantic and Zod write them.
ACCEPTED: dict[str, dict[str, Any]] = {
    "definitions": {
        "type": "object",
        "$defs": {
            "City": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
        },
        "properties": {"city": {"$ref": "#/$defs/City"}},
        "required": ["city"],
    },
    "recursive": {
        "type": "object",
        "definitions": {
            "Node": {
                "type": "object",
                "properties": {"children": {"type": "array", "items": {"$ref": "#/definitions/Node"}}},
            }
        },
        "properties": {"root": {"$ref": "#/definitions/Node"}},
    },
    "type_arrays": {"type": "object", "properties": {"limit": {"type": ["integer", "null"]}}},
    "union_beside_siblings": {
        "type": "object",
        "properties": {
            "when": {
                "anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}],
                "default": None,
                "title": "When",
                "description": "d",
            }
        },
    },
    "all_of": {"type": "object", "allOf": [{"properties": {"a": {"type": "string"}}}, {"required": ["a"]}]},
    "unique_items": {
        "type": "object",
        "properties": {"tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}},
    },
    "pattern_properties": {"type": "object", "patternProperties": {"^x-": {"type": "string"}}},
    "exclusive_minimum": {"type": "object", "properties": {"n": {"type": "number", "exclusiveMinimum": 0}}},
    "constant": {"type": "object", "properties": {"kind": {"const": "circle"}}, "required": ["kind"]},
    "draft": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    },
    "tuple": {
        "type": "object",
        "properties": {"at": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]}},
    },
    "empty_object": {"type": "object"},
    "without_a_type": {"properties": {"a": {"type": "string"}}},
}
REFUSED: dict[str, dict[str, Any]] = {
    "array_of_parameters": {"type": "array", "items": {"type": "string"}},
    "text": {"type": "string"},
    "lost_definition": {"type": "object", "properties": {"a": {"$ref": "#/$defs/Lost"}}},
    "elsewhere": {"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}},
}
