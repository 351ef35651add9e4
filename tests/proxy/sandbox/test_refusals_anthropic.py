"""Requests that Anthropic refuses."""

from typing import Any

import httpx2
import pytest

USER = {"role": "user", "content": "Hello."}
CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 2000, "messages": [USER]}
TOOL_USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
MARKED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
OLD, NEW = "2023-06-01", "2026-10-21"


def _used(**changes: Any) -> dict[str, Any]:
    use = {"type": "tool_use", "id": "t1", "name": "f", "input": {}, **changes}
    return {"role": "assistant", "content": [use]}


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
        (
            OLD,
            {"tools": [{"name": "a.b", "input_schema": {"type": "object"}}]},
            "tools.0.custom.name: String",
        ),
        (OLD, {"tool_choice": {"type": "auto"}}, "may only be specified while providing tools"),
        (
            OLD,
            {
                "tools": [{"name": "f", "input_schema": {"type": "object"}}],
                "tool_choice": {"type": "tool", "name": "g"},
            },
            "Tool 'g' not found in provided tools",
        ),
        (OLD, {"messages": [USER, _used(id="a.b")]}, "messages.1.content.0.tool_use.id: String should match"),
        (OLD, {"messages": [USER, _used(input="{}")]}, "tool_use.input: Input should be a valid dictionary"),
        (
            OLD,
            {
                "messages": [
                    USER,
                    TOOL_USE,
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "x"},
                            {"type": "tool_result", "tool_use_id": "t1"},
                        ],
                    },
                ]
            },
            "`tool_use` ids were found without `tool_result`",
        ),
        (OLD, {"service_tier": "priority"}, "service_tier: Input should be 'auto' or 'standard_only'"),
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
