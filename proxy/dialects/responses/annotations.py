"""Sources and log probabilities of a text part, from the shapes that chat completions have."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proxy.interchange import wire


def written(notes: Iterable[Mapping[str, Any]], *, start: int) -> Iterator[dict[str, Any]]:
    """``url_citation`` entries, flat, with places within the part, which begins at ``start`` of the answer's
    text. Other kinds name files that OpenAI alone keeps."""
    for note in notes:
        if note.get("type") == "url_citation":
            found = wire.mapping(note.get("url_citation")) or note
            yield {
                "type": "url_citation",
                "start_index": max(wire.count(found.get("start_index")) - start, 0),
                "end_index": max(wire.count(found.get("end_index")) - start, 0),
                "url": wire.text(found.get("url")),
                "title": wire.text(found.get("title")),
            }


def logprobs_of(logprobs: object) -> list[dict[str, Any]]:
    """The tokens of OpenAI's chat ``logprobs`` object."""
    return [_token(token) for token in wire.objects(wire.mapping(logprobs).get("content"))]


def _token(token: Mapping[str, Any]) -> dict[str, Any]:
    top = [_probability(other) for other in wire.objects(token.get("top_logprobs"))]
    return {**_probability(token), "top_logprobs": top}


def _probability(token: Mapping[str, Any]) -> dict[str, Any]:
    """Bytes that a vendor leaves out are those of the token's text."""
    text, given = wire.text(token.get("token")), token.get("bytes")
    spelled = given if isinstance(given, list) else list(text.encode())
    return {"token": text, "logprob": token.get("logprob"), "bytes": spelled}
