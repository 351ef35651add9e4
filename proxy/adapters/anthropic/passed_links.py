"""Links in the caller's own blocks, for an endpoint of Anthropic's wire that does not follow links."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.interchange import wire
from proxy.interchange.dialect import Link

_LINKING = ("image", "document")


def urls_in(messages: object) -> tuple[str, ...]:
    """The links of images and documents, those in tool results included."""
    return tuple(_urls(messages))


def _urls(value: object) -> Iterator[str]:
    for item in wire.objects(value):
        source = wire.mapping(item.get("source"))
        if item.get("type") in _LINKING and source.get("type") == "url":
            yield wire.text(source.get("url"))
        yield from _urls(item.get("content"))


def with_content(value: Any, links: Mapping[str, Link]) -> Any:
    """A copy of messages or blocks with the content in the place of every fetched link."""
    if isinstance(value, list):
        return [with_content(item, links) for item in value]
    if not isinstance(value, dict):
        return value
    copied = dict(value)
    if isinstance(copied.get("content"), list):
        copied["content"] = with_content(copied["content"], links)
    source = wire.mapping(copied.get("source"))
    link = links.get(wire.text(source.get("url"))) if source.get("type") == "url" else None
    if copied.get("type") in _LINKING and link is not None:
        copied["source"] = _source_of(link)
    return copied


def _source_of(link: Link) -> dict[str, str]:
    if link.media_type.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": link.data.decode("utf-8", "replace")}
    data = base64.b64encode(link.data).decode()
    return {"type": "base64", "media_type": link.media_type, "data": data}
