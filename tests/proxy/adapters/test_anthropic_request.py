"""What goes to Anthropic for a chat completion."""

from typing import Any

import pytest

from proxy.adapters.base import UnsupportedField
from proxy.adapters.registry import adapter_for
from tests.proxy.adapters.drive import USER, call, sent, target

OLD, MIDDLE, NEW = "claude-sonnet-4-0", "claude-sonnet-4-5-20250929", "claude-opus-4-8"


def to(model: str = MIDDLE, **body: Any) -> dict[str, Any]:
    return sent("anthropic", model=model, **body)


def refused(model: str = MIDDLE, **body: Any) -> UnsupportedField:
    with pytest.raises(UnsupportedField) as refusal:
        to(model, **body)
    assert refusal.value.vendor == "anthropic"
    return refusal.value


def text(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": one} for one in texts]


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


def test_leading_system_and_developer_messages_become_the_system_prompt() -> None:
    messages = [{"role": "system", "content": "a"}, {"role": "developer", "content": text("b", "c")}, *USER]
    body = to(messages=messages)
    assert body["system"] == text("a", "b", "c")
    assert body["messages"] == [{"role": "user", "content": text("hi")}]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_later_system_messages_stay_in_place_as_tagged_user_text(role: str) -> None:
    said = {"role": "assistant", "content": "yes"}
    messages = [{"role": "system", "content": "a"}, *USER, said, {"role": role, "content": "be brief"}, *USER]
    body = to(messages=messages)
    assert body["system"] == text("a")
    assert body["messages"] == [
        {"role": "user", "content": text("hi")},
        {"role": "assistant", "content": text("yes")},
        {"role": "user", "content": text("<system>\nbe brief\n</system>")},
        {"role": "user", "content": text("hi")},
    ]


def test_a_longer_conversation_extends_the_shorter_one() -> None:
    """A stable prefix is what the vendor's cache is keyed by (checks K11)."""
    shorter = [{"role": "system", "content": "a"}, *USER]
    longer = [*shorter, {"role": "assistant", "content": "b"}, {"role": "system", "content": "c"}, *USER]
    before, after = to(messages=shorter), to(messages=longer)
    assert after["system"] == before["system"]
    assert after["messages"][: len(before["messages"])] == before["messages"]


def test_cache_markers_on_text_arrive_unchanged() -> None:
    marked = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    body = to(messages=[{"role": "system", "content": [marked]}, {"role": "user", "content": [marked]}])
    assert body["system"] == [marked]
    assert body["messages"][0]["content"] == [marked]


@pytest.mark.parametrize("empty", ["", "  \n", [], None, text(""), text(" ", "")])
def test_messages_without_text_are_left_out(empty: Any) -> None:
    """Anthropic refuses empty and blank text blocks (checks K12)."""
    nothing = [{"role": role, "content": empty} for role in ("system", "user", "assistant")]
    body = to(messages=[*nothing, *USER, *nothing])
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": text("hi")}]


def test_empty_parts_beside_text_are_left_out() -> None:
    assert to(messages=[{"role": "user", "content": text("", "hi", " ")}])["messages"][0]["content"] == text(
        "hi"
    )


@pytest.mark.parametrize(
    "messages", [[], [{"role": "user", "content": ""}], [{"role": "system", "content": "a"}]]
)
def test_a_conversation_without_user_text_is_refused(messages: list[Any]) -> None:
    assert refused(messages=messages).field == "messages"


def test_the_user_must_speak_first() -> None:
    assert refused(messages=[{"role": "assistant", "content": "a"}, *USER]).field == "messages"


def test_an_earlier_refusal_is_what_the_assistant_said() -> None:
    said = {"role": "assistant", "content": None, "refusal": "I will not."}
    assert to(messages=[*USER, said, *USER])["messages"][1]["content"] == text("I will not.")


def test_a_prefill_goes_to_models_that_continue_it_without_trailing_space() -> None:
    messages = [*USER, {"role": "assistant", "content": "The answer is "}]
    assert to(MIDDLE, messages=messages)["messages"][-1]["content"] == text("The answer is")


@pytest.mark.parametrize("model", ["claude-sonnet-4-6", NEW, "claude-haiku-5-5"])
def test_a_prefill_is_refused_for_models_that_reject_it(model: str) -> None:
    assert refused(model, messages=[*USER, {"role": "assistant", "content": "a"}]).field == "messages"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"role": "tool", "content": "x", "tool_call_id": "1"}, "messages[1].role"),
        ({"role": "narrator", "content": "x"}, "messages[1].role"),
        ({"role": "assistant", "content": "x", "tool_calls": [{"id": "1"}]}, "messages[1].tool_calls"),
        ({"role": "assistant", "content": "x", "audio": {"id": "a"}}, "messages[1].audio"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
            "messages[1].content[0].type",
        ),
        ({"role": "user", "content": [*text("a"), {"type": "file"}]}, "messages[1].content[1].type"),
        ({"role": "user", "content": ["a"]}, "messages[1].content[0].type"),
        ({"role": "user", "content": [{"type": "text", "text": 5}]}, "messages[1].content[0].text"),
        ({"role": "user", "content": 5}, "messages[1].content"),
        ("hi", "messages[1]"),
    ],
)
def test_what_is_not_text_is_refused_by_its_place(message: Any, field: str) -> None:
    assert refused(messages=[*USER, message]).field == field


