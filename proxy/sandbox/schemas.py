"""JSON schemas: a value that one allows, and what the vendors demand of one."""

from typing import Any

from proxy.sandbox.ask import Json

# What a JSON answer is made of when the caller gave no schema.
ANY_OBJECT: Json = {"type": "object", "properties": {"answer": {}}}
DEEPEST = 16  # a schema that refers to itself ends here
FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "example@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def example(schema: Any) -> Any:
    """A value that a JSON schema allows, always the same one."""
    return _example(schema, schema, 0)


def _example(schema: Any, root: Any, depth: int) -> Any:
    if not isinstance(schema, dict):
        return "example"
    if "$ref" in schema:
        return _example(_resolved(schema["$ref"], root), root, depth + 1) if depth < DEEPEST else None
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            # A branch that refers to itself once too often gives way to the last one, usually null.
            return _example(schema[union][-1 if depth >= DEEPEST - 1 else 0], root, depth + 1)
    return _example_of_type(schema, root, depth)


def _resolved(reference: str, root: Any) -> Any:
    """What a reference within the same schema, as ``#/$defs/City``, points at."""
    found = root
    for name in reference.removeprefix("#").strip("/").split("/"):
        found = found[name.replace("~1", "/").replace("~0", "~")] if name else found
    return found


def _example_of_type(schema: Json, root: Any, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = (kind[0] if isinstance(kind, list) else str(kind)).lower()  # Gemini writes OBJECT, STRING
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: _example(inner, root, depth + 1) for name, inner in properties.items()}
    if kind == "array":
        if depth >= DEEPEST - 1 or schema.get("maxItems") == 0:
            return []
        places = schema.get("prefixItems") or [schema.get("items")] * max(1, schema.get("minItems") or 1)
        return [_example(inner, root, depth + 1) for inner in places]
    if kind in ("integer", "number"):
        return _number(schema, 1 if kind == "integer" else 1.5)
    if kind == "string":
        return _string(schema)
    return {"boolean": True, "null": None}.get(kind, "example")


def _number(schema: Json, usual: float) -> float:
    above = schema.get("exclusiveMinimum")
    low = schema.get("minimum", usual if above is None else above + 1)
    below = schema.get("exclusiveMaximum")
    high = schema.get("maximum", max(low, usual) if below is None else below - 1)
    made: float = min(max(low, usual), high)
    return made


def _string(schema: Json) -> str:
    made = FORMATS.get(str(schema.get("format")), "example")
    made = made.ljust(schema.get("minLength") or 0, "e")
    return made[: schema.get("maxLength", len(made))]


def open_object(schema: Any, where: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    """The path of the first object without ``additionalProperties: false``, None if all have it."""
    if isinstance(schema, list):
        members: Any = enumerate(schema)
    elif isinstance(schema, dict):
        is_object = schema.get("type") == "object" or "properties" in schema
        if is_object and schema.get("additionalProperties") is not False:
            return where
        members = _inner(schema)
    else:
        return None
    for name, inner in members:
        found = open_object(inner, (*where, str(name)))
        if found is not None:
            return found
    return None


def _inner(schema: Json) -> list[tuple[str, Any]]:
    """The schemas inside one: those of its properties and definitions under their names."""
    inner: list[tuple[str, Any]] = []
    for name in ("properties", "$defs", "definitions"):
        inner += (schema.get(name) or {}).items()
    return inner + [(name, schema[name]) for name in ("items", "anyOf", "allOf", "oneOf") if name in schema]


def optional_property(schema: Any) -> str | None:
    """The name of the first property of ``schema`` itself that is not required, None if all are."""
    if not isinstance(schema, dict):
        return None
    required = schema.get("required") or []
    return next((name for name in schema.get("properties") or {} if name not in required), None)
