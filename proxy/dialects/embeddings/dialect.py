"""Embeddings as a dialect: vectors have no conversation, so a wire that is not OpenAI's reads the body
itself."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import Meta

from proxy.dialects import bodies, openai_errors
from proxy.errors import CallError
from proxy.interchange.dialect import Call, ParsedCall
from proxy.interchange.errors import InvalidField
from proxy.interchange.features import Fields, asks
from proxy.interchange.writing import Told

FIELDS: Fields = {
    "model": asks("model"),
    "input": asks("messages"),
    "dimensions": asks("dimensions"),
    "encoding_format": asks("encoding_format"),
    "user": asks("user"),
}

Text = Annotated[str, Meta(min_length=1)]
Tokens = Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1)]


class Body(msgspec.Struct):
    model: Annotated[str, Meta(min_length=1, max_length=200)]
    input: Text | Annotated[list[Any], Meta(min_length=1, max_length=2048)]
    dimensions: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None


class Embeddings:
    """Stateless; one serves all calls."""

    name = "embeddings"
    fields = FIELDS

    def parse(self, raw: bytes, headers: Mapping[bytes, bytes]) -> ParsedCall:
        """The request in ``raw``. Raises BadRequest naming the field."""
        body = bodies.json_object(raw)
        checked = bodies.checked(body, Body)
        return ParsedCall(
            call=Call(dialect=self, body=body, raw=raw),
            model=checked.model,
            size=len(raw),
            output=False,
        )

    def conversation_from(self, body: Mapping[str, Any]) -> NoReturn:
        raise InvalidField(field="input", reason="embeddings have no conversation")

    def body_of(self, reply: object, call: Call) -> NoReturn:
        raise InvalidField(field="input", reason="embeddings have no reply")

    def writer(self, told: object, call: Call) -> NoReturn:
        raise InvalidField(field="stream", reason="embeddings do not stream")

    def error_body(self, error: CallError, *, request_id: str) -> bytes:
        return openai_errors.body_of(error)

    def error_frames(self, error: CallError, *, request_id: str, told: Told | None = None) -> bytes:
        return openai_errors.frame_of(error)


EMBEDDINGS = Embeddings()
