"""Anthropic's count_tokens, answered by Gemini (checks L2)."""

import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import Answer, ErrorClass, VendorError
from proxy.adapters.gemini.adapter import GeminiAdapter
from proxy.dialects.messages.dialect import COUNT_TOKENS
from proxy.interchange.dialect import Call
from tests.proxy.adapters.drive import USER, call, target

GEMINI = GeminiAdapter()
TARGET = target("gemini")


def asked(**body: Any) -> Call:
    return call(dialect=COUNT_TOKENS, model="gemini-2.5-flash", messages=USER, **body)


def answered(body: Any) -> Answer:
    return GEMINI.response_from(json.dumps(body).encode(), {}, asked(), TARGET)


def test_the_whole_request_is_counted_tools_and_system_text_included() -> None:
    tool = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
    request = GEMINI.request_for(asked(system="s", tools=[tool]), TARGET)
    assert request.url == "https://vendor.test/v1beta/models/gemini-2.5-flash:countTokens"
    assert json.loads(request.body) == {
        "generateContentRequest": {
            "model": "models/gemini-2.5-flash",
            "systemInstruction": {"parts": [{"text": "s"}]},
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "tools": [
                {
                    "functionDeclarations": [
                        {"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}
                    ]
                }
            ],
        }
    }


def test_the_count_in_anthropics_shape() -> None:
    answer = answered({"totalTokens": 8, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8}]})
    assert (json.loads(answer.body), answer.usage) == ({"input_tokens": 8}, Usage())


@pytest.mark.parametrize("body", [{}, {"totalTokens": 0}, {"totalTokens": "8"}, []])
def test_no_count_is_never_told_as_zero(body: Any) -> None:
    with pytest.raises(VendorError) as failure:
        answered(body)
    assert failure.value.error_class is ErrorClass.PROVIDER
