"""Tools and the choice between them, as Anthropic takes them (checks K6)."""

from typing import Any

import pytest

from tests.proxy.adapters.anthropic_calls import (
    MIDDLE,
    NEW,
    NEWEST,
    OLD,
    PARAMETERS,
    WEATHER,
    called,
    dropped,
    function,
    invalid,
    result,
    text,
    to,
    user,
)
from tests.proxy.adapters.drive import USER

NAMED = {"type": "function", "function": {"name": "weather"}}
CHOICES: dict[str, Any] = {
    "absent": None,
    "auto": "auto",
    "none": "none",
    "required": "required",
    "named": NAMED,
}
PARALLEL = {"absent": None, "true": True, "false": False}
SINGLE = {"disable_parallel_tool_use": True}

EXPECTED: dict[tuple[str, str], dict[str, Any] | None] = {
    ("absent", "absent"): None,
    ("absent", "true"): None,
    ("absent", "false"): {"type": "auto", **SINGLE},
    ("auto", "absent"): {"type": "auto"},
    ("auto", "true"): {"type": "auto"},
    ("auto", "false"): {"type": "auto", **SINGLE},
    ("none", "absent"): {"type": "none"},
    ("none", "true"): {"type": "none"},
    ("none", "false"): {"type": "none"},  # the API refuses any other word beside none
    ("required", "absent"): {"type": "any"},
    ("required", "true"): {"type": "any"},
    ("required", "false"): {"type": "any", **SINGLE},
    ("named", "absent"): {"type": "tool", "name": "weather"},
    ("named", "true"): {"type": "tool", "name": "weather"},
    ("named", "false"): {"type": "tool", "name": "weather", **SINGLE},
}


@pytest.mark.parametrize(("choice", "parallel"), EXPECTED)
def test_the_choice_with_tools(choice: str, parallel: str) -> None:
    body = to(tools=[function()], tool_choice=CHOICES[choice], parallel_tool_calls=PARALLEL[parallel])
    assert body.get("tool_choice") == EXPECTED[choice, parallel]


@pytest.mark.parametrize("parallel", PARALLEL)
@pytest.mark.parametrize("choice", ["absent", "auto", "none"])
def test_the_choice_without_tools_says_nothing(choice: str, parallel: str) -> None:
    body = to(tool_choice=CHOICES[choice], parallel_tool_calls=PARALLEL[parallel])
    assert body.keys() == {"model", "max_tokens", "messages"}


@pytest.mark.parametrize("parallel", PARALLEL)
@pytest.mark.parametrize("choice", ["required", "named"])
def test_a_demand_without_tools_is_invalid(choice: str, parallel: str) -> None:
    asked = {"tool_choice": CHOICES[choice], "parallel_tool_calls": PARALLEL[parallel]}
    assert invalid(**asked).field == "tool_choice"


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


@pytest.mark.parametrize(("mode", "kind"), [("auto", "auto"), ("required", "any")])
def test_allowed_tools_narrow_what_is_offered(mode: str, kind: str) -> None:
    body = to(tools=[function("a"), function("b"), function("c")], tool_choice=allowed(mode, "c", "a"))
    assert [tool["name"] for tool in body["tools"]] == ["a", "c"]
    assert body["tool_choice"] == {"type": kind}


@pytest.mark.parametrize(
    "choice", [allowed("auto", "weather", "mail"), {**NAMED, "function": {"name": "mail"}}]
)
def test_a_choice_of_what_is_not_offered_is_invalid(choice: dict[str, Any]) -> None:
    refusal = invalid(tools=[function()], tool_choice=choice)
    assert (refusal.field, refusal.reason) == ("tool_choice", "there is no tool 'mail'")


def test_a_tool() -> None:
    body = to(tools=[function(description="Tells the weather.")])
    assert body["tools"] == [
        {"name": "weather", "description": "Tells the weather.", "input_schema": PARAMETERS}
    ]


@pytest.mark.parametrize("parameters", [None, {}, {"type": "object"}])
def test_a_tool_without_parameters_takes_an_object(parameters: Any) -> None:
    tool = {"type": "function", "function": {"name": "now", "parameters": parameters}}
    assert to(tools=[tool])["tools"] == [{"name": "now", "input_schema": {"type": "object"}}]


def test_a_schema_that_does_not_say_it_is_an_objects_says_so() -> None:
    properties = {"a": {"type": "string", "minLength": 2}}
    tool = function(parameters={"properties": properties})
    assert to(tools=[tool])["tools"][0]["input_schema"] == {"properties": properties, "type": "object"}


