"""The request that goes to Anthropic for a chat completion: its envelope and settings."""

from typing import Any

import pytest

from proxy.adapters.registry import adapter_for
from proxy.interchange.dialect import Call
from tests.proxy.adapters.anthropic_calls import (
    MIDDLE,
    NEW,
    OLD,
    dropped,
    invalid,
    refused,
    request_for,
    text,
    to,
)
from tests.proxy.adapters.drive import USER, call, target


def test_the_whole_request() -> None:
    request = adapter_for("anthropic").request_for(call(), target("anthropic"))
    assert (request.method, request.url) == ("POST", "https://vendor.test/v1/messages")
    assert request.headers == {
        "Content-Type": "application/json",
        "x-api-key": "canary-key",
        "anthropic-version": "2023-06-01",
    }
    assert request.body == (
        b'{"model":"claude-sonnet-4-5","max_tokens":4096,'
        b'"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}'
    )
    assert request.dropped == ()


def test_headers_of_a_caller_of_another_dialect_are_not_forwarded() -> None:
    asked = Call(dialect=call().dialect, body=call().body, headers={"anthropic-beta": "b1"})
    assert "anthropic-beta" not in adapter_for("anthropic").request_for(asked, target("anthropic")).headers


def test_the_same_call_gives_the_same_bytes() -> None:
    """A stable prefix is what the vendor's cache is keyed by (checks K11)."""
    body: dict[str, Any] = {
        "messages": USER,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "user": "u",
    }
    assert len({request_for(**body).body for _ in range(3)}) == 1


@pytest.mark.parametrize(
    ("limit", "asked", "expected"),
    [
        (900, {"max_tokens": 50}, 900),
        (None, {"max_tokens": 50}, 50),
        (None, {"max_completion_tokens": 60, "max_tokens": 50}, 60),
        (None, {"max_tokens": None}, 4096),
    ],
)
def test_max_tokens_is_always_sent(limit: int | None, asked: dict[str, Any], expected: int) -> None:
    assert to(max_output_tokens=limit, **asked)["max_tokens"] == expected


def test_a_stream_is_asked_for() -> None:
    assert to(stream=True, stream_options={"include_usage": True})["stream"] is True


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        (OLD, {"temperature": 0.2, "top_p": 0.5}, {"temperature": 0.2, "top_p": 0.5}),
        (OLD, {"temperature": 1}, {"temperature": 1}),
        (OLD, {"top_k": 5}, {"top_k": 5}),
        (MIDDLE, {"temperature": 0.2, "top_p": 1}, {"temperature": 0.2}),
        (MIDDLE, {"top_p": 0.5, "top_k": 5}, {"top_p": 0.5, "top_k": 5}),
        (NEW, {"temperature": 1, "top_p": 1.0}, {}),
        (MIDDLE, {"temperature": 1, "reasoning_effort": "low", "max_tokens": 9000}, {}),
    ],
)
def test_sampling_by_model(model: str, asked: dict[str, Any], expected: dict[str, Any]) -> None:
    body = to(model, **asked)
    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == expected


@pytest.mark.parametrize(
    ("model", "asked", "field"),
    [
        (OLD, {"temperature": 1.5}, "temperature"),
        (OLD, {"temperature": -1}, "temperature"),
        (MIDDLE, {"temperature": 0.2, "top_p": 0.5}, "top_p"),
        (NEW, {"temperature": 0.2}, "temperature"),
        (NEW, {"top_p": 0.9}, "top_p"),
        (NEW, {"top_k": 5}, "top_k"),
        ("claude-next", {"temperature": 0}, "temperature"),
        (MIDDLE, {"temperature": 0.2, "reasoning_effort": "low"}, "temperature"),
        (MIDDLE, {"top_k": 5, "reasoning_effort": "low"}, "top_k"),
    ],
)
def test_sampling_that_the_model_would_refuse_or_ignore_is_refused(
    model: str, asked: dict[str, Any], field: str
) -> None:
    assert refused(model, **asked).field == field


@pytest.mark.parametrize("asked", [{"temperature": "hot"}, {"top_p": True}, {"stop": 5}, {"stop": [5]}])
def test_an_odd_setting_is_invalid_whatever_the_vendor(asked: dict[str, Any]) -> None:
    assert invalid(**asked).field in asked


@pytest.mark.parametrize(
    ("stop", "expected"), [("END", ["END"]), (["a", " ", "\n", "b"], ["a", "b"]), ([], None), (None, None)]
)
def test_stop_sequences_without_blank_ones(stop: Any, expected: list[str] | None) -> None:
    assert to(stop=stop).get("stop_sequences") == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"user": "u1"}, {"metadata": {"user_id": "u1"}}),
        ({"user": "u" * 300}, {"metadata": {"user_id": "u" * 256}}),
        ({"user": "u1", "safety_identifier": "s1"}, {"metadata": {"user_id": "s1"}}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"metadata": {"a": "b"}}, {}),
    ],
)
def test_labels(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    body = to(**asked)
    assert {name: body[name] for name in ("metadata", "service_tier") if name in body} == expected


@pytest.mark.parametrize("tier", ["flex", "priority", "scale"])
def test_a_tier_that_anthropic_does_not_sell_is_refused(tier: str) -> None:
    assert refused(service_tier=tier).field == "service_tier"


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"metadata": {"a": "b"}, "prompt_cache_key": "k"}, ("metadata", "prompt_cache_key")),
        ({"api_base": "https://evil.test"}, ("api_base",)),
    ],
)
def test_what_is_harmless_is_dropped_by_name(asked: dict[str, Any], names: tuple[str, ...]) -> None:
    assert dropped(**asked) == names


@pytest.mark.parametrize(
    "asked",
    [
        {"n": 2},
        {"seed": 1},
        {"logprobs": True},
        {"presence_penalty": 0.5},
        {"frequency_penalty": -1},
        {"logit_bias": {"5": 1}},
        {"prediction": {"type": "content", "content": "x"}},
        {"modalities": ["text", "audio"]},
        {"store": True},
        {"brand_new": 1},
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(asked: dict[str, Any]) -> None:
    assert refused(**asked).field == next(iter(asked))


def test_a_prefill_goes_to_models_that_continue_it_without_trailing_space() -> None:
    messages = [*USER, {"role": "assistant", "content": "The answer is "}]
    assert to(MIDDLE, messages=messages)["messages"][-1]["content"] == text("The answer is")


@pytest.mark.parametrize("model", ["claude-sonnet-4-6", NEW, "claude-haiku-5-5"])
def test_a_prefill_is_refused_for_models_that_reject_it(model: str) -> None:
    assert refused(model, messages=[*USER, {"role": "assistant", "content": "a"}]).field == "messages"


def test_a_prefill_is_refused_while_thinking() -> None:
    messages = [*USER, {"role": "assistant", "content": "a"}]
    assert refused(messages=messages, reasoning_effort="low", max_tokens=9000).field == "messages"
