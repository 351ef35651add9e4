"""The content parts of a chat message."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.interchange.conversation import Audio, Document, Image, Json, Source, Text, Thinking
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import a_list, a_source, a_string, an_object, maybe_object, maybe_string

AnyContent = Text | Image | Document | Audio | Thinking


def parts_of(message: Mapping[str, Any], path: str) -> tuple[AnyContent, ...]:
    """``content`` as parts: a string, a list of parts, or nothing.

    A message's own ``cache_control`` marks its last part, as a string cannot carry one.
    """
    marker = maybe_object(message.get("cache_control"), f"{path}.cache_control")
    content = message.get("content")
    if isinstance(content, str):
        return (Text(text=content, cache=marker, path=f"{path}.content"),)
    return tuple(_listed(a_list(content, f"{path}.content"), f"{path}.content", marker))


def texts_of(message: Mapping[str, Any], path: str) -> tuple[Text, ...]:
    """The same where only text may stand (system messages)."""
    found = []
    for part in parts_of(message, path):
        if not isinstance(part, Text):
            raise InvalidField(field=part.path, reason="only text may stand here")
        found.append(part)
    return tuple(found)


def _listed(content: list[Any], path: str, marker: Json | None) -> Iterator[AnyContent]:
    for number, value in enumerate(content):
        place = f"{path}[{number}]"
        part = an_object(value, place)
        cache = maybe_object(part.get("cache_control"), f"{place}.cache_control")
        yield _part(part, place, cache or (marker if number + 1 == len(content) else None))


def _part(part: Mapping[str, Any], path: str, cache: Json | None) -> AnyContent:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        return Text(text=a_string(part.get(kind), f"{path}.{kind}"), cache=cache, path=path)
    if kind == "image_url":
        return _image(part, path, cache)
    if kind == "file":
        return _file(an_object(part.get("file"), f"{path}.file"), path, cache)
    if kind == "input_audio":
        return _audio(an_object(part.get("input_audio"), f"{path}.input_audio"), path, cache)
    if kind == "thinking":  # Mistral's own way to give thoughts back
        return Thinking(text=_thought(part.get("thinking"), path), path=path)
    raise InvalidField(field=f"{path}.type", reason=f"there is no content part of type {kind!r}")


def _image(part: Mapping[str, Any], path: str, cache: Json | None) -> Image:
    given = part.get("image_url")
    image = {"url": given} if isinstance(given, str) else an_object(given, f"{path}.image_url")
    source = a_source(image.get("url"), f"{path}.image_url.url")
    detail = maybe_string(image.get("detail"), f"{path}.image_url.detail")
    return Image(source=source, detail=detail, cache=cache, path=path)


def _file(file: Mapping[str, Any], path: str, cache: Json | None) -> Document | Image:
    """A file by its bytes (a data URL, or base64 alone: a PDF), by a link, or by its id at the vendor."""
    name = maybe_string(file.get("filename"), f"{path}.file.filename")
    file_id = maybe_string(file.get("file_id"), f"{path}.file.file_id")
    if file_id:
        return Document(source=Source(file_id=file_id), name=name, cache=cache, path=path)
    data = a_string(file.get("file_data"), f"{path}.file.file_data")
    if data[:5].lower() == "data:" or "://" in data[:10]:
        source = a_source(data, f"{path}.file.file_data")
    else:
        source = Source(media_type="application/pdf", data=data)
    if source.media_type.startswith("image/"):
        return Image(source=source, cache=cache, path=path)
    return Document(source=source, name=name, cache=cache, path=path)


def _audio(audio: Mapping[str, Any], path: str, cache: Json | None) -> Audio:
    data = a_string(audio.get("data"), f"{path}.input_audio.data")
    kind = a_string(audio.get("format"), f"{path}.input_audio.format")
    return Audio(data=data, format=kind, cache=cache, path=path)


def _thought(value: object, path: str) -> str:
    if isinstance(value, str):
        return value
    pieces = (an_object(piece, path).get("text") for piece in a_list(value, path))
    return "".join(maybe_string(piece, path) for piece in pieces)
