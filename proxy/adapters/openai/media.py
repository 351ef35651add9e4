"""Images, files and links in a conversation, on their way to this vendor."""

import base64
from collections.abc import Iterable, Iterator

from proxy.adapters.base import UnsupportedField
from proxy.adapters.openai.verbs import VENDOR
from proxy.interchange import sources
from proxy.interchange.conversation import AnyPart, Conversation, Document, Image, Part, Source, ToolResult
from proxy.interchange.dialect import Call, Link

_TEXTUAL = ("text/", "application/json", "application/xml", "application/yaml")
PDF = "application/pdf"


def source_of(link: Link) -> Source:
    """A fetched link's bytes."""
    return Source(media_type=link.media_type, data=base64.b64encode(link.data).decode())


def resolved(part: Image | Document, call: Call, *, carries: bool) -> Source:
    """The part's source as it can be sent; ``carries``: a link may go to the vendor as it is.

    Raises UnsupportedField for a link that nobody fetched, and for a file kept at another vendor.
    """
    source = part.source
    if source.url and not carries:
        link = call.links.get(source.url)
        if link is None:
            raise _unsupported(part, "the vendor does not follow links here; send the bytes")
        return source_of(link)
    if source.file_id and call.dialect.name not in ("chat", "responses"):
        raise _unsupported(part, "the file is kept at another vendor; send the bytes")
    return source


def text_of(document: Document, source: Source) -> str | None:
    """What a text document says; None for any other."""
    if document.text:
        return document.text
    if not source.data or not source.media_type.startswith(_TEXTUAL):
        return None
    try:
        return base64.b64decode(source.data).decode()
    except ValueError as error:
        raise _unsupported(document, "is said to be text and is not UTF-8 in base64") from error


def as_text(document: Document, text: str) -> str:
    """A text document for vendors that take only text: between tags, under its name."""
    name = f' name="{document.name}"' if document.name else ""
    return f"<document{name}>\n{text}\n</document>"


def name_of(document: Document, source: Source) -> str:
    """The file's name, which this vendor wants."""
    ending = "pdf" if source.media_type in (PDF, "") else source.media_type.rpartition("/")[2]
    return document.name or f"document.{ending}"


def links_in(conversation: Conversation, *, images: bool, documents: bool) -> tuple[str, ...]:
    """The links of images and of documents, each once, in order."""
    wanted = (Image,) * images + (Document,) * documents
    found = (part.source.url for part in _media(conversation) if isinstance(part, wanted))
    return tuple(dict.fromkeys(url for url in found if url))


def data_url(source: Source, default: str) -> str:
    """``source`` as a data URL, or its link."""
    if source.data and not source.media_type:
        source = Source(media_type=default, data=source.data)
    return sources.data_url(source)


def _media(conversation: Conversation) -> Iterator[Image | Document]:
    for turn in conversation.turns:
        yield from _media_in(turn.parts)


def _media_in(parts: Iterable[AnyPart]) -> Iterator[Image | Document]:
    for part in parts:
        if isinstance(part, ToolResult):
            yield from _media_in(part.parts)
        elif isinstance(part, Image | Document):
            yield part


def _unsupported(part: Part, reason: str) -> UnsupportedField:
    return UnsupportedField(field=part.path or "messages", vendor=VENDOR, reason=reason)
