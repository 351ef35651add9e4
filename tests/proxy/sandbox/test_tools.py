"""Tool calls and structured answers, read by the vendors' own clients."""

import json
from typing import Any

import pytest
from google.genai import types

from tests.proxy.sandbox.clients import Sdks

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}},
}
ARGUMENTS = {"city": "example", "days": 1, "unit": "C"}

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@both_ways
def test_openai_calls_a_tool_and_reads_its_result(sdks: Sdks, stream: bool) -> None:
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    messages: Any = [{"role": "user", "content": "Please use tool weather."}]
    if stream:
        with sdks.openai.chat.completions.stream(model="gpt-4o", messages=messages, tools=tools) as events:
            answer: Any = events.get_final_completion()
    else:
        answer = sdks.openai.chat.completions.create(model="gpt-4o", messages=messages, tools=tools)
    [call] = answer.choices[0].message.tool_calls

    assert answer.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", ARGUMENTS)
    spoken = {"name": call.function.name, "arguments": call.function.arguments}
    messages += [
        {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": spoken}]},
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    followed = sdks.openai.chat.completions.create(model="gpt-4o", messages=messages, tools=tools)
    assert followed.choices[0].message.content == "The tool answered: sunny"


@both_ways
def test_anthropic_calls_a_tool_and_reads_its_result(sdks: Sdks, stream: bool) -> None:
    asked: Any = {
        "model": "claude-haiku-4-5",
        "max_tokens": 500,
        "tools": [{"name": "weather", "input_schema": WEATHER}],
        "tool_choice": {"type": "any"},
    }
    messages: Any = [{"role": "user", "content": "How is it in Oslo?"}]
    if stream:
        with sdks.anthropic.messages.stream(messages=messages, **asked) as events:
            answer: Any = events.get_final_message()
    else:
        answer = sdks.anthropic.messages.create(messages=messages, **asked)
    [call] = answer.content

    assert answer.stop_reason == "tool_use"
    assert (call.name, call.input) == ("weather", ARGUMENTS)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    use = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}
    messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    followed = sdks.anthropic.messages.create(messages=messages, **asked)
    assert followed.content[0].to_dict()["text"] == "The tool answered: sunny"


@both_ways
def test_gemini_calls_a_tool_and_reads_its_result(sdks: Sdks, stream: bool) -> None:
    declared = types.FunctionDeclaration(name="weather", parameters_json_schema=WEATHER)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    turns = [types.Content(role="user", parts=[types.Part(text="use tool weather")])]
    arguments: Any = {"model": "gemini-3-flash", "contents": turns, "config": config}
    if stream:
        answer, *_ = sdks.gemini.models.generate_content_stream(**arguments)
    else:
        answer = sdks.gemini.models.generate_content(**arguments)
    assert answer.candidates
    assert answer.candidates[0].content
    [part] = answer.candidates[0].content.parts or []

    assert part.function_call is not None
    assert (part.function_call.name, part.function_call.args) == ("weather", ARGUMENTS)
    assert part.thought_signature
    result = types.Part.from_function_response(name="weather", response={"output": "sunny"})
    turns += [answer.candidates[0].content, types.Content(role="user", parts=[result])]
    followed = sdks.gemini.models.generate_content(**arguments)
    assert followed.text == "The tool answered: sunny"


def test_a_schema_gives_json_of_that_schema(sdks: Sdks) -> None:
    shape: Any = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER}}
    answer = sdks.openai.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "Weather?"}], response_format=shape
    )

    assert json.loads(answer.choices[0].message.content or "") == ARGUMENTS
