"""Embeddings and token counts, read by the vendors' own clients."""

import math
from typing import Any

import httpx2
import openai
import pytest
from google.genai import errors, types

from tests.proxy.sandbox.clients import Sdks

SMALL = "text-embedding-3-small"


def test_openai_embeds_each_input_as_a_unit_vector(sdks: Sdks) -> None:
    answer = sdks.openai.embeddings.create(model=SMALL, input=["a river", "a town"], dimensions=8)

    assert [len(one.embedding) for one in answer.data] == [8, 8]
    assert math.hypot(*answer.data[0].embedding) == pytest.approx(1.0)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (4, 4)


def test_base64_and_floats_are_the_same_vector(sdks: Sdks, http: httpx2.Client) -> None:
    by_sdk = sdks.openai.embeddings.create(model=SMALL, input="a river", dimensions=4)
    floats = sdks.openai.embeddings.create(
        model=SMALL, input="a river", dimensions=4, encoding_format="float"
    )

    first, second = [call["body"] for call in http.get("/control/calls").json()]
    assert (first["encoding_format"], second["encoding_format"]) == ("base64", "float")
    assert by_sdk.data[0].embedding == pytest.approx(floats.data[0].embedding)


@pytest.mark.parametrize(("tokens", "count", "used"), [([1, 2, 3], 1, 3), ([[1, 2], [3]], 2, 3)])
def test_openai_embeds_token_arrays(sdks: Sdks, tokens: Any, count: int, used: int) -> None:
    answer = sdks.openai.embeddings.create(model=SMALL, input=tokens)

    assert (len(answer.data), answer.usage.prompt_tokens) == (count, used)
    assert len(answer.data[0].embedding) == 1536


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"dimensions": 9999}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"input": []}, None),
    ],
)
def test_openai_refuses_to_embed(sdks: Sdks, asked: Any, param: str | None) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        sdks.openai.embeddings.create(**{"model": SMALL, "input": "x", **asked})

    assert raised.value.param == param


def test_gemini_embeds(sdks: Sdks) -> None:
    answer = sdks.gemini.models.embed_content(
        model="gemini-embedding-001",
        contents=["a river", "a town"],
        config=types.EmbedContentConfig(output_dimensionality=8),
    )

    assert answer.embeddings is not None
    assert [len(one.values or []) for one in answer.embeddings] == [8, 8]
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.prompt_token_count == 4


def test_gemini_embeds_one_content(http: httpx2.Client) -> None:
    answer = http.post(
        "/v1beta/models/gemini-embedding-001:embedContent",
        headers={"x-goog-api-key": "k"},
        json={"content": {"parts": [{"text": "a river"}]}},
    )

    assert len(answer.json()["embedding"]["values"]) == 3072
    assert answer.json()["usageMetadata"]["promptTokenCount"] == 2


def test_gemini_refuses_to_embed(sdks: Sdks) -> None:
    with pytest.raises(errors.ClientError) as raised:
        sdks.gemini.models.embed_content(
            model="gemini-embedding-001",
            contents="x",
            config=types.EmbedContentConfig(output_dimensionality=9999),
        )

    assert (raised.value.code, raised.value.status) == (400, "INVALID_ARGUMENT")


def test_responses_counts_input_tokens_as_it_bills_them(sdks: Sdks) -> None:
    asked: Any = {"model": "gpt-4o", "input": "Name a river.", "instructions": "Be brief."}
    counted = sdks.openai.responses.input_tokens.count(**asked)
    billed = sdks.openai.responses.create(**asked)

    assert billed.usage is not None
    assert counted.input_tokens == billed.usage.input_tokens == 6
    assert counted.object == "response.input_tokens"
