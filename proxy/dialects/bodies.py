"""What the bodies of all dialects share: a JSON object, checked field by field."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from proxy import errors
from proxy.dialects import spelling

T = TypeVar("T")


def json_object(raw: bytes) -> Mapping[str, Any]:
    """The JSON object in ``raw``. Raises BadRequest; also for U+0000, which PostgreSQL and vendors refuse,
    and for a known field in another case."""
    try:
        body = msgspec.json.decode(raw)
        if b"\\u0000" in raw:
            _refuse_nul(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.BadRequest(f"The body is not valid JSON: {error}", code="invalid_json") from error
    except RecursionError as error:
        raise errors.BadRequest("The body is nested too deeply.", code="invalid_json") from error
    if not isinstance(body, dict):
        raise errors.BadRequest("The body must be a JSON object.", code="invalid_json")
    spelling.check(body)
    return body


def checked(body: Mapping[str, Any], shape: type[T]) -> T:
    """The fields of ``body`` that ``shape`` names. Raises BadRequest naming the first wrong one."""
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error


def unescaped(raw: bytes, body: Mapping[str, Any]) -> bytes:
    """The body's bytes in which no field name hides behind an escape."""
    return raw if b"\\u" not in raw else msgspec.json.encode(body)


def _invalid(error: msgspec.ValidationError) -> errors.BadRequest:
    """msgspec says ``Expected `int`, got `str` - at `$.max_tokens```: the path names the field."""
    text, _, path = str(error).partition(" - at `$")
    field = path.rstrip("`").lstrip(".") or None
    if "missing required field" in text:
        missing = text.rpartition("`")[0].rpartition("`")[2]
        field, text = f"{field}.{missing}" if field else missing, "is required"
    return errors.BadRequest(f"{field}: {text}" if field else text, code="invalid_value", param=field)


def _refuse_nul(body: object) -> None:
    if isinstance(body, str):
        if "\x00" in body:
            raise errors.BadRequest("The request contains a NUL character (U+0000).", code="invalid_value")
    elif isinstance(body, dict):
        for key, value in body.items():
            _refuse_nul(key)
            _refuse_nul(value)
    elif isinstance(body, list):
        for value in body:
            _refuse_nul(value)
