"""Images and documents as Anthropic's sources: bytes, a link that Anthropic follows, or a file it keeps.

Anthropic follows https links alone, and behind a document's link it expects a PDF. What it does not follow is
fetched by the gateway beforehand: see ``needed_links``.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proxy.adapters.anthropic.rules import unsupported
from proxy.interchange.conversation import AnyPart, Document, Image, Source, ToolResult, Turn
from proxy.interchange.dialect import Link
from proxy.interchange.errors import InvalidField

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
PDF = "application/pdf"
_SAME = {"image/jpg": "image/jpeg", "application/x-pdf": PDF}
_OPENAI_FILE = "file-"
_TEXTS = frozenset({"application/json", "application/xml", "application/x-yaml"})

Links = Mapping[str, Link]


def needed_links(turns: Iterable[Turn], *, follows_links: bool) -> tuple[str, ...]:
    """The links that Anthropic will not follow, each once, in their order."""
    found = (source.url for turn in turns for source in _sources(turn.parts) if source.url)
    return tuple(dict.fromkeys(url for url in found if not (follows_links and _is_followed(url))))


def image_source(image: Image, links: Links) -> dict[str, Any]:
    """Raises UnsupportedField for other kinds of images than jpeg, png, gif and webp."""
    source = _resolved(image.source, links)
    if source.data:
        return _base64(_image_type(source, image.path), source.data)
    return _elsewhere(source, image.path)


def document_source(document: Document, links: Links) -> dict[str, Any]:
    """Raises UnsupportedField for what is neither a PDF nor text."""
    source = _resolved(document.source, links)
    if not source.data:
        return _elsewhere(source, document.path) if source.url or source.file_id else _plain(document.text)
    kind = _type(source) or PDF
    if kind == PDF:
        return _base64(PDF, source.data)
    if kind.startswith("text/") or kind in _TEXTS:
        return _plain(_decoded(source.data, document.path))
    raise unsupported(document.path, f"anthropic reads PDF and text files, not {kind}")


def _sources(parts: Iterable[AnyPart]) -> Iterator[Source]:
    for part in parts:
        if isinstance(part, ToolResult):
            yield from _sources(part.parts)
        elif isinstance(part, Image | Document):
            yield part.source


def _is_followed(url: str) -> bool:
    return url[:8].lower() == "https://"


def _resolved(source: Source, links: Links) -> Source:
    """The bytes behind a link that was fetched."""
    link = links.get(source.url) if source.url else None
    if link is None:
        return source
    return Source(media_type=link.media_type, data=base64.b64encode(link.data).decode())


def _elsewhere(source: Source, path: str) -> dict[str, Any]:
    if source.url:
        return {"type": "url", "url": source.url}
    if source.file_id.startswith(_OPENAI_FILE):
        raise unsupported(path, "this file is kept by OpenAI; send its bytes instead")
    return {"type": "file", "file_id": source.file_id}


def _type(source: Source) -> str:
    kind = source.media_type.partition(";")[0].strip().lower()
    return _SAME.get(kind, kind)


def _image_type(source: Source, path: str) -> str:
    kind = _type(source)
    if kind not in IMAGES:
        raise unsupported(
            path, f"anthropic sees jpeg, png, gif and webp images, not {kind or 'unnamed ones'}"
        )
    return kind


def _base64(kind: str, data: str) -> dict[str, Any]:
    return {"type": "base64", "media_type": kind, "data": data}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "text", "media_type": "text/plain", "data": text}


def _decoded(data: str, path: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidField(field=path, reason="must be UTF-8 text in base64") from error
