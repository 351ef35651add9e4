"""What goes to Gemini for a chat completion."""

from typing import Any

import pytest

from proxy.adapters.base import UnsupportedField
from proxy.adapters.registry import adapter_for
from tests.proxy.adapters.drive import USER, call, sent, target

FLASH, PRO, THREE = "gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-flash-preview"


def to(model: str = FLASH, **body: Any) -> dict[str, Any]:
    return sent("gemini", model=model, **body)


def config(model: str = FLASH, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = to(model, **body).get("generationConfig", {})
    return found


def refused(model: str = FLASH, **body: Any) -> UnsupportedField:
    with pytest.raises(UnsupportedField) as refusal:
        to(model, **body)
    assert refusal.value.vendor == "gemini"
    return refusal.value


def test_the_whole_request() -> None:
    request = adapter_for("gemini").request_for(call(), target("gemini"))
    assert request.url == "https://vendor.test/v1beta/models/gemini-2.5-flash:generateContent"
    assert request.headers == {"Content-Type": "application/json", "x-goog-api-key": "canary-key"}
    assert request.body == b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'


def test_the_key_is_never_in_the_url() -> None:
    for stream in (True, False):
        assert "canary" not in adapter_for("gemini").request_for(call(stream=stream), target("gemini")).url


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("tunedModels/mine", "tunedModels/mine"),
        ("gemini-x?key=1#", "models/gemini-x%3Fkey%3D1%23"),
    ],
)
def test_the_model_is_in_the_path(model: str, path: str) -> None:
    request = adapter_for("gemini").request_for(call(stream=True), target("gemini", model=model))
    assert request.url == f"https://vendor.test/v1beta/{path}:streamGenerateContent?alt=sse"


def test_settings_have_their_places() -> None:
    asked = {
        "temperature": 1.5,
        "top_p": 0.9,
        "seed": 7,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "stop": ["a", " "],
        "max_tokens": 50,
    }
    assert config(**asked) == {
        "maxOutputTokens": 50,
        "temperature": 1.5,
        "topP": 0.9,
        "seed": 7,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
        "stopSequences": ["a"],
    }


def test_the_gateways_ceiling_wins() -> None:
    assert config(max_output_tokens=10, max_tokens=50) == {"maxOutputTokens": 10}


def test_system_messages_lead_and_later_ones_are_tagged_user_text() -> None:
    body = to(
        messages=[
            {"role": "system", "content": "a"},
            {"role": "developer", "content": "b"},
            *USER,
            {"role": "assistant", "content": "yes"},
            {"role": "system", "content": "c"},
            *USER,
        ]
    )
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"text": "yes"}]},
        {"role": "user", "parts": [{"text": "<system>\nc\n</system>"}, {"text": "hi"}]},
    ]


def test_turns_of_one_side_in_a_row_become_one() -> None:
    messages = [*USER, *USER, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert [turn["role"] for turn in to(messages=messages)["contents"]] == ["user", "model"]


@pytest.mark.parametrize("empty", ["", " ", [], None, [{"type": "text", "text": ""}]])
def test_messages_without_text_are_left_out(empty: Any) -> None:
    nothing = [{"role": role, "content": empty} for role in ("system", "user", "assistant")]
    assert to(messages=[*nothing, *USER, *nothing]) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}]
    }


def test_the_user_must_speak_first() -> None:
    assert refused(messages=[{"role": "assistant", "content": "a"}, *USER]).field == "messages"


def test_cache_markers_mean_nothing_here() -> None:
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    assert to(messages=[{"role": "user", "content": [part]}])["contents"][0]["parts"] == [{"text": "a"}]


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        (FLASH, "none", {"thinkingBudget": 0}),
        (FLASH, "minimal", {"thinkingBudget": 512}),
        (FLASH, "low", {"thinkingBudget": 1024}),
        (PRO, "medium", {"thinkingBudget": 8192}),
        (PRO, "high", {"thinkingBudget": 24576}),
        (THREE, "minimal", {"thinkingLevel": "minimal"}),
        (THREE, "high", {"thinkingLevel": "high"}),
        ("gemini-3.6-flash", "minimal", {"thinkingLevel": "minimal"}),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "low"}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "low"}),
        ("gemini-flash-latest", "low", {"thinkingLevel": "low"}),
        ("gemini-2.0-flash", "none", None),
        (FLASH, None, None),
    ],
)
def test_effort_by_model(model: str, effort: str | None, expected: dict[str, Any] | None) -> None:
    assert config(model, reasoning_effort=effort).get("thinkingConfig") == expected


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        (PRO, "none"),
        (THREE, "none"),
        ("gemini-2.0-flash", "low"),
        (FLASH, "xhigh"),
        (THREE, "max"),
        (FLASH, []),
    ],
)
def test_effort_that_the_model_does_not_know_is_refused(model: str, effort: Any) -> None:
    assert refused(model, reasoning_effort=effort).field == "reasoning_effort"


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
        ({"seed": "x"}, "seed"),
        ({"presence_penalty": 9}, "presence_penalty"),
        ({"stop": list("abcdef")}, "stop"),
        ({"service_tier": "scale"}, "service_tier"),
    ],
)
def test_values_that_gemini_would_refuse_are_refused(asked: dict[str, Any], field: str) -> None:
    assert refused(**asked).field == field
