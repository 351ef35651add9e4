"""How much thinking is asked for, as Claude's settings."""

from typing import Any

import pytest

from tests.proxy.adapters.anthropic_calls import (
    MIDDLE,
    NEW,
    NEWEST,
    called,
    dropped,
    function,
    refused,
    result,
    to,
)
from tests.proxy.adapters.drive import USER

ADAPTIVE = {"type": "adaptive"}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "sig"}


def asked_of(model: str, **body: Any) -> dict[str, Any]:
    sent = to(model, max_output_tokens=64_000, **body)
    return {name: sent[name] for name in ("thinking", "output_config") if name in sent}


def enabled(budget: int, **more: Any) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": budget, **more}}


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        (NEW, "minimal", {"thinking": ADAPTIVE, "output_config": {"effort": "low"}}),
        (NEW, "low", {"thinking": ADAPTIVE, "output_config": {"effort": "low"}}),
        (NEW, "xhigh", {"thinking": ADAPTIVE, "output_config": {"effort": "xhigh"}}),
        ("claude-sonnet-4-6", "high", {"thinking": ADAPTIVE, "output_config": {"effort": "high"}}),
        ("claude-sonnet-4-6", "max", {"thinking": ADAPTIVE, "output_config": {"effort": "max"}}),
        (NEW, "none", {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-5-5", "none", {"thinking": {"type": "between_tools"}}),
        ("claude-haiku-5-5", "none", {"thinking": {"type": "disabled"}}),
        ("claude-opus-5", "none", {"thinking": {"type": "disabled"}}),
        (MIDDLE, "none", {}),
        ("claude-3-haiku-20240307", "none", {}),
        (MIDDLE, "low", enabled(1024)),
        (MIDDLE, "medium", enabled(4096)),
        ("claude-3-7-sonnet-20250219", "high", enabled(16_384)),
        (MIDDLE, None, {}),
    ],
)
def test_effort_by_model(model: str, effort: str | None, expected: dict[str, Any]) -> None:
    assert asked_of(model, reasoning_effort=effort) == expected


@pytest.mark.parametrize(
    ("model", "thinking", "expected"),
    [
        (MIDDLE, {"type": "enabled", "budget_tokens": 5000}, enabled(5000)),
        (MIDDLE, {"type": "enabled", "budget_tokens": 63_999}, enabled(63_999)),
        (MIDDLE, {"type": "enabled", "budget_tokens": 90_000}, enabled(48_000)),
        (MIDDLE, {"type": "enabled", "budget_tokens": 100}, enabled(1024)),
        (MIDDLE, {"type": "adaptive"}, enabled(16_384)),
        (MIDDLE, {"type": "disabled"}, {}),
        ("claude-sonnet-4-6", {"type": "enabled", "budget_tokens": 5000}, enabled(5000)),
        ("claude-sonnet-4-6", {"type": "adaptive"}, {"thinking": ADAPTIVE}),
        (NEW, {"type": "disabled"}, {"thinking": {"type": "disabled"}}),
        (
            NEW,
            {"type": "enabled", "budget_tokens": 1024},
            {"thinking": ADAPTIVE, "output_config": {"effort": "low"}},
        ),
        (
            NEW,
            {"type": "enabled", "budget_tokens": 5000},
            {"thinking": ADAPTIVE, "output_config": {"effort": "high"}},
        ),
        (
            NEW,
            {"type": "enabled", "budget_tokens": 50_000},
            {"thinking": ADAPTIVE, "output_config": {"effort": "max"}},
        ),
    ],
)
def test_thinking_as_claudes_callers_write_it(
    model: str, thinking: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert asked_of(model, thinking=thinking) == expected


def test_an_effort_beside_adaptive_thinking() -> None:
    expected = {"thinking": ADAPTIVE, "output_config": {"effort": "medium"}}
    assert asked_of(NEW, thinking=ADAPTIVE, reasoning_effort="medium") == expected


@pytest.mark.parametrize(("display", "model"), [("summarized", MIDDLE), ("omitted", NEW)])
def test_whether_thinking_is_shown(display: str, model: str) -> None:
    sent = asked_of(model, thinking={"type": "enabled", "budget_tokens": 2000, "display": display})
    assert sent["thinking"]["display"] == display


def test_thinking_may_be_hidden_where_the_model_thinks_unasked() -> None:
    asked = {"reasoning": {"exclude": True}}
    assert asked_of(NEWEST, **asked) == {"thinking": {"type": "adaptive", "display": "omitted"}}
    assert asked_of(NEW, **asked) == {}


@pytest.mark.parametrize(("ceiling", "budget"), [(8000, 6000), (1200, 1024), (1025, 1024)])
def test_the_thinking_budget_yields_to_the_ceiling(ceiling: int, budget: int) -> None:
    body = to(reasoning_effort="high", max_output_tokens=ceiling)
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (ceiling, budget)


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        (NEWEST, {"reasoning_effort": "none"}),
        ("claude-fable-5-1", {"reasoning_effort": "none"}),
        ("claude-sonnet-4-6", {"reasoning_effort": "xhigh"}),
        ("claude-3-5-haiku-latest", {"reasoning_effort": "low"}),
        (MIDDLE, {"reasoning_effort": "low", "max_tokens": 1024}),
        (NEW, {"reasoning_effort": "enormous"}),
        ("claude-3-5-haiku-latest", {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        (NEWEST, {"thinking": {"type": "disabled"}}),
    ],
)
def test_what_the_model_does_not_know_is_refused_in_the_callers_word(
    model: str, asked: dict[str, Any]
) -> None:
    assert refused(model, **asked).field == next(iter(asked))


LOOP: dict[str, Any] = {"tools": [function()], "reasoning_effort": "low", "max_tokens": 9000}


def test_in_a_tool_loop_without_its_thinking_thinking_is_off() -> None:
    """The API would refuse to think on (checks K8)."""
    messages = [*USER, called("weather"), result("weather")]
    assert "thinking" not in to(messages=messages, **LOOP)
    assert dropped(messages=messages, **LOOP) == ("thinking",)


@pytest.mark.parametrize(
    "messages",
    [
        [*USER, called("weather", thinking_blocks=[SIGNED]), result("weather")],
        [
            *USER,
            called("weather", thinking_blocks=[{"type": "redacted_thinking", "data": "x"}]),
            result("weather"),
        ],
        [*USER, called("weather"), result("weather"), {"role": "assistant", "content": "Rain."}, *USER],
        USER,
    ],
)
def test_elsewhere_thinking_stays_on(messages: list[Any]) -> None:
    assert to(messages=messages, **LOOP)["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert dropped(messages=messages, **LOOP) == ()


def test_models_that_think_by_effort_go_on_without() -> None:
    messages = [*USER, called("weather"), result("weather")]
    assert to(NEW, messages=messages, **LOOP)["thinking"] == ADAPTIVE
