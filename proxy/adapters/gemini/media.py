"""Images, documents and audio as parts: the bytes themselves, or a link that Gemini follows."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from proxy.adapters.base import InvalidField, Target, UnsupportedField
from proxy.adapters.gemini.rules import VENDOR
from proxy.interchange.conversation import AnyPart, Audio, Conversation, Document, Image, Source, ToolResult
from proxy.interchange.dialect import Call
from proxy.links import content as contents

TEXT = "text/plain"
_HEAD = 64  # letters of base64 that are looked at for a media type
_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": TEXT,
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "wav": "audio/wav",
    "mp3": "audio/mp3",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "mp4": "video/mp4",
    "mov": "video/mov",
    "webm": "video/webm",
}
_SYNONYMS = {"image/jpg": "image/jpeg", "audio/mpeg": "audio/mp3", "audio/x-wav": "audio/wav"}
_AUDIO = ("wav", "mp3", "flac", "ogg", "aac", "aiff")
# GIF is not among them, by Google's documentation.
_IMAGES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
_READ = "gemini reads PNG, JPEG, WebP, HEIC and HEIF images, PDF, text, audio and video"
# Text in all but name.
_TEXTS = ("application/json", "application/xml", "application/yaml", "application/x-yaml")
_VIDEO_SITES = ("youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be")
# What a function's response may hold, by Google's documentation.
IN_RESPONSES = ("image/png", "image/jpeg", "image/webp", "application/pdf", TEXT)


def links_for(call: Call, target: Target) -> tuple[str, ...]:
    """The links whose content Gemini must be sent: those whose type their path does not tell, and all when
    this provider follows none. Raises InvalidField, UnsupportedField."""
    urls = dict.fromkeys(_urls(call.conversation))
    return tuple(url for url in urls if not (target.follows_links and _can_follow(url)))


def parts_of(part: Image | Document | Audio, call: Call, target: Target) -> list[dict[str, Any]]:
    """A medium as Gemini's parts; what the caller wrote about a document goes before it.

    Raises UnsupportedField, InvalidField.
    """
    if isinstance(part, Audio):
        return [_inline(_audio_type(part), part.data)]
    if isinstance(part, Image):
        return [_of_source(part, call, target)]
    words = [part.context] if part.context else []
    if part.text:
        return [{"text": "\n\n".join([*([part.name] if part.name else []), *words, part.text])}]
    return [*({"text": word} for word in words), _of_source(part, call, target)]


def type_of(part: dict[str, Any]) -> str:
    """The media type of a part with bytes in it; empty for any other."""
    return str(part["inlineData"]["mimeType"]) if "inlineData" in part else ""


def _urls(conversation: Conversation) -> Iterator[str]:
    for turn in conversation.turns:
        yield from _in_parts(turn.parts)


def _in_parts(parts: Iterable[AnyPart]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, ToolResult):
            yield from _in_parts(part.parts)
        elif isinstance(part, Image | Document) and part.source.url:
            yield part.source.url


def _of_source(part: Image | Document, call: Call, target: Target) -> dict[str, Any]:
    source = part.source
    if source.file_id:
        raise _unsupported(part, "files kept at a vendor cannot be read by another")
    if source.data:
        return _of_bytes(part, source)
    if not source.url:
        raise InvalidField(field=part.path, reason="has neither bytes nor a link")
    if source.url in call.links:
        link = call.links[source.url]
        return _of_bytes(part, Source(media_type=link.media_type, data=base64.b64encode(link.data).decode()))
    if not target.follows_links:
        raise _unsupported(part, "this provider follows no links")
    return _linked(source)


def _of_bytes(part: Image | Document, source: Source) -> dict[str, Any]:
    kind = _SYNONYMS.get(source.media_type, source.media_type) or _sniffed(source.data)
    if kind == "application/pdf" or kind in _IMAGES or kind.startswith(("audio/", "video/")):
        return _inline(kind, source.data)
    if kind.startswith("text/") or kind in _TEXTS:
        return {"text": _decoded(part, source.data)}
    raise _unsupported(part, f"{_READ}, not {kind or 'unknown bytes'}")


def _inline(kind: str, data: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": kind, "data": data}}


def _linked(source: Source) -> dict[str, Any]:
    kind = source.media_type or _type_of(urlsplit(source.url).path)
    linked = {"fileUri": source.url, **({"mimeType": kind} if kind else {})}
    return {"fileData": linked}


def _can_follow(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # whoever fetches it says what is wrong with it
        return False
    return bool(_type_of(parts.path)) or parts.hostname in _VIDEO_SITES


def _type_of(path: str) -> str:
    """The media type that a path's ending tells; empty when it tells none."""
    return _TYPES.get(PurePosixPath(path).suffix.removeprefix(".").lower(), "")


def _sniffed(data: str) -> str:
    """The media type that the first bytes tell; empty when they tell none."""
    try:
        return contents.media_type(base64.b64decode(data[:_HEAD]), "") or ""
    except (binascii.Error, ValueError):
        return ""


def _decoded(part: Image | Document, data: str) -> str:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidField(field=part.path, reason="is not text in UTF-8 and base64") from error


def _audio_type(part: Audio) -> str:
    kind = part.format.lower()
    if kind not in _AUDIO:
        raise UnsupportedField(
            field=f"{part.path}.input_audio.format",
            vendor=VENDOR,
            reason=f"gemini hears {', '.join(_AUDIO)}, not {part.format!r}",
        )
    return _TYPES[kind]


def _unsupported(part: Image | Document, reason: str) -> UnsupportedField:
    return UnsupportedField(field=part.path or "messages", vendor=VENDOR, reason=reason)
