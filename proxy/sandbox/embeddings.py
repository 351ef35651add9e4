"""Embeddings in OpenAI's and Gemini's format: unit vectors that depend on the input alone."""

import base64
import math
import random
import struct
import zlib
from typing import Any

from proxy.sandbox import openai_requests, openai_rules, wire
from proxy.sandbox.ask import Input, Json, check_range
from proxy.sandbox.control import Knobs
from proxy.sandbox.gemini_contents import bad, read_parts
from proxy.sandbox.profiles import tokens_in

DIMENSIONS = {"text-embedding-3-large": 3072, "gemini-embedding-001": 3072}
DEFAULT_DIMENSIONS = 1536
FORMATS = (None, "float", "base64")


def openai(body: Json, knobs: Knobs) -> tuple[bytes, Json | None]:
    """An embeddings list and the usage in it. Raises ``Refused`` as OpenAI would."""
    model = openai_requests.model_of(body)
    inputs = _inputs(body.get("input"))
    dimensions = _dimensions(model, body.get("dimensions"))
    if body.get("encoding_format") not in FORMATS:
        message = f"Invalid value: '{body['encoding_format']}'. Supported values are: 'float' and 'base64'."
        raise openai_rules.bad(message, "encoding_format", "invalid_value")
    shown = _as_base64 if body.get("encoding_format") == "base64" else list
    data = [
        {"object": "embedding", "index": index, "embedding": shown(_vector(text, dimensions))}
        for index, text in enumerate(inputs)
    ]
    tokens = knobs.input_tokens if knobs.input_tokens is not None else sum(map(_tokens, inputs))
    reported = wire.merged({"prompt_tokens": tokens, "total_tokens": tokens}, knobs)
    made: Json = {"object": "list", "data": data, "model": model}
    if reported is not None:
        made["usage"] = reported
    return wire.encode(made), reported


def _dimensions(model: str, asked: Any) -> int:
    most = DIMENSIONS.get(model, DEFAULT_DIMENSIONS)
    if asked is None:
        return most
    if wrong := check_range("dimensions", asked, 1, most):
        raise openai_rules.bad(f"Invalid value for {wrong}", "dimensions", "invalid_value")
    return int(asked)


def gemini(model: str, body: Json, knobs: Knobs) -> tuple[bytes, Json | None]:
    """The answer to ``:embedContent``, or with ``requests`` in ``body`` to ``:batchEmbedContents``."""
    requests = body.get("requests", [body])
    if not requests:
        raise bad("* BatchEmbedContentsRequest.requests: requests is not specified\n")
    texts = [_gemini_text(request) for request in requests]
    shown = [
        {"values": _vector(text, _gemini_dimensions(model, request))}
        for text, request in zip(texts, requests, strict=True)
    ]
    tokens = knobs.input_tokens if knobs.input_tokens is not None else sum(map(tokens_in, texts))
    details = [{"modality": "TEXT", "tokenCount": tokens}]
    reported = wire.merged({"promptTokenCount": tokens, "promptTokenDetails": details}, knobs)
    made: Json = {"embeddings": shown} if "requests" in body else {"embedding": shown[0]}
    if reported is not None:
        made["usageMetadata"] = reported
    return wire.encode(made), reported


def _gemini_text(request: Json) -> str:
    given = Input()
    read_parts(given, (request.get("content") or {}).get("parts"), "content")
    return "".join(given.parts)


def _gemini_dimensions(model: str, request: Json) -> int:
    config = request.get("embedContentConfig") or {}
    most = DIMENSIONS["gemini-embedding-001"]
    asked = request.get("outputDimensionality") or config.get("outputDimensionality") or most
    if wrong := check_range("output_dimensionality", asked, 1, most):
        raise bad(wrong)
    return int(asked)


def _inputs(given: Any) -> list[Any]:
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or not given:
        raise openai_rules.bad("'$.input' is invalid. Please check the API reference.")
    if isinstance(given[0], int):
        given = [given]
    if any(item in ("", []) for item in given):
        raise openai_rules.bad("'$.input' is invalid. Please check the API reference.")
    return list(given)


def _tokens(item: Any) -> int:
    return tokens_in(item) if isinstance(item, str) else len(item)


def _vector(item: Any, dimensions: int) -> list[float]:
    numbers = random.Random(zlib.crc32(repr(item).encode()))
    vector = [numbers.uniform(-1.0, 1.0) for _ in range(dimensions)]
    length = math.hypot(*vector)
    return [value / length for value in vector]


def _as_base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
