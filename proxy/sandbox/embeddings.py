"""Embeddings in OpenAI's format: unit vectors that depend on the input alone."""

import base64
import math
import random
import struct
import zlib
from typing import Any

from proxy.sandbox import openai_requests, openai_rules, wire
from proxy.sandbox.ask import Json
from proxy.sandbox.control import Knobs
from proxy.sandbox.profiles import tokens_in

DIMENSIONS = {"text-embedding-3-large": 3072}
DEFAULT_DIMENSIONS = 1536


def answer(body: Json, knobs: Knobs) -> tuple[bytes, Json | None]:
    """An embeddings list and the usage in it. Raises ``Refused`` as OpenAI would."""
    model = openai_requests.model_of(body)
    inputs = _inputs(body.get("input"))
    dimensions = body.get("dimensions") or DIMENSIONS.get(model, DEFAULT_DIMENSIONS)
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
