"""Answers of a schema, and answers that are refused, on every wire."""

import json
from typing import Any

import httpx2
import openai
import pytest
from google.genai import types

from proxy.sandbox.answers import FILTERED, REFUSAL
from tests.proxy.sandbox import raw
from tests.proxy.sandbox.clients import Sdks

ANSWER = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/City"}, "days": {"type": "integer", "minimum": 3}},
    "required": ["city", "days"],
    "additionalProperties": False,
    "$defs": {
        "City": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}
MADE = {"city": {"name": "example"}, "days": 3}
USER: Any = [{"role": "user", "content": "Where?"}]
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def chat(sdks: Sdks, stream: bool, **asked: Any) -> Any:
    asked = {"model": "gpt-4o", "messages": USER, **asked}
    if not stream:
        return sdks.openai.chat.completions.create(**asked)
    with sdks.openai.chat.completions.stream(**asked) as events:
        return events.get_final_completion()


def responses(sdks: Sdks, stream: bool, **asked: Any) -> Any:
    asked = {"model": "gpt-4o", "input": "Where?", **asked}
    if not stream:
        return sdks.openai.responses.create(**asked)
    with sdks.openai.responses.stream(**asked) as events:
        return events.get_final_response()


def claude(sdks: Sdks, stream: bool, **asked: Any) -> Any:
    asked = {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": USER, **asked}
    if not stream:
        return sdks.anthropic.messages.create(**asked)
    with sdks.anthropic.messages.stream(**asked) as events:
        return events.get_final_message()


def gemini(sdks: Sdks, stream: bool, **config: Any) -> list[types.GenerateContentResponse]:
    asked: Any = {
        "model": "gemini-2.5-flash",
        "contents": config.pop("contents", "Where?"),
        "config": types.GenerateContentConfig(**config),
    }
    if not stream:
        return [sdks.gemini.models.generate_content(**asked)]
    return list(sdks.gemini.models.generate_content_stream(**asked))


@both_ways
def test_openai_answers_in_the_schema(sdks: Sdks, stream: bool) -> None:
    shape: Any = {"name": "place", "schema": ANSWER, "strict": True}
    answer = chat(sdks, stream, response_format={"type": "json_schema", "json_schema": shape})
    by_response = responses(sdks, stream, text={"format": {"type": "json_schema", **shape}})

    assert json.loads(answer.choices[0].message.content) == MADE
    assert json.loads(by_response.output_text) == MADE


@both_ways
def test_anthropic_answers_in_the_schema(sdks: Sdks, stream: bool) -> None:
    answer = claude(sdks, stream, output_config={"format": {"type": "json_schema", "schema": ANSWER}})

    assert json.loads(answer.content[0].text) == MADE


@both_ways
def test_gemini_answers_in_the_schema(sdks: Sdks, stream: bool) -> None:
    answers = gemini(sdks, stream, response_mime_type="application/json", response_json_schema=ANSWER)

    assert json.loads("".join(answer.text or "" for answer in answers)) == MADE


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"type": "json_schema", "json_schema": {"schema": ANSWER}}, "response_format.json_schema.name"),
        ({"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": {"type": "object"}}},
         "response_format"),
        ({"type": "json_schema",
          "json_schema": {"name": "n", "strict": True, "schema": {**ANSWER, "required": []}}},
         "response_format"),
        ({"type": "json_object"}, "messages"),
    ],
    ids=["nameless", "open object", "optional property", "json not mentioned"],
)  # fmt: skip
def test_openai_refuses_a_format(sdks: Sdks, body: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        chat(sdks, False, response_format=body)

    assert raised.value.param == param


def test_a_json_object_when_json_is_mentioned(sdks: Sdks) -> None:
    answer = chat(
        sdks,
        False,
        messages=[{"role": "user", "content": "Answer in JSON."}],
        response_format={"type": "json_object"},
    )

    assert json.loads(answer.choices[0].message.content) == {"answer": "example"}


def test_openai_refuses_a_strict_function_with_an_open_schema(sdks: Sdks) -> None:
    function: Any = {"name": "f", "strict": True, "parameters": {"type": "object", "properties": {}}}
    with pytest.raises(openai.BadRequestError) as raised:
        sdks.openai.chat.completions.create(
            model="gpt-4o", messages=USER, tools=[{"type": "function", "function": function}]
        )

    assert raised.value.code == "invalid_function_parameters"


def test_anthropic_refuses_an_open_schema(http: httpx2.Client) -> None:
    path, headers, body = raw.request("anthropic", stream=False)
    shape = {"type": "json_schema", "schema": {"type": "object", "properties": {}}}
    answer = http.post(path, headers=headers, json=body | {"output_config": {"format": shape}})

    assert answer.status_code == 400
    assert "'additionalProperties' must be explicitly set to false" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"generationConfig": {"responseJsonSchema": ANSWER}}, "response_mime_type"),
        (
            {
                "generationConfig": {"responseMimeType": "application/json"},
                "tools": [{"functionDeclarations": [{"name": "f"}]}],
            },
            "Function calling with a response mime type",
        ),
    ],
)
def test_gemini_refuses_a_format(http: httpx2.Client, body: dict[str, Any], message: str) -> None:
    path, headers, given = raw.request("gemini", stream=False)
    answer = http.post(path, headers=headers, json=given | body)

    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


