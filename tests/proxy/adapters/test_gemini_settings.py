"""What a caller set, as Gemini's generationConfig, toolConfig and serviceTier."""

from typing import Any

import pytest

from proxy.adapters.base import UnsupportedField
from proxy.adapters.gemini.adapter import GeminiAdapter
from tests.proxy.adapters.drive import call, sent, target

FLASH, PRO, LITE = "gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.5-flash-lite"
THREE, THREE_PRO = "gemini-3-flash-preview", "gemini-3-pro-preview"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "f"}}


def to(model: str = FLASH, **body: Any) -> dict[str, Any]:
    return sent("gemini", model=model, **body)


def config(model: str = FLASH, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = to(model, **body).get("generationConfig", {})
    return found


def thinking(model: str = FLASH, **body: Any) -> dict[str, Any] | None:
    found: dict[str, Any] | None = config(model, **body).get("thinkingConfig")
    return found


def refused(model: str = FLASH, **body: Any) -> UnsupportedField:
    with pytest.raises(UnsupportedField) as refusal:
        to(model, **body)
    assert refusal.value.vendor == "gemini"
    return refusal.value


def test_settings_have_their_places() -> None:
    asked: dict[str, Any] = {
        "temperature": 1.5,
        "top_p": 0.9,
        "top_k": 40,
        "seed": 7,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "stop": ["a", " "],
        "max_tokens": 50,
        "n": 3,
        "logprobs": True,
        "top_logprobs": 5,
    }
    assert config(**asked) == {
        "maxOutputTokens": 50,
        "temperature": 1.5,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
        "stopSequences": ["a"],
        "candidateCount": 3,
        "responseLogprobs": True,
        "logprobs": 5,
    }


def test_the_chosen_tokens_logprob_alone() -> None:
    assert config(logprobs=True) == {"responseLogprobs": True}


def test_zeros_are_settings_too() -> None:
    assert config(temperature=0, seed=0, top_p=0) == {"temperature": 0, "topP": 0, "seed": 0}


def test_the_gateways_ceiling_wins() -> None:
    assert config(max_output_tokens=10, max_tokens=50) == {"maxOutputTokens": 10}


def test_any_json_object() -> None:
    assert config(response_format={"type": "json_object"}) == {"responseMimeType": "application/json"}


def test_json_of_a_schema() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    assert config(response_format=wanted) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }


@pytest.mark.parametrize(("model", "refuses"), [(FLASH, True), (THREE, False)])
def test_json_goes_together_with_tools_from_gemini_3_on(model: str, refuses: bool) -> None:
    body = {"response_format": {"type": "json_object"}, "tools": [TOOL]}
    if refuses:
        assert refused(model, **body).field == "response_format"
    else:
        assert config(model, **body) == {"responseMimeType": "application/json"}


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        (FLASH, "none", {"thinkingBudget": 0}),
        (FLASH, "minimal", {"thinkingBudget": 512, "includeThoughts": True}),
        (FLASH, "low", {"thinkingBudget": 1024, "includeThoughts": True}),
        (PRO, "medium", {"thinkingBudget": 8192, "includeThoughts": True}),
        (PRO, "high", {"thinkingBudget": 24576, "includeThoughts": True}),
        (FLASH, "xhigh", {"thinkingBudget": 24576, "includeThoughts": True}),
        (THREE, "minimal", {"thinkingLevel": "minimal", "includeThoughts": True}),
        (THREE, "high", {"thinkingLevel": "high", "includeThoughts": True}),
        (THREE, "max", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-3.6-flash", "minimal", {"thinkingLevel": "minimal", "includeThoughts": True}),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "medium", {"thinkingLevel": "medium", "includeThoughts": True}),
        (THREE_PRO, "medium", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-flash-latest", "low", {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-2.0-flash", "none", None),
        (FLASH, None, None),
        (THREE, None, None),
    ],
)
def test_effort_by_model(model: str, effort: str | None, expected: dict[str, Any] | None) -> None:
    assert thinking(model, reasoning_effort=effort) == expected


@pytest.mark.parametrize(
    ("model", "effort"),
    [(PRO, "none"), (THREE, "none"), ("gemini-2.0-flash", "low"), (FLASH, "enormous")],
)
def test_effort_that_the_model_does_not_know_is_refused(model: str, effort: str) -> None:
    assert refused(model, reasoning_effort=effort).field == "reasoning_effort"


