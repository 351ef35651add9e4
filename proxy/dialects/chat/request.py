"""The caller's chat completion: validated, with the bounds that a hold needs."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from catalog.snapshot import ModelRow
from proxy import errors
from proxy.adapters.base import ChatCall

UNKNOWN_MAX_OUTPUT = 16_384  # tokens; for a model whose maximum the catalog does not know
USEFUL_OUTPUT = 256  # tokens; the fewest granted to a caller who named no ceiling
TOOL_PROMPT_TOKENS = (
    1_000  # upper bound of what a vendor writes into the prompt by itself when tools are given
)
LINKED_PART_TOKENS = 50_000  # upper bound for a part (image, file) whose bytes are not in the request

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class Message(msgspec.Struct):
    role: Role
    content: str | list[dict[str, Any]] | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Body(msgspec.Struct):
    """The fields that every vendor needs checked; all others are the adapters' business."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    messages: Annotated[list[Message], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    reasoning_effort: str | None = None


class ParsedChat(msgspec.Struct, frozen=True):
    """A valid request. ``size`` is the body's length in bytes, an upper bound of its tokens."""

    call: ChatCall
    model: str
    size: int
    linked_parts: int
    choices: int
    max_output_tokens: int | None
    asks_tier: bool
    caches: bool
    audio: bool


def parse(raw: bytes) -> ParsedChat:
    """The request in ``raw``. Raises BadRequest naming the field."""
    body = _json_object(raw)
    try:
        checked = msgspec.convert(body, Body)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error
    if b"\\u0000" in raw:
        try:
            _refuse_nul(body)
        except RecursionError as error:
            raise errors.BadRequest("The body is nested too deeply.", code="invalid_json") from error
    options = checked.stream_options
    plain = raw if b"\\u" not in raw else msgspec.json.encode(body)  # no field hides behind an escape
    return ParsedChat(
        call=ChatCall(
            body=body,
            stream=bool(checked.stream),
            include_usage=bool(options and options.include_usage),
        ),
        model=checked.model,
        size=len(raw),
        linked_parts=_linked_parts(checked.messages),
        choices=checked.n or 1,
        max_output_tokens=checked.max_completion_tokens or checked.max_tokens,
        asks_tier="service_tier" in body or "speed" in body,
        caches=b'"cache_control"' in plain,
        audio=b'"input_audio"' in plain or b'"audio"' in plain,
    )


def output_bounds(parsed: ParsedChat, model: ModelRow) -> tuple[int, int]:
    """Output tokens (wanted, least accepted) over all choices, reasoning included."""
    largest = model.max_output_tokens or UNKNOWN_MAX_OUTPUT
    if parsed.max_output_tokens is None:
        return largest * parsed.choices, min(largest, USEFUL_OUTPUT) * parsed.choices
    asked = (
        min(parsed.max_output_tokens, model.max_output_tokens or parsed.max_output_tokens) * parsed.choices
    )
    return asked, asked


def input_bound(parsed: ParsedChat) -> int:
    """At most this many input tokens: a token is at least one byte of the request."""
    hidden = TOOL_PROMPT_TOKENS if parsed.call.body.get("tools") else 0
    return parsed.size + parsed.linked_parts * LINKED_PART_TOKENS + hidden


def _json_object(raw: bytes) -> Mapping[str, Any]:
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise errors.BadRequest(f"The body is not valid JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise errors.BadRequest("The body must be a JSON object.", code="invalid_json")
    return body


def _invalid(error: msgspec.ValidationError) -> errors.BadRequest:
    """msgspec says ``Expected `int`, got `str` - at `$.max_tokens```: the path names the field."""
    text, _, path = str(error).partition(" - at `$")
    field = path.rstrip("`").lstrip(".") or None
    if field is None and "missing required field" in text:
        field = text.rpartition("`")[0].rpartition("`")[2]
    return errors.BadRequest(f"{field}: {text}" if field else text, code="invalid_value", param=field)


def _refuse_nul(body: object) -> None:
    """PostgreSQL and several vendors refuse U+0000; so do we, before anything is written or sent."""
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


def _linked_parts(messages: list[Message]) -> int:
    return sum(
        part.get("type") not in ("text", "refusal", "thinking", None)
        for message in messages
        if isinstance(message.content, list)
        for part in message.content
    )
