"""Embeddings, and the counting of tokens: small wires of OpenAI's, whose answers come whole."""

import dataclasses
import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import Answer, ErrorClass, UnsupportedField, VendorError
from proxy.adapters.registry import adapter_for
from proxy.dialects.registry import COUNT_TOKENS, EMBEDDINGS
from proxy.interchange.dialect import Call
from tests.proxy.adapters.drive import USER, call, target

OPENAI = dataclasses.replace(target("openai", model="text-embedding-3-small"), serves_responses=True)


def asked(raw: str = '{"model": "public", "input": "hi"}') -> Call:
    return Call(dialect=EMBEDDINGS, body=json.loads(raw), raw=raw.encode())


def answered(body: Any, kind: str = "openai") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return adapter_for(kind).response_from(raw, {"x-request-id": "req_1"}, asked(), target(kind))


def test_every_field_but_the_model_goes_as_the_bytes_that_came() -> None:
    raw = '{"model": "public", "input": [[1, 2],  [3]], "dimensions": 8, "api_key": "x"}'
    request = adapter_for("openai").request_for(asked(raw), OPENAI)
    assert (request.method, request.url) == ("POST", "https://vendor.test/v1/embeddings")
    assert request.headers["Authorization"] == "Bearer canary-key"
    assert request.body == b'{"model":"text-embedding-3-small","input":[[1, 2],  [3]],"dimensions":8}'


VECTORS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.25e-3]}],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}


def test_the_answer_goes_back_as_the_very_bytes_that_came() -> None:
    raw = json.dumps(VECTORS, indent=1).encode()
    answer = answered(raw)
    assert answer.body is raw
    assert (answer.usage, answer.raw_usage) == (Usage(input=2), {"prompt_tokens": 2, "total_tokens": 2})
    assert (answer.model, answer.upstream_id) == ("text-embedding-3-small", "req_1")
    assert (answer.finish_reason, answer.text, answer.flags) == (None, "", ())


def test_an_answer_without_usage_has_none() -> None:
    assert answered({"data": []}, "openai_compatible").usage is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"data": 4}', b"<html>"])
def test_an_answer_that_cannot_be_read_is_the_vendors_failure(body: bytes) -> None:
    with pytest.raises(VendorError) as failure:
        answered(body)
    assert failure.value.error_class is ErrorClass.PROVIDER


def test_an_error_inside_a_200_is_raised_for_what_it_is() -> None:
    with pytest.raises(VendorError) as failure:
        answered({"error": {"code": 429, "message": "slow"}})
    assert failure.value.error_class is ErrorClass.RATE_LIMITED


def test_neither_is_streamed() -> None:
    for ours in (asked(), call(dialect=COUNT_TOKENS, messages=USER)):
        with pytest.raises(UnsupportedField) as refused:
            adapter_for("openai").chunks_from(ours, OPENAI)
        assert refused.value.field == "stream"


COUNT = dataclasses.replace(OPENAI, model="gpt-5.2")
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def test_tokens_are_counted_of_the_same_input_that_would_be_sent() -> None:
    ours = call(dialect=COUNT_TOKENS, messages=USER, system="be kind", tools=[TOOL])
    request = adapter_for("openai").request_for(ours, COUNT)
    assert request.url == "https://vendor.test/v1/responses/input_tokens"
    assert json.loads(request.body) == {
        "model": "gpt-5.2",
        "instructions": "be kind",
        "input": [{"type": "message", "role": "user", "content": "hi"}],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
    }


def test_the_count_is_answered_in_anthropics_shape_and_costs_nothing() -> None:
    ours = call(dialect=COUNT_TOKENS, messages=USER)
    counted = b'{"object":"response.input_tokens","input_tokens":17}'
    answer = adapter_for("openai").response_from(counted, {}, ours, COUNT)
    assert (answer.body, answer.usage) == (b'{"input_tokens":17}', Usage())


@pytest.mark.parametrize("body", [b"", b"{}", b'{"input_tokens": "many"}', b'{"input_tokens": true}'])
def test_a_count_that_cannot_be_read_is_the_vendors_failure(body: bytes) -> None:
    with pytest.raises(VendorError):
        adapter_for("openai").response_from(body, {}, call(dialect=COUNT_TOKENS, messages=USER), COUNT)
