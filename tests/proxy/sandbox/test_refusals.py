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
CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 2000, "messages": [USER]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
IMAGE = {"type": "image_url", "image_url": {"url": "u"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "tool_calls": [CALL]}
TOOL_USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
MARKED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
OLD, NEW = "2023-06-01", "2026-10-21"


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
    ("version", "body", "message"),
    [
        (OLD, {"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        (OLD, {"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
        (OLD, {"max_tokens": 64_001}, "max_tokens: 64001 > 64000"),
        (OLD, {"messages": []}, "messages: at least one message is required"),
        (OLD, {"messages": [{"role": "system", "content": "x"}]}, "messages.0.role: Input should be"),
        (
            OLD,
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            "text content blocks must be",
        ),
        (
            OLD,
            {"messages": [{"role": "user", "content": ""}]},
            "messages.0: all messages must have non-empty",
        ),
        (OLD, {"messages": [{"role": "assistant", "content": "x"}]}, "first message must use the"),
        (
            OLD,
            {"messages": [USER, {"role": "assistant", "content": "x "}]},
            "final assistant content cannot end",
        ),
        (
            OLD,
            {"model": "claude-sonnet-4-6", "messages": [USER, {"role": "assistant", "content": "x"}]},
            "prefill",
        ),
        (OLD, {"messages": [USER, TOOL_USE, USER]}, "`tool_use` ids were found without `tool_result`"),
        (
            OLD,
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]}]},
            "unexpected",
        ),
        (OLD, {"messages": [{"role": "user", "content": [MARKED] * 5}]}, "A maximum of 4 blocks"),
        (OLD, {"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
        (OLD, {"stop_sequences": [" "]}, "each stop sequence must contain non-whitespace"),
        (OLD, {"n": 2}, "n: Extra inputs are not permitted"),
        (OLD, {"temperature": 1.5}, "temperature: 1.5 is not in"),
        (OLD, {"temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
        (OLD, {"model": "claude-opus-5-5", "temperature": 0.5}, "only supports the default value"),
        (NEW, {"temperature": 1}, "temperature: Extra inputs are not permitted"),
        (NEW, {"top_k": 5}, "top_k: Extra inputs are not permitted"),
        (OLD, {"thinking": {"type": "enabled", "budget_tokens": 5}}, "greater than or equal to 1024"),
        (OLD, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, "`max_tokens` must be greater than"),
        (OLD, {"thinking": {"type": "adaptive"}}, "adaptive thinking is not supported"),
        (
            OLD,
            {"model": "claude-opus-5-5", "thinking": {"type": "enabled", "budget_tokens": 1024}},
            "not supported",
        ),
        (OLD, {"model": "claude-opus-5-5", "thinking": {"type": "disabled"}}, "not supported"),
        (
            OLD,
            {"model": "claude-opus-5-5", "tool_choice": {"type": "any"}},
            "forced tool use is not supported",
        ),
        (OLD, {"output_config": {"effort": "low"}}, "does not support the effort parameter"),
        (OLD, {"model": "claude-sonnet-4-6", "output_config": {"effort": "xhigh"}}, "effort level 'xhigh'"),
    ],
)
def test_anthropic_refuses(http: httpx2.Client, version: str, body: dict[str, Any], message: str) -> None:
    answer = _anthropic(http, version, CLAUDE | body)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert message in error["message"]


@pytest.mark.parametrize("missing", ["model", "max_tokens", "messages"])
def test_anthropic_requires(http: httpx2.Client, missing: str) -> None:
    answer = _anthropic(http, OLD, {name: value for name, value in CLAUDE.items() if name != missing})

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == f"{missing}: Field required"


def test_anthropic_requires_a_version(http: httpx2.Client) -> None:
    answer = http.post("/v1/messages", headers={"x-api-key": "k"}, json=CLAUDE)

    assert answer.json()["error"]["message"] == "anthropic-version: header is required"


def test_anthropic_takes_a_temperature_under_the_old_version(http: httpx2.Client) -> None:
    assert _anthropic(http, OLD, CLAUDE | {"temperature": 0.5}).status_code == 200


def _anthropic(http: httpx2.Client, version: str, body: dict[str, Any]) -> httpx2.Response:
    return http.post("/v1/messages", headers={"x-api-key": "k", "anthropic-version": version}, json=body)


@pytest.mark.parametrize(
    "raw", [b"{not json", b"[]", b'{"model": "\xff"}', b'{"model": "gpt-4o", "messages": [1]}']
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1beta/models/m:generateContent"])
def test_what_is_no_request_is_refused_with_400(http: httpx2.Client, path: str, raw: bytes) -> None:
    keys = {"authorization": "Bearer k", "x-goog-api-key": "k", "anthropic-version": OLD}

    assert http.post(path, headers=keys, content=raw).status_code == 400
