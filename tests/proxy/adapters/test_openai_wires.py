"""What OpenAI's models take, and which path a call goes to."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.adapters.base import Target, UnsupportedField
from proxy.adapters.openai import effort, models
from proxy.adapters.openai.chat import rules
from proxy.adapters.openai.responses.rules import RULES
from proxy.adapters.registry import adapter_for
from proxy.dialects.registry import CHAT, COUNT_TOKENS, DIALECTS, EMBEDDINGS, MESSAGES, RESPONSES
from proxy.interchange.conversation import ThinkingAsked
from proxy.interchange.dialect import Dialect
from proxy.interchange.features import Fields, Handling, Rules
from tests.proxy.adapters.drive import USER, call, target

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def aimed(model: str, *, kind: str = "openai", serves_responses: bool = True) -> Target:
    return dataclasses.replace(target(kind, model=model), serves_responses=serves_responses)


def path_of(wanted: Target, dialect: Dialect = CHAT, **body: Any) -> str:
    request = adapter_for(wanted.kind).request_for(call(dialect=dialect, **body), wanted)
    return request.url.removeprefix("https://vendor.test/v1")


@pytest.mark.parametrize(
    ("model", "thinks", "levels"),
    [
        ("gpt-4o-2024-08-06", False, ()),
        ("gpt-4.1", False, ()),
        ("gpt-5-chat-latest", False, ()),
        ("ft:gpt-4o-mini:acme::1", False, ()),
        ("my-alias", False, ()),
        ("o1", True, ("low", "medium", "high")),
        ("o4-mini-2025-04-16", True, ("low", "medium", "high")),
        ("gpt-5-nano", True, ("minimal", "low", "medium", "high")),
        ("gpt-5.1", True, ("none", "low", "medium", "high")),
        ("gpt-5.2", True, ("none", "low", "medium", "high", "xhigh")),
        ("gpt-5.6-luna", True, ("none", "low", "medium", "high", "xhigh")),
    ],
)
def test_a_models_id_tells_whether_and_how_it_thinks(
    model: str, thinks: bool, levels: tuple[str, ...]
) -> None:
    read = models.model_from(model)
    assert (read.thinks, read.levels) == (thinks, levels)


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("gpt-5.6", "minimal", "low"),
        ("gpt-5", "minimal", "minimal"),
        ("gpt-5", "none", "minimal"),
        ("o3", "none", "low"),
        ("o3", "xhigh", "high"),
        ("gpt-5.2", "max", "xhigh"),
        ("gpt-5.1", "xhigh", "high"),
        ("gpt-5.1", "none", "none"),
        ("gpt-5.1", "a new word", "medium"),
        ("gpt-4o", "high", ""),
    ],
)
def test_an_effort_becomes_the_nearest_that_the_model_knows(model: str, asked: str, sent: str) -> None:
    assert effort.asked(ThinkingAsked(effort=asked), models.model_from(model)) == sent


@pytest.mark.parametrize(
    ("budget", "level"), [(1_024, "low"), (4_096, "medium"), (16_384, "high"), (0, "low")]
)
def test_a_budget_becomes_an_effort(budget: int, level: str) -> None:
    assert effort.asked(ThinkingAsked(budget=budget, mode="budget"), models.model_from("gpt-5.2")) == level


def test_thinking_without_measure_is_as_the_model_likes() -> None:
    assert effort.asked(ThinkingAsked(mode="adaptive"), models.model_from("gpt-5.2")) == ""


# Which function tools /chat/completions refuses beside thinking.
REFUSED = [
    ("gpt-4o", {"tools": [TOOL], "reasoning_effort": "low"}, "/chat/completions"),
    ("gpt-5.2", {"tools": [TOOL], "reasoning_effort": "low"}, "/chat/completions"),
    ("gpt-5.4", {"tools": [TOOL]}, "/chat/completions"),
    ("gpt-5.4", {"reasoning_effort": "low"}, "/chat/completions"),
    ("gpt-5.4", {"tools": [TOOL], "reasoning_effort": "none"}, "/chat/completions"),
    ("gpt-5.4", {"tools": [TOOL], "reasoning_effort": "low"}, "/responses"),
    ("gpt-5.5-pro", {}, "/responses"),
    ("gpt-5-codex", {}, "/responses"),
    ("gpt-5.6-luna", {}, "/chat/completions"),
    ("gpt-5.6-luna", {"tools": [TOOL], "reasoning_effort": "none"}, "/chat/completions"),
    ("gpt-5.6-luna", {"tools": [TOOL]}, "/responses"),
    ("gpt-5.6-luna", {"tools": [TOOL], "reasoning_effort": "high"}, "/responses"),
    ("gpt-6", {"functions": [TOOL["function"]]}, "/responses"),
]


@pytest.mark.parametrize(("model", "body", "path"), REFUSED)
def test_chat_goes_to_responses_where_chat_completions_refuses_it(
    model: str, body: dict[str, Any], path: str
) -> None:
    assert path_of(aimed(model), **body) == path


def test_chat_stays_where_the_vendor_has_no_responses_or_is_another() -> None:
    body: dict[str, Any] = {"tools": [TOOL], "reasoning_effort": "high"}
    assert path_of(aimed("gpt-5.6", serves_responses=False), **body) == "/chat/completions"
    assert path_of(aimed("gpt-5.6", kind="openai_compatible"), **body) == "/chat/completions"


MESSAGES_TOOL = {"name": "f", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("model", "body", "path"),
    [
        ("gpt-4o", {"tools": [MESSAGES_TOOL]}, "/chat/completions"),
        ("gpt-5.6", {}, "/chat/completions"),
        ("gpt-5.6", {"tools": [MESSAGES_TOOL]}, "/responses"),
        ("gpt-5.6", {"tools": [MESSAGES_TOOL], "thinking": {"type": "disabled"}}, "/chat/completions"),
        ("gpt-5.4", {"tools": [MESSAGES_TOOL]}, "/chat/completions"),
        (
            "gpt-5.4",
            {"tools": [MESSAGES_TOOL], "thinking": {"type": "enabled", "budget_tokens": 2000}},
            "/responses",
        ),
    ],
)
def test_messages_go_to_responses_where_chat_completions_refuses_them(
    model: str, body: dict[str, Any], path: str
) -> None:
    assert path_of(aimed(model), MESSAGES, messages=USER, max_tokens=100, **body) == path


@pytest.mark.parametrize(("serves", "path"), [(True, "/responses"), (False, "/chat/completions")])
@pytest.mark.parametrize("kind", ["openai", "openai_compatible"])
def test_responses_go_to_responses_where_the_vendor_has_them(kind: str, serves: bool, path: str) -> None:
    assert path_of(aimed("gpt-4o", kind=kind, serves_responses=serves), RESPONSES, input="hi") == path


def test_embeddings_have_a_path_of_their_own() -> None:
    assert path_of(aimed("text-embedding-3-small"), EMBEDDINGS, input="hi") == "/embeddings"


def test_tokens_are_counted_by_openai_alone() -> None:
    assert path_of(aimed("gpt-4o"), COUNT_TOKENS, messages=USER) == "/responses/input_tokens"
    for blind in (aimed("gpt-4o", serves_responses=False), aimed("m", kind="openai_compatible")):
        with pytest.raises(UnsupportedField) as refused:
            path_of(blind, COUNT_TOKENS, messages=USER)
        assert (refused.value.field, refused.value.vendor) == ("model", "openai")


def features_of(fields: Fields) -> Iterator[str]:
    for field in fields.values():
        if field.parts is not None:
            yield from features_of(field.parts)
        elif field.feature:
            yield field.feature


@pytest.mark.parametrize(
    "table", [rules.OPENAI, rules.COMPATIBLE, RULES], ids=["openai", "compatible", "responses"]
)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_every_feature_of_every_dialect_has_a_rule(dialect: Dialect, table: Rules) -> None:
    assert set(features_of(dialect.fields)) <= set(table)


@pytest.mark.parametrize(
    "table", [rules.OPENAI, rules.COMPATIBLE, RULES], ids=["openai", "compatible", "responses"]
)
def test_what_is_dropped_or_refused_says_why(table: Rules) -> None:
    assert all(rule.note for rule in table.values() if rule.handling is not Handling.MAPPED)