@pytest.mark.parametrize(
    ("model", "budget", "expected"),
    [
        (FLASH, 2000, {"thinkingBudget": 2000, "includeThoughts": True}),
        (FLASH, 90_000, {"thinkingBudget": 24_576, "includeThoughts": True}),
        (PRO, 90_000, {"thinkingBudget": 32_768, "includeThoughts": True}),
        (PRO, 100, {"thinkingBudget": 128, "includeThoughts": True}),
        (LITE, 100, {"thinkingBudget": 512, "includeThoughts": True}),
        (THREE, 512, {"thinkingLevel": "minimal", "includeThoughts": True}),
        (THREE, 1024, {"thinkingLevel": "low", "includeThoughts": True}),
        (THREE, 4096, {"thinkingLevel": "medium", "includeThoughts": True}),
        (THREE, 31_999, {"thinkingLevel": "high", "includeThoughts": True}),
    ],
)
def test_a_budget_is_a_level_from_gemini_3_on(model: str, budget: int, expected: dict[str, Any]) -> None:
    assert thinking(model, thinking={"type": "enabled", "budget_tokens": budget}) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (FLASH, {"thinkingBudget": -1, "includeThoughts": True}),
        (THREE, {"includeThoughts": True}),
        ("gemini-2.0-flash", None),
    ],
)
def test_as_much_as_the_model_likes(model: str, expected: dict[str, Any] | None) -> None:
    assert thinking(model, thinking={"type": "adaptive"}) == expected


def test_a_caller_may_not_want_to_see_thoughts() -> None:
    assert thinking(reasoning={"effort": "low", "exclude": True}) == {"thinkingBudget": 1024}


@pytest.mark.parametrize(
    ("model", "expected", "dropped"),
    [
        (FLASH, {"thinkingBudget": 0}, ()),
        (PRO, {"thinkingBudget": 128}, ("thinking",)),
        (THREE, {"thinkingLevel": "minimal"}, ("thinking",)),
        (THREE_PRO, {"thinkingLevel": "low"}, ("thinking",)),
        ("gemini-2.0-flash", None, ()),
    ],
)
def test_thinking_turned_off_is_as_little_as_the_model_can(
    model: str, expected: dict[str, Any] | None, dropped: tuple[str, ...]
) -> None:
    off = {"type": "disabled"}
    assert thinking(model, thinking=off) == expected
    assert GeminiAdapter().request_for(call(thinking=off), target("gemini", model=model)).dropped == dropped


@pytest.mark.parametrize(
    ("tier", "expected"), [("flex", "flex"), ("priority", "priority"), ("auto", None), ("default", None)]
)
def test_tiers(tier: str, expected: str | None) -> None:
    assert to(service_tier=tier).get("serviceTier") == expected


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"temperature": 3}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"top_k": 0}, "top_k"),
        ({"seed": 2**31}, "seed"),
        ({"presence_penalty": 9}, "presence_penalty"),
        ({"frequency_penalty": -9}, "frequency_penalty"),
        ({"stop": list("abcdef")}, "stop"),
        ({"n": 9}, "n"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"service_tier": "scale"}, "service_tier"),
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
        ({"a_field_of_tomorrow": 1}, "a_field_of_tomorrow"),
    ],
)
def test_what_gemini_cannot_do_is_refused(asked: dict[str, Any], field: str) -> None:
    assert refused(**asked).field == field


def test_a_web_search_is_googles() -> None:
    assert to(web_search_options={}) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "tools": [{"googleSearch": {}}],
    }


def test_the_options_of_a_search_are_named_as_lost() -> None:
    asked = call(web_search_options={"search_context_size": "low"})
    dropped = GeminiAdapter().request_for(asked, target("gemini")).dropped
    assert dropped == ("web_search_options.search_context_size",)


def test_search_goes_with_functions_from_gemini_3_on() -> None:
    assert refused(FLASH, web_search_options={}, tools=[TOOL]).field == "web_search_options"
    body = to(THREE, web_search_options={}, tools=[TOOL], tool_choice="auto")
    assert body["tools"] == [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]
    assert body["toolConfig"] == {
        "functionCallingConfig": {"mode": "AUTO"},
        "includeServerSideToolInvocations": True,
    }
