"""Reading a caller's JSON strictly: every wrong value is an InvalidField that names its place."""

from collections.abc import Mapping
from typing import Any

from proxy.interchange.conversation import Json, Source
from proxy.interchange.errors import InvalidField
from proxy.interchange.sources import source_from


def an_object(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidField(field=path, reason="must be an object")
    return value


def a_list(value: object, path: str) -> list[Any]:
    """A list; empty for null."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidField(field=path, reason="must be a list")
    return value


def a_string(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise InvalidField(field=path, reason="must be a string")
    return value


def maybe_string(value: object, path: str) -> str:
    """A string; empty for null."""
    return "" if value is None else a_string(value, path)


def maybe_bool(value: object, path: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise InvalidField(field=path, reason="must be true or false")
    return value


def maybe_int(value: object, path: str) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise InvalidField(field=path, reason="must be an integer")
    return value


def maybe_number(value: object, path: str) -> float | int | None:
    """A number as the caller wrote it: 1 stays 1."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise InvalidField(field=path, reason="must be a number")
    return value


def maybe_object(value: object, path: str) -> Json | None:
    return None if value is None else an_object(value, path)


def strings(value: object, path: str) -> tuple[str, ...]:
    """A string or a list of strings."""
    listed = [value] if isinstance(value, str) else a_list(value, path)
    return tuple(a_string(item, path) for item in listed)


def a_source(url: object, path: str) -> Source:
    """A data URL or an http(s) link."""
    try:
        return source_from(a_string(url, path))
    except ValueError as error:
        raise InvalidField(field=path, reason=str(error)) from error