# Refusals


@both_ways
def test_openai_refuses_to_answer(sdks: Sdks, stream: bool) -> None:
    asked: Any = [{"role": "user", "content": "Please refuse this."}]
    choice = chat(sdks, stream, messages=asked).choices[0]
    answer = responses(sdks, stream, input=asked)

    assert (choice.message.refusal, choice.message.content or None) == (REFUSAL, None)
    assert choice.finish_reason == "stop"
    assert answer.status == "completed"
    [part] = answer.output[0].content
    assert (part.type, part.refusal) == ("refusal", REFUSAL)


@both_ways
def test_anthropic_refuses_to_answer(sdks: Sdks, stream: bool) -> None:
    answer = claude(sdks, stream, messages=[{"role": "user", "content": "Please refuse this."}])

    assert (answer.stop_reason, answer.content[0].text) == ("refusal", REFUSAL)
    assert answer.stop_details.category == "general_harms"


@both_ways
@pytest.mark.parametrize(("prompt", "text"), [("refuse this", ""), ("filter this", FILTERED)])
def test_gemini_ends_for_safety(sdks: Sdks, stream: bool, prompt: str, text: str) -> None:
    answers = gemini(sdks, stream, contents=prompt)

    assert "".join(answer.text or "" for answer in answers) == text
    assert answers[-1].candidates
    assert answers[-1].candidates[0].finish_reason == types.FinishReason.SAFETY


@both_ways
def test_gemini_blocks_the_prompt(sdks: Sdks, stream: bool) -> None:
    [answer] = gemini(sdks, stream, contents="block this")

    assert answer.candidates is None
    assert answer.prompt_feedback is not None
    assert answer.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.candidates_token_count is None


@both_ways
def test_openai_filters_an_answer(sdks: Sdks, stream: bool) -> None:
    asked: Any = {"model": "gpt-4o", "input": "Where?", "extra_headers": {"x-sandbox-refusal": "filter"}}
    if stream:  # the SDK's helper knows no end but a complete one
        [*_, last] = sdks.openai.responses.create(stream=True, **asked)
        answer = last.response
    else:
        answer = sdks.openai.responses.create(**asked)

    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "content_filter")
    assert answer.output_text == FILTERED


def test_a_chat_completion_is_filtered(sdks: Sdks) -> None:
    choice = chat(sdks, False, extra_headers={"x-sandbox-refusal": "filter"}).choices[0]

    assert (choice.finish_reason, choice.message.content) == ("content_filter", FILTERED)


def test_openai_refuses_a_prompt(sdks: Sdks) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        chat(sdks, False, extra_headers={"x-sandbox-refusal": "prompt"})

    assert raised.value.code == "invalid_prompt"


def test_anthropic_says_nothing_to_a_blocked_prompt(sdks: Sdks) -> None:
    answer = claude(sdks, False, extra_headers={"x-sandbox-refusal": "prompt"})

    assert (answer.stop_reason, answer.content, answer.usage.output_tokens) == ("refusal", [], 0)
