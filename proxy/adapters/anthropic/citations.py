"""Citations of web pages, as OpenAI annotates them. Those of the caller's own documents have no such form."""

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.interchange import wire


def annotations_of(
    citations: Iterable[Mapping[str, Any]], *, start: int, end: int
) -> tuple[dict[str, Any], ...]:
    """``url_citation`` entries; ``start`` and ``end`` are the citing block's place in the answer's text."""
    return tuple(
        _annotation(citation, start, end)
        for citation in citations
        if citation.get("type") == "web_search_result_location" and wire.text(citation.get("url"))
    )


def _annotation(citation: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
    cited = {
        "start_index": start,
        "end_index": end,
        "title": wire.text(citation.get("title")),
        "url": citation["url"],
    }
    return {"type": "url_citation", "url_citation": cited}
