"""JSON Schemas as Anthropic's structured output takes them.

Every object must be closed (``additionalProperties: false``), and constraints on numbers, lengths and
patterns are refused. Such a constraint moves into the schema's description, where the model still reads it:
that is what Anthropic's own SDK does. Maps with free keys and recursive schemas have no closed form.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.interchange import wire

_MAPS = frozenset({"properties", "$defs", "definitions"})  # names to schemas
_LISTS = frozenset({"anyOf", "allOf"})
_DATA = frozenset({"type", "enum", "const", "required", "description", "title", "$ref", "default"})
_SILENT = frozenset({"additionalProperties", "$schema", "$id", "$comment"})  # nothing for the model to read
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A copy whose objects take no further properties and whose refused constraints are described."""
    copy: dict[str, Any] = {}
    described: list[str] = []
    for name, value in schema.items():
        if _is_kept(name, value):
            copy[name] = _kept(name, value)
        elif name == "oneOf":
            copy["anyOf"] = _kept("anyOf", value)
        elif name not in _SILENT:
            described.append(f"{name}: {wire.encode(value).decode()}")
    if is_object(schema):
        copy["additionalProperties"] = False
    if described:
        words = "{" + ", ".join(described) + "}"
        copy["description"] = "\n\n".join(filter(None, (wire.text(schema.get("description")), words)))
    return copy


def closable(schema: Mapping[str, Any]) -> bool:
    """Whether ``closed`` allows the same objects: none has free keys, and none holds itself."""
    return not _has_free_keys(schema) and not _holds_itself(schema, schema, frozenset(), set())


def is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return "properties" in schema or kind == "object" or (isinstance(kind, list) and "object" in kind)


def of_object(schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The schema of a tool's input, which must say that it is an object."""
    given = schema or {}
    return given if given.get("type") == "object" else {**given, "type": "object"}


def _is_kept(name: str, value: object) -> bool:
    if name == "format":
        return value in _FORMATS if isinstance(value, str) else False
    if name == "minItems":
        return value in (0, 1)
    return name in _DATA or name in _MAPS or name in _LISTS or name == "items"


def _kept(name: str, value: Any) -> Any:
    if name in _MAPS and isinstance(value, dict):
        return {key: _inner(inner) for key, inner in value.items()}
    if name in _LISTS and isinstance(value, list):
        return [_inner(inner) for inner in value]
    return _inner(value) if name == "items" else value


def _inner(schema: Any) -> Any:
    return closed(schema) if isinstance(schema, dict) else schema


def _schemas_in(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The schemas directly inside one."""
    for name, value in schema.items():
        if name in _MAPS and isinstance(value, dict):
            yield from wire.objects(list(value.values()))
        elif name in _LISTS or name == "oneOf":
            yield from wire.objects(value)
        elif name in ("items", "additionalProperties") and isinstance(value, dict):
            yield value


def _has_free_keys(schema: Mapping[str, Any]) -> bool:
    extra = schema.get("additionalProperties")
    free = bool(extra) or "patternProperties" in schema
    bare = is_object(schema) and not schema.get("properties") and extra is not False
    return free or bare or any(_has_free_keys(inner) for inner in _schemas_in(schema))


def _holds_itself(
    schema: Mapping[str, Any], root: Mapping[str, Any], within: frozenset[str], done: set[str]
) -> bool:
    """Whether following references leads back to one that is being followed."""
    reference = wire.text(schema.get("$ref"))
    if reference in within:
        return True
    if reference and reference not in done:
        done.add(reference)
        if _holds_itself(_resolved(reference, root), root, within | {reference}, done):
            return True
    return any(_holds_itself(inner, root, within, done) for inner in _inlined(schema))


def _inlined(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Definitions count only where they are referred to."""
    return _schemas_in(
        {name: value for name, value in schema.items() if name not in ("$defs", "definitions")}
    )


def _resolved(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What ``#/$defs/City`` points at; the empty schema when it points nowhere."""
    found: Any = root
    for name in reference.removeprefix("#").strip("/").split("/"):
        found = wire.mapping(found).get(name.replace("~1", "/").replace("~0", "~")) if name else found
    return wire.mapping(found)