def test_a_strict_tool_is_held_to_a_closed_schema() -> None:
    tool = to(tools=[function(strict=True)])["tools"][0]
    assert tool["strict"] is True
    assert tool["input_schema"] == {**PARAMETERS, "additionalProperties": False}


@pytest.mark.parametrize(
    ("model", "more", "sent"),
    [
        (OLD, {"strict": True}, None),
        (MIDDLE, {"strict": True, "parameters": {"type": "object", "additionalProperties": True}}, False),
    ],
)
def test_strictness_that_the_model_does_not_have_is_named(
    model: str, more: dict[str, Any], sent: bool | None
) -> None:
    """checks K14"""
    tools = [function(**more)]
    assert to(model, tools=tools)["tools"][0].get("strict") is sent
    assert dropped(model, tools=tools) == ("strict",)


@pytest.mark.parametrize("strict", [None, False])
def test_a_tool_that_asks_for_no_strictness_loses_nothing(strict: bool | None) -> None:
    assert dropped(OLD, tools=[function(strict=strict)]) == ()
    assert to(MIDDLE, tools=[function(strict=strict)])["tools"][0].get("strict") is strict


@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
@pytest.mark.parametrize("model", [MIDDLE, "claude-sonnet-4-6", NEW])
def test_a_demand_switches_thinking_off(model: str, choice: Any) -> None:
    """See Note [Forced tools]."""
    asked = {"tools": [function()], "tool_choice": choice, "reasoning_effort": "low", "max_tokens": 9000}
    assert "thinking" not in to(model, **asked)
    assert dropped(model, **asked) == ("thinking",)


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_a_choice_that_demands_nothing_leaves_thinking_on(choice: Any) -> None:
    asked = {"tools": [function()], "tool_choice": choice, "reasoning_effort": "low", "max_tokens": 9000}
    assert to(**asked)["thinking"]["type"] == "enabled"


UNFORCED = [NEWEST, "claude-sonnet-5-5", "claude-fable-5-1"]


@pytest.mark.parametrize("model", UNFORCED)
def test_where_nothing_can_be_demanded_any_tool_is_asked_for_in_words(model: str) -> None:
    asked = {"tools": [function("a"), function("b")], "tool_choice": "required"}
    body = to(model, **asked)
    assert body["tool_choice"] == {"type": "auto"}
    assert [tool["name"] for tool in body["tools"]] == ["a", "b"]
    words = "<system>\nYou must now call one of the tools; do not answer in text.\n</system>"
    assert body["messages"] == [user(*text("hi")), user(*text(words))]
    assert dropped(model, **asked) == ("tool_choice",)


@pytest.mark.parametrize("model", UNFORCED)
def test_where_nothing_can_be_demanded_a_named_tool_is_the_only_one(model: str) -> None:
    asked = {"tools": [function("mail"), function()], "tool_choice": NAMED, "parallel_tool_calls": False}
    body = to(model, **asked)
    assert body["tool_choice"] == {"type": "auto", **SINGLE}
    assert [tool["name"] for tool in body["tools"]] == ["weather"]
    words = "<system>\nYou must now call the tool weather; do not answer in text.\n</system>"
    assert body["messages"][-1] == user(*text(words))


def test_a_demand_after_results_is_said_after_them() -> None:
    messages = [*USER, called("weather"), result("weather")]
    body = to(NEWEST, messages=messages, tools=[function()], tool_choice="required")
    kinds = [block["type"] for message in body["messages"][2:] for block in message["content"]]
    assert kinds == ["tool_result", "text"]


def test_the_older_functions_are_tools() -> None:
    body = to(functions=[WEATHER], function_call={"name": "weather"})
    assert body["tools"] == [{"name": "weather", "input_schema": PARAMETERS}]
    assert body["tool_choice"] == {"type": "tool", "name": "weather"}


SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
PLACE = {"city": "Paris", "country": "FR"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, SEARCH),
        ({"search_context_size": "low"}, SEARCH),
        (
            {"user_location": {"type": "approximate", "approximate": PLACE}},
            {**SEARCH, "user_location": {"type": "approximate", **PLACE}},
        ),
    ],
)
def test_a_web_search_is_anthropics_own(options: dict[str, Any], expected: dict[str, Any]) -> None:
    body = to(web_search_options=options)
    assert body["tools"] == [expected]
    assert "tool_choice" not in body


def test_a_web_search_stands_beside_other_tools() -> None:
    body = to(web_search_options={}, tools=[function()], tool_choice="auto")
    assert [tool["name"] for tool in body["tools"]] == ["weather", "web_search"]


def test_odd_search_options_are_invalid() -> None:
    assert invalid(web_search_options=5).field == "web_search_options"
