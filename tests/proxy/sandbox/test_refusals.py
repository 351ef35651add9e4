"""Requests that a vendor refuses, refused in its own words."""

from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google.genai import errors

from proxy.sandbox.profiles import STORY
from tests.proxy.sandbox import clients
from tests.proxy.sandbox.clients import Sdks

USER = {"role": "user", "content": "Hello."}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "tool_calls": [CALL]}


@pytest.mark.parametrize(
    ("vendor", "error"),
    [
        ("openai", openai.AuthenticationError),
        ("anthropic", anthropic.AuthenticationError),
        ("gemini", errors.ClientError),
    ],
)
def test_a_key_that_starts_with_bad_is_refused(base_url: str, vendor: str, error: type[Exception]) -> None:
    with clients.opened(base_url, key="bad-key") as sdks, pytest.raises(error):
        sdks.ask(vendor, STORY.prompt)


def test_each_vendor_says_bad_key_in_its_own_way(http: httpx2.Client) -> None:
    of_openai = http.post("/v1/chat/completions", headers={"authorization": "Bearer bad"}, json={})
    of_anthropic = http.post("/v1/messages", headers={"x-api-key": "bad"}, json={})
    of_gemini = http.post("/v1beta/models/m:generateContent", headers={"x-goog-api-key": "bad"}, json={})

    assert (of_openai.status_code, of_openai.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (of_anthropic.status_code, of_anthropic.json()["error"]["type"]) == (401, "authentication_error")
    assert of_anthropic.json()["request_id"] == of_anthropic.headers["request-id"]
    assert (of_gemini.status_code, of_gemini.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert of_gemini.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_a_missing_key_is_refused(http: httpx2.Client) -> None:
    assert http.post("/v1/chat/completions", json={}).status_code == 401
    assert http.post("/v1/messages", json={}).status_code == 401
    assert http.post("/v1beta/models/m:generateContent", json={}).status_code == 403


def test_an_unknown_model_is_not_found(sdks: Sdks) -> None:
    with pytest.raises(openai.NotFoundError) as of_openai:
        sdks.ask("openai", "Hello.", model="does-not-exist-1")
    with pytest.raises(anthropic.NotFoundError) as of_anthropic:
        sdks.ask("anthropic", "Hello.", model="does-not-exist-1", stream=True)
    with pytest.raises(errors.ClientError) as of_gemini:
        sdks.ask("gemini", "Hello.", model="does-not-exist-1", stream=True)

    assert of_openai.value.code == "model_not_found"
    assert of_anthropic.value.type == "not_found_error"
    assert (of_gemini.value.code, of_gemini.value.status) == (404, "NOT_FOUND")


def test_an_unknown_path_is_not_found(http: httpx2.Client) -> None:
    assert http.post("/v1/nothing", headers={"authorization": "Bearer k"}, json={}).status_code == 404
    assert http.post("/v1beta/models/m:sing", headers={"x-goog-api-key": "k"}, json={}).status_code == 404


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"model": None}, None, None),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": [{"role": "bot", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", None),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "invalid_type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "x"}]}]},
            "messages[0].content[0].type",
            "invalid_value",
        ),
        (
            {"messages": [USER, {"role": "tool", "tool_call_id": "c1", "content": "x"}]},
            "messages[1].role",
            None,
        ),
        (
            {"messages": [USER, CALLED, {"role": "tool", "tool_call_id": "c1", "content": [IMAGE]}]},
            "messages[2].content[0].type",
            "invalid_value",
        ),
        ({"messages": [USER, CALLED, USER]}, "messages[2].role", None),
        ({"messages": [USER, CALLED]}, "messages[2].role", None),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "array_above_max_length"),
        ({"temperature": 2.5}, "temperature", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"cache_ttl": 1}, None, None),
        ({"tools": []}, "tools", "empty_array"),
        ({"tool_choice": "auto"}, "tool_choice", None),
        ({"parallel_tool_calls": False}, "parallel_tool_calls", None),
        ({"service_tier": "standard"}, "service_tier", "invalid_value"),
        (
            {"tools": [{"type": "function", "function": {"name": "a.b"}}]},
            "tools[0].function.name",
            "invalid_value",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a" * 65}}]},
            "tools[0].function.name",
            "string_above_max_length",
        ),
        (
            {"messages": [USER, {"role": "assistant", "tool_calls": [CALL | {"id": "c" * 41}]}]},
            "messages[1].tool_calls[0].id",
            "string_above_max_length",
        ),
        ({"model": "o3", "max_tokens": 5}, "max_tokens", "unsupported_parameter"),
        ({"model": "gpt-5.6-luna", "temperature": 0.2}, "temperature", "unsupported_value"),
        ({"model": "gpt-5.6-luna", "reasoning_effort": "minimal"}, "reasoning_effort", "unsupported_value"),
        ({"model": "gpt-5.6-luna", "tools": [TOOL]}, "reasoning_effort", None),
        ({"model": "gpt-5.4", "tools": [TOOL], "reasoning_effort": "low"}, "reasoning_effort", None),
    ],
)
def test_openai_refuses(
    http: httpx2.Client, body: dict[str, Any], param: str | None, code: str | None
) -> None:
    answer = _openai(http, body)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


@pytest.mark.parametrize(
    "body",
    [
        {"model": "gpt-5.4", "tools": [TOOL]},
        {"model": "gpt-5.6-luna", "tools": [TOOL], "reasoning_effort": "none"},
        {"model": "deepseek-v4-pro", "enable_search": True},
        {"messages": [USER, CALLED, {"role": "tool", "tool_call_id": "c1", "content": "x"}]},
        {"messages": [{"role": "user", "content": [IMAGE]}]},
    ],
)
def test_openai_accepts(http: httpx2.Client, body: dict[str, Any]) -> None:
    assert _openai(http, body).status_code == 200


def _openai(http: httpx2.Client, body: dict[str, Any]) -> httpx2.Response:
    base = {"model": "gpt-4o", "messages": [USER]}
    return http.post("/v1/chat/completions", headers={"authorization": "Bearer k"}, json=base | body)


@pytest.mark.parametrize(
    "raw", [b"{not json", b"[]", b'{"model": "\xff"}', b'{"model": "gpt-4o", "messages": [1]}']
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1beta/models/m:generateContent"])
def test_what_is_no_request_is_refused_with_400(http: httpx2.Client, path: str, raw: bytes) -> None:
    keys = {"authorization": "Bearer k", "x-goog-api-key": "k", "anthropic-version": "2023-06-01"}

    assert http.post(path, headers=keys, content=raw).status_code == 400
