"""OpenAI's embeddings from Gemini's models."""

import base64
import json
import struct
from typing import Any

import pytest
from google.genai import types

from metering.usage import Usage
from proxy.adapters.base import Answer, ErrorClass, InvalidField, UnsupportedField, VendorError
from proxy.adapters.gemini.adapter import GeminiAdapter
from proxy.dialects.embeddings.dialect import EMBEDDINGS
from proxy.interchange.dialect import Call
from tests.proxy.adapters.drive import call, target

GEMINI = GeminiAdapter()
TARGET = target("gemini", model="gemini-embedding-001")


def asked(given: Any = "hi", **body: Any) -> Call:
    return call(dialect=EMBEDDINGS, model="gemini-embedding-001", input=given, **body)


def answered(body: Any, asking: Call | None = None) -> Answer:
    return GEMINI.response_from(json.dumps(body).encode(), {}, asking or asked(), TARGET)


def vectors(*values: list[float], **more: Any) -> dict[str, Any]:
    return {"embeddings": [{"values": list(vector)} for vector in values], **more}


def test_the_whole_request() -> None:
    request = GEMINI.request_for(asked(["a", "b"], dimensions=256, user="ann"), TARGET)
    part = {"model": "models/gemini-embedding-001", "outputDimensionality": 256}
    assert request.url == "https://vendor.test/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert json.loads(request.body) == {
        "requests": [{**part, "content": {"parts": [{"text": text}]}} for text in ("a", "b")]
    }
    assert request.dropped == ("user",)
    assert request.headers["x-goog-api-key"] == "canary-key"
    assert GEMINI.links_for(asked(), TARGET) == ()


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_tokens_of_openai_mean_nothing_here(tokens: Any) -> None:
    with pytest.raises(UnsupportedField) as refusal:
        GEMINI.request_for(asked(tokens), TARGET)
    assert (refusal.value.field, refusal.value.vendor) == ("input", "gemini")


@pytest.mark.parametrize("given", [[], None, ["a", 1], {"a": "b"}])
def test_what_is_neither_text_nor_tokens_is_wrong(given: Any) -> None:
    with pytest.raises(InvalidField) as refusal:
        GEMINI.request_for(asked(given), TARGET)
    assert refusal.value.field == "input"


def test_the_callers_list() -> None:
    answer = answered(vectors([0.5, -1.0], [0.25, 1]), asked(["a", "b"]))
    assert json.loads(answer.body) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [0.25, 1]},
        ],
        "model": "gemini-embedding-001",
    }


def test_tokens_that_nobody_told_are_unknown_not_zero() -> None:
    assert (answered(vectors([0.5])).usage, answered(vectors([0.5])).raw_usage) == (None, None)


def test_tokens_that_were_told() -> None:
    told = {"promptTokenCount": 7, "totalTokenCount": 7}
    answer = answered(vectors([0.5], usageMetadata=told))
    assert (answer.usage, answer.raw_usage) == (Usage(input=7), told)
    assert json.loads(answer.body)["usage"] == {"prompt_tokens": 7, "total_tokens": 7}


def test_tokens_that_were_told_text_by_text() -> None:
    told = [{"values": [0.5], "statistics": {"tokenCount": count}} for count in (3, 4)]
    assert answered({"embeddings": told}, asked(["a", "b"])).usage == Usage(input=7)
    del told[1]["statistics"]
    assert answered({"embeddings": told}, asked(["a", "b"])).usage is None


def test_base64_is_little_endian_floats() -> None:
    (data,) = json.loads(answered(vectors([0.5, -2.0]), asked(encoding_format="base64")).body)["data"]
    assert struct.unpack("<2f", base64.b64decode(data["embedding"])) == (0.5, -2.0)


@pytest.mark.parametrize(
    "body", [{}, {"embeddings": []}, vectors([0.5], [0.5]), vectors([]), {"embeddings": [{"values": ["x"]}]}]
)
def test_not_one_vector_for_each_input_is_the_vendors_failure(body: Any) -> None:
    with pytest.raises(VendorError) as failure:
        answered(body)
    assert failure.value.error_class is ErrorClass.PROVIDER


def test_the_vendors_own_type_reads_what_the_tests_answer() -> None:
    told = vectors([0.5], usageMetadata={"promptTokenCount": 7})
    assert types.EmbedContentResponse.model_validate(told).embeddings == [
        types.ContentEmbedding(values=[0.5])
    ]
