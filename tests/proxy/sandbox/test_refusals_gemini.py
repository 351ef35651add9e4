"""Requests that Gemini refuses."""

from typing import Any

import httpx2
import pytest

from proxy.sandbox.signatures import signed

GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hello."}]}]}


@pytest.mark.parametrize(
    ("model", "body", "message"),
    [
        ("gemini-2.5-flash", {"contents": []}, "contents is not specified"),
        ("gemini-2.5-flash", {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role"),
        ("gemini-2.5-flash", {"contents": [{"parts": []}]}, "contents.parts must not be empty"),
        ("gemini-2.5-flash", {"contents": [{"parts": [{"text": ""}]}]}, "required oneof field 'data'"),
        ("gemini-2.5-flash", {"serviceTier": "fast"}, "Invalid value at 'service_tier'"),
        ("gemini-2.5-flash", {"messages": []}, 'Unknown name "messages"'),
        ("gemini-2.5-flash", {"generationConfig": {"temperature": 3}}, "temperature"),
        ("gemini-2.5-flash", {"generationConfig": {"stopSequences": ["a"] * 6}}, "at most 5"),
        (
            "gemini-2.5-flash",
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}},
            "level is not supported",
        ),
        (
            "gemini-3-flash",
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 1}}},
            "only one",
        ),
        (
            "gemini-2.5-pro",
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}},
            "Budget 0 is invalid",
        ),
        (
            "gemini-2.5-flash",
            {"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f"}}]}]},
            "call turn",
        ),
        (
            "gemini-2.5-flash",
            {"tools": [{"functionDeclarations": [{"name": "1f"}]}]},
            "Invalid function name",
        ),
    ],
)
def test_gemini_refuses(http: httpx2.Client, model: str, body: dict[str, Any], message: str) -> None:
    answer = _gemini(http, model, GEMINI | body)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert message in error["message"]


@pytest.mark.parametrize(("model", "status"), [("gemini-3-flash", 400), ("gemini-2.5-flash", 200)])
def test_gemini_three_wants_its_thought_signature_back(http: httpx2.Client, model: str, status: int) -> None:
    turns = [
        *GEMINI["contents"],
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
    ]

    assert _gemini(http, model, {"contents": turns}).status_code == status
    turns[1]["parts"][0]["thoughtSignature"] = signed("call", "f", "r1")  # type: ignore[index]
    assert _gemini(http, model, {"contents": turns}).status_code == 200


def _gemini(http: httpx2.Client, model: str, body: dict[str, Any]) -> httpx2.Response:
    return http.post(f"/v1beta/models/{model}:generateContent", headers={"x-goog-api-key": "k"}, json=body)
