"""The content parts of an item."""

from collections.abc import Mapping
from typing import Any

from proxy.dialects.chat.tools import thought_signature
from proxy.interchange.conversation import Audio, Document, Image, Json, Source, Text
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import a_list, a_source, a_string, an_object, maybe_object, maybe_string

AnyContent = Text | Image | Document | Audio


def parts_of(content: object, path: str) -> tuple[AnyContent, ...]:
    """A string, or a list of parts."""
    if isinstance(content, str):
        return (Text(text=content, path=path),)
    return tuple(_part(value, f"{path}[{number}]") for number, value in enumerate(a_list(content, path)))


def texts_of(content: object, path: str) -> tuple[Text, ...]:
    """The same where only text may stand (system and developer messages)."""
    found = []
    for part in parts_of(content, path):
        if not isinstance(part, Text):
            raise InvalidField(field=part.path, reason="only text may stand here")
        found.append(part)
    return tuple(found)


def _part(value: object, path: str) -> AnyContent:
    part = an_object(value, path)
    cache = _cache(part, path)
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            text = a_string(part.get("text"), f"{path}.text")
            return Text(text=text, signature=thought_signature(part), cache=cache, path=path)
        case "refusal":
            return Text(text=a_string(part.get("refusal"), f"{path}.refusal"), cache=cache, path=path)
        case "input_image":
            return _image(part, path, cache)
        case "input_file":
            return _file(part, path, cache)
        case "input_audio":
            return _audio(an_object(part.get("input_audio"), f"{path}.input_audio"), path, cache)
    raise InvalidField(field=f"{path}.type", reason=f"there is no content part of type {part.get('type')!r}")


def _cache(part: Mapping[str, Any], path: str) -> Json | None:
    """Anthropic's ``cache_control``, or OpenAI's breakpoint in its words."""
    marker = maybe_object(part.get("cache_control"), f"{path}.cache_control")
    given = maybe_object(part.get("prompt_cache_breakpoint"), f"{path}.prompt_cache_breakpoint")
    if marker is not None or given is None:
        return marker
    return {"type": "ephemeral", "ttl": "1h"} if given.get("ttl") == "12h" else {"type": "ephemeral"}


def _image(part: Mapping[str, Any], path: str, cache: Json | None) -> Image:
    file_id = maybe_string(part.get("file_id"), f"{path}.file_id")
    source = Source(file_id=file_id) if file_id else a_source(part.get("image_url"), f"{path}.image_url")
    detail = maybe_string(part.get("detail"), f"{path}.detail")
    return Image(source=source, detail=detail, cache=cache, path=path)


def _file(part: Mapping[str, Any], path: str, cache: Json | None) -> Document | Image:
    source = _file_source(part, path)
    if source.media_type.startswith("image/"):
        return Image(source=source, cache=cache, path=path)
    name = maybe_string(part.get("filename"), f"{path}.filename")
    return Document(source=source, name=name, cache=cache, path=path)


def _file_source(part: Mapping[str, Any], path: str) -> Source:
    """By its id at the vendor, by a link, or by its bytes (a data URL, or base64 alone: a PDF)."""
    file_id = maybe_string(part.get("file_id"), f"{path}.file_id")
    if file_id:
        return Source(file_id=file_id)
    if part.get("file_url") is not None:
        return a_source(part["file_url"], f"{path}.file_url")
    data = a_string(part.get("file_data"), f"{path}.file_data")
    if data[:5].lower() == "data:":
        return a_source(data, f"{path}.file_data")
    return Source(media_type="application/pdf", data=data)


def _audio(audio: Mapping[str, Any], path: str, cache: Json | None) -> Audio:
    data = a_string(audio.get("data"), f"{path}.input_audio.data")
    kind = a_string(audio.get("format"), f"{path}.input_audio.format")
    return Audio(data=data, format=kind, cache=cache, path=path)