def test_harmless_fields_of_a_message_are_dropped() -> None:
    message = {"role": "user", "content": "hi", "name": "ann", "tool_calls": [], "audio": None}
    assert to(messages=[message])["messages"] == [{"role": "user", "content": text("hi")}]


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        (OLD, {"temperature": 0.2, "top_p": 0.5}, {"temperature": 0.2, "top_p": 0.5}),
        (OLD, {"temperature": 1}, {"temperature": 1}),
        (MIDDLE, {"temperature": 0.2, "top_p": 1}, {"temperature": 0.2}),
        (MIDDLE, {"top_p": 0.5}, {"top_p": 0.5}),
        ("claude-opus-4-6", {"temperature": 0}, {"temperature": 0}),
        (NEW, {"temperature": 1, "top_p": 1.0}, {}),
        ("claude-fable-5", {"temperature": 1.0}, {}),
        (NEW, {"temperature": None, "top_p": None}, {}),
    ],
)
def test_sampling_where_the_model_takes_it(
    model: str, asked: dict[str, Any], expected: dict[str, Any]
) -> None:
    body = to(model, **asked)
    assert {name: body[name] for name in ("temperature", "top_p") if name in body} == expected


@pytest.mark.parametrize(
    ("model", "asked", "field"),
    [
        (OLD, {"temperature": 1.5}, "temperature"),
        (OLD, {"temperature": -1}, "temperature"),
        (OLD, {"temperature": "hot"}, "temperature"),
        (OLD, {"top_p": True}, "top_p"),
        (MIDDLE, {"temperature": 0.2, "top_p": 0.5}, "top_p"),
        (NEW, {"temperature": 0.2}, "temperature"),
        (NEW, {"top_p": 0.9}, "top_p"),
        ("claude-next", {"temperature": 0}, "temperature"),
        (MIDDLE, {"temperature": 0.2, "reasoning_effort": "low"}, "temperature"),
    ],
)
def test_sampling_that_the_model_would_refuse_or_ignore_is_refused(
    model: str, asked: dict[str, Any], field: str
) -> None:
    assert refused(model, **asked).field == field


ADAPTIVE = {"type": "adaptive"}


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
        (MIDDLE, "low", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (MIDDLE, "medium", {"thinking": {"type": "enabled", "budget_tokens": 4096}}),
        ("claude-3-7-sonnet-20250219", "high", {"thinking": {"type": "enabled", "budget_tokens": 16384}}),
        (MIDDLE, None, {}),
    ],
)
def test_effort_by_model(model: str, effort: str | None, expected: dict[str, Any]) -> None:
    body = to(model, reasoning_effort=effort, max_output_tokens=64_000)
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == expected


@pytest.mark.parametrize(("ceiling", "budget"), [(8000, 6000), (1200, 1024), (1025, 1024)])
def test_the_thinking_budget_yields_to_the_ceiling(ceiling: int, budget: int) -> None:
    body = to(reasoning_effort="high", max_output_tokens=ceiling)
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (ceiling, budget)


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("claude-opus-5-5", {"reasoning_effort": "none"}),
        ("claude-fable-5-1", {"reasoning_effort": "none"}),
        ("claude-sonnet-4-6", {"reasoning_effort": "xhigh"}),
        ("claude-3-5-haiku-latest", {"reasoning_effort": "low"}),
        (MIDDLE, {"reasoning_effort": "low", "max_tokens": 1024}),
        (NEW, {"reasoning_effort": "enormous"}),
        (NEW, {"reasoning_effort": 3}),
    ],
)
def test_effort_that_the_model_does_not_know_is_refused(model: str, asked: dict[str, Any]) -> None:
    assert refused(model, **asked).field == "reasoning_effort"


def test_a_prefill_is_refused_while_thinking() -> None:
    messages = [*USER, {"role": "assistant", "content": "a"}]
    assert refused(messages=messages, reasoning_effort="low", max_tokens=9000).field == "messages"


@pytest.mark.parametrize(
    ("stop", "expected"), [("END", ["END"]), (["a", " ", "\n", "b"], ["a", "b"]), ([], None), (None, None)]
)
def test_stop_sequences_without_blank_ones(stop: Any, expected: list[str] | None) -> None:
    assert to(stop=stop).get("stop_sequences") == expected


@pytest.mark.parametrize("stop", [5, [5], {"a": 1}])
def test_an_odd_stop_is_refused(stop: Any) -> None:
    assert refused(stop=stop).field == "stop"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"user": "u1"}, {"metadata": {"user_id": "u1"}}),
        ({"user": "u1", "safety_identifier": "s1"}, {"metadata": {"user_id": "s1"}}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"metadata": {"a": "b"}}, {}),
    ],
)
def test_labels(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    body = to(**asked)
    assert {name: body[name] for name in ("metadata", "service_tier") if name in body} == expected
