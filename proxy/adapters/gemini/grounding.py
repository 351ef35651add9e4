"""The sources of an answer that Google's search grounds."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.interchange import wire

Json = dict[str, Any]


def annotations_of(grounding: object, text: str) -> tuple[Json, ...]:
    """``url_citation`` annotations for each source of each passage of ``text``, as OpenAI writes them.

    Their indices count characters of ``text``; Gemini's count the bytes of one part.
    """
    metadata = wire.mapping(grounding)
    sources = [_source(chunk) for chunk in wire.objects(metadata.get("groundingChunks"))]
    return tuple(
        _citation(source, start, end)
        for support in wire.objects(metadata.get("groundingSupports"))
        for start, end in [_place(wire.mapping(support.get("segment")), text)]
        for source in _cited(support, sources)
    )


def _source(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    return wire.mapping(chunk.get("web") or chunk.get("retrievedContext") or chunk.get("maps"))


def _cited(support: Mapping[str, Any], sources: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for index in wire.items(support.get("groundingChunkIndices")):
        if isinstance(index, int) and 0 <= index < len(sources) and sources[index].get("uri"):
            yield sources[index]


def _citation(source: Mapping[str, Any], start: int, end: int) -> Json:
    url = wire.text(source.get("uri"))
    cited = {"start_index": start, "end_index": end, "url": url}
    return {"type": "url_citation", "url_citation": {**cited, "title": wire.text(source.get("title")) or url}}


def _place(segment: Mapping[str, Any], text: str) -> tuple[int, int]:
    """Where the passage stands: by the bytes, else by its words, as a part may begin anywhere in the text."""
    encoded, words = text.encode(), wire.text(segment.get("text"))
    first, last = wire.count(segment.get("startIndex")), wire.count(segment.get("endIndex"))
    start = len(encoded[:first].decode(errors="ignore"))
    end = len(encoded[:last].decode(errors="ignore"))
    if not words or text[start:end] == words:
        return start, end
    found = text.find(words)
    return (found, found + len(words)) if found >= 0 else (0, len(text))
