"""OpenAI's embeddings by Gemini's ``batchEmbedContents``."""

import base64
import struct
from collections.abc import Mapping
from typing import Any

from metering.usage import Usage
from proxy.adapters import faults
from proxy.adapters.base import Answer, InvalidField, Target, UnsupportedField, VendorRequest
from proxy.adapters.gemini import models, request, response, usage
from proxy.adapters.gemini.rules import RULES, VENDOR
from proxy.interchange import wire
from proxy.interchange.dialect import Call
from proxy.interchange.features import dropped_from
from proxy.interchange.reading import maybe_int


def request_for(call: Call, target: Target) -> VendorRequest:
    """Raises UnsupportedField, InvalidField."""
    dropped = dropped_from(call.body, call.dialect.fields, RULES, VENDOR)
    asked: dict[str, Any] = {"model": models.resource(target.model)}
    dimensions = maybe_int(call.body.get("dimensions"), "dimensions")
    if dimensions is not None:
        asked["outputDimensionality"] = dimensions
    contents = [{**asked, "content": {"parts": [{"text": text}]}} for text in _inputs(call.body)]
    return VendorRequest(
        url=request.url_for(target, "batchEmbedContents"),
        headers=request.headers_for(target),
        body=wire.encode({"requests": contents}),
        dropped=dropped,
    )


def response_from(body: bytes, call: Call, target: Target) -> Answer:
    """Raises VendorError (PROVIDER) on an answer that cannot be read, or has too few vectors."""
    answer = response.decoded(body)
    found = wire.objects(answer.get("embeddings"))
    vectors = [wire.items(embedding.get("values")) for embedding in found]
    if len(vectors) != len(_inputs(call.body)) or not all(map(_is_vector, vectors)):
        raise faults.malformed("the answer has not one vector for each input")
    counts, raw = _usage(answer, found)
    return Answer(
        body=wire.encode(_list(vectors, counts, call, target)),
        usage=counts,
        raw_usage=raw,
        finish_reason=None,
        text="",
        model=target.model,
        upstream_id="",
    )


def _inputs(body: Mapping[str, Any]) -> list[str]:
    given = body.get("input")
    listed = [given] if isinstance(given, str) else wire.items(given)
    if listed and all(isinstance(text, str) for text in listed):
        return listed
    if listed and all(isinstance(item, int | list) for item in listed):
        raise UnsupportedField(
            field="input", vendor=VENDOR, reason="gemini has other tokens than OpenAI: send the text itself"
        )
    raise InvalidField(field="input", reason="must be a string or a list of strings, and not empty")


def _is_vector(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(value, int | float) for value in values)


def _usage(
    answer: Mapping[str, Any], found: list[Mapping[str, Any]]
) -> tuple[Usage | None, Mapping[str, Any] | None]:
    """AI Studio tells the tokens of its newer models alone, Vertex those of each text; else: unknown."""
    raw = wire.mapping(answer.get("usageMetadata"))
    counts, _ = usage.usage_from(raw)
    if counts is not None:
        return counts, raw
    told = [wire.mapping(embedding.get("statistics")) for embedding in found]
    if not all("tokenCount" in statistics for statistics in told):
        return None, None
    tokens = sum(wire.count(statistics["tokenCount"]) for statistics in told)
    return Usage(input=tokens), {"statistics": told}


def _list(vectors: list[list[Any]], counts: Usage | None, call: Call, target: Target) -> dict[str, Any]:
    """OpenAI's list. Its usage has no place for "unknown": it is left out then."""
    written = _as_base64 if call.body.get("encoding_format") == "base64" else list
    data = [
        {"object": "embedding", "index": index, "embedding": written(vector)}
        for index, vector in enumerate(vectors)
    ]
    body: dict[str, Any] = {"object": "list", "data": data, "model": target.model}
    if counts is not None:
        body["usage"] = {"prompt_tokens": counts.total_input, "total_tokens": counts.total_tokens}
    return body


def _as_base64(vector: list[Any]) -> str:
    """Little-endian floats of 32 bits, as OpenAI sends them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
