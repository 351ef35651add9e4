"""Links in a Responses request that passes, for vendors that do not follow them."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.adapters.base import Target
from proxy.adapters.openai import media
from proxy.interchange import sources, wire
from proxy.interchange.dialect import Call

_PLACES = ("image_url", "file_url")
_HOLDERS = ("content", "output")  # of messages, and of tools' results


def links_for(call: Call, target: Target) -> tuple[str, ...]:
    """None where the vendor follows links: this wire carries them all."""
    if target.follows_links or b"://" not in call.raw:
        return ()
    parts = (part for item in wire.objects(call.body.get("input")) for part in _parts(item))
    found = (wire.text(part.get(place)) for part in parts for place in _PLACES)
    return tuple(dict.fromkeys(url for url in found if url.startswith(("http://", "https://"))))


def resolved(item: Any, call: Call) -> Any:
    """The item with what its links led to in their place."""
    if not isinstance(item, dict):
        return item
    held = {name: item[name] for name in _HOLDERS if isinstance(item.get(name), list)}
    return {**item, **{name: [_part(part, call) for part in parts] for name, parts in held.items()}}


def _parts(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in _HOLDERS:
        yield from wire.objects(item.get(name))


def _part(part: Any, call: Call) -> Any:
    told = wire.mapping(part)
    for place in _PLACES:
        link = call.links.get(wire.text(told.get(place)))
        if link is None:
            continue
        data = sources.data_url(media.source_of(link))
        if place == "image_url":
            return {**part, place: data}
        kept = {name: value for name, value in part.items() if name != place}
        return {"filename": "document.pdf", **kept, "file_data": data}
    return part
