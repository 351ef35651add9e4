"""Prompts that speak of a tool as people and agent frameworks do."""

from typing import Any

import pytest

from proxy.sandbox import plan
from proxy.sandbox.ask import Tool
from proxy.sandbox.plan import Mention

INTEGER = {"type": "object", "properties": {"input": {"type": "integer"}}}
CUSTOMER = {
    "type": "object",
    "properties": {"customer_name": {"type": "string"}, "description": {"type": "string"}},
}


@pytest.mark.parametrize(
    ("prompt", "name", "schema", "called"),
    [
        ("What is the value of magic_function(3)? Use the tool.", "magic_function", INTEGER, {"input": 3}),
        ("What is the value of magic_function()?", "magic_function", {"type": "object"}, None),
        ("What is the weather in San Francisco, CA?", "get_weather", {"type": "object"}, None),
        (
            "Create a customer named '你好啊集团' - a company",
            "create_customer",
            CUSTOMER,
            {"customer_name": "你好啊集团", "description": "example"},
        ),
    ],
)
def test_a_tool_that_the_prompt_speaks_of_is_called(
    prompt: str, name: str, schema: dict[str, Any], called: dict[str, Any] | None
) -> None:
    assert plan.natural(prompt, [Tool(name, schema)]) == [Mention(name, called)]


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("How is it in Oslo?", "weather"),
        ("What is the time in Oslo?", "get_weather"),
        ("What is magic?", "magic_function"),
    ],
)
def test_other_prompts_call_nothing(prompt: str, name: str) -> None:
    assert plan.natural(prompt, [Tool(name, {})]) == []


def test_quotes_of_both_kinds_are_read() -> None:
    assert plan.quoted("as a JSON with 'setup' and \"punchline\" keys") == ["setup", "punchline"]
