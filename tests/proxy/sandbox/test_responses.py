"""OpenAI's Responses API, read by its own client."""

import json
from typing import Any

import httpx2
import openai
import pytest

from proxy.sandbox.profiles import STORY
from tests.proxy.sandbox.clients import Sdks

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
PATCH: Any = {
    "type": "custom",
    "name": "apply_patch",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
}
TOOLS: Any = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def ask(sdks: Sdks, stream: bool, **asked: Any) -> Any:
    if not stream:
        return sdks.openai.responses.create(**asked)
    with sdks.openai.responses.stream(**asked) as events:
        for _ in events:
            pass
        return events.get_final_response()


@both_ways
@pytest.mark.parametrize(("model", "reasoning"), [("gpt-4o", 0), ("gpt-5.6-luna", 128)])
def test_the_story(sdks: Sdks, model: str, reasoning: int, stream: bool) -> None:
    answer = ask(sdks, stream, model=model, input=STORY.prompt)

    assert (answer.output_text, answer.status) == ("Paris.", "completed")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (13, 4 + reasoning)
    assert answer.usage.output_tokens_details.reasoning_tokens == reasoning
    assert answer.usage.total_tokens == 17 + reasoning


@both_ways
def test_a_tool_is_called_and_its_result_is_read(sdks: Sdks, stream: bool) -> None:
    turns: Any = [{"role": "user", "content": "use tool weather"}]
    answer = ask(sdks, stream, model="gpt-5.6-luna", input=turns, tools=TOOLS)
    [reasoning, call] = answer.output

    assert reasoning.type == "reasoning"
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "example"})
    turns += [
        {"type": "function_call", "call_id": call.call_id, "name": "weather", "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
    ]
    assert ask(sdks, stream, model="gpt-5.6-luna", input=turns).output_text == "The tool answered: sunny"


@both_ways
def test_a_custom_tool_is_called_with_text_and_its_result_is_read(sdks: Sdks, stream: bool) -> None:
    turns: Any = [{"role": "user", "content": 'use tool apply_patch with {"input": "a\\nb"}'}]
    [call] = ask(sdks, stream, model="gpt-4o", input=turns, tools=[PATCH]).output

    assert (call.type, call.name, call.input) == ("custom_tool_call", "apply_patch", "a\nb")
    turns += [
        call.model_dump(exclude_none=True),
        {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "Done!"},
    ]
    answer = ask(sdks, stream, model="gpt-4o", input=turns, tools=[PATCH])
    assert answer.output_text == "The tool answered: Done!"


def test_the_input_of_a_custom_tool_comes_in_pieces(sdks: Sdks) -> None:
    choice: Any = {"type": "custom", "name": "apply_patch"}
    with sdks.openai.responses.create(
        model="gpt-4o", input="Hello.", tools=[PATCH], tool_choice=choice, stream=True
    ) as events:
        told = list(events)

    deltas = [one.delta for one in told if one.type == "response.custom_tool_call_input.delta"]
    assert "".join(deltas) == "example"
    [done] = [one for one in told if one.type == "response.custom_tool_call_input.done"]
    assert done.input == "example"


def test_a_tool_of_a_namespace_is_called_with_it(sdks: Sdks) -> None:
    group: Any = {"type": "namespace", "name": "agents", "description": "Other agents.", "tools": TOOLS}
    [call] = sdks.openai.responses.create(model="gpt-4o", input="use tool weather", tools=[group]).output

    assert call.type == "function_call"
    assert (call.namespace, call.name) == ("agents", "weather")


def test_what_codex_says_of_itself_is_accepted(sdks: Sdks) -> None:
    more = {"client_metadata": {"x-codex-installation-id": "i"}}

    assert sdks.openai.responses.create(model="gpt-4o", input=STORY.prompt, extra_body=more).output_text


def test_the_ceiling_makes_it_incomplete(sdks: Sdks) -> None:
    answer = sdks.openai.responses.create(model="o3", input="Name a river.", max_output_tokens=16)

    assert (answer.status, answer.output_text) == ("incomplete", "")
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_an_error_in_the_stream(sdks: Sdks, http: httpx2.Client) -> None:
    headers = {"x-sandbox-error-in-stream-after": "1"}
    seen = []
    with sdks.openai.responses.create(
        model="gpt-4o", input="Name a river.", stream=True, extra_headers=headers
    ) as events:
        seen = [event.type for event in events]

    assert seen[-2:] == ["response.output_text.delta", "error"]
    assert http.get("/control/calls").json()[-1]["outcome"] == "failed"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "does-not-exist"}, "model"),
        ({"messages": []}, "messages"),
        ({"input": []}, "input"),
        ({"input": [{"role": "bot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}, "input"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "input"),
        ({"input": [{"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"}]}, "input"),
        ({"input": [{"type": "custom_tool_call_output", "call_id": "c", "output": "x"}]}, "input"),
        ({"tools": [{"type": "custom"}]}, "tools[0].name"),
        ({"model": "o3", "temperature": 0.5}, "temperature"),
        ({"reasoning": {"effort": "low"}}, "reasoning.effort"),
        ({"max_output_tokens": 1}, "max_output_tokens"),
    ],
)
def test_it_refuses_with_400(sdks: Sdks, body: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        sdks.openai.responses.create(model="gpt-4o", input="Hello.", extra_body=body)

    assert raised.value.param == param
