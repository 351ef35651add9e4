"""Thinking that must come back in the next turn as it was given, and what each vendor says if it does not."""

import base64
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google.genai import errors, types

from proxy.sandbox.answers import THOUGHT
from tests.proxy.sandbox.clients import Sdks

ASK = {"role": "user", "content": "use tool now"}
NOW = {"name": "now", "input_schema": {"type": "object", "properties": {}}}
CLAUDE: Any = {
    "model": "claude-haiku-4-5",
    "max_tokens": 4000,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "tools": [NOW],
}
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
SECRET = {"x-sandbox-redacted-thinking": "1"}


def claude(sdks: Sdks, *, stream: bool = False, **asked: Any) -> list[Any]:
    """The content blocks of an answer."""
    if not stream:
        answer = sdks.anthropic.messages.create(**{**CLAUDE, **asked})
        return [block.to_dict() for block in answer.content]
    with sdks.anthropic.messages.stream(**{**CLAUDE, **asked}) as events:
        return [block.to_dict() for block in events.get_final_message().content]


def followed(blocks: list[Any]) -> list[Any]:
    """The conversation with the tool's result."""
    result = {"type": "tool_result", "tool_use_id": blocks[-1]["id"], "content": "noon"}
    return [ASK, {"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]


@both_ways
@pytest.mark.parametrize(("headers", "kind"), [({}, "thinking"), (SECRET, "redacted_thinking")])
def test_claude_reads_its_thinking_back(sdks: Sdks, stream: bool, headers: dict[str, str], kind: str) -> None:
    blocks = claude(sdks, messages=[ASK], stream=stream, extra_headers=headers)

    assert [block["type"] for block in blocks] == [kind, "tool_use"]
    [*_, text] = claude(sdks, messages=followed(blocks), stream=stream)
    assert text["text"] == "The tool answered: noon"


def test_a_prompt_asks_for_redacted_thinking(sdks: Sdks) -> None:
    [thought, _] = claude(sdks, messages=[{"role": "user", "content": "think in secret"}])

    assert thought["type"] == "redacted_thinking"


def test_thinking_is_streamed_in_pieces_and_then_signed(http: httpx2.Client) -> None:
    answer = http.post(
        "/v1/messages",
        headers={"x-api-key": "k", "anthropic-version": "2023-06-01"},
        json={**CLAUDE, "messages": [ASK], "stream": True},
    )

    kinds = [line for line in answer.text.splitlines() if '"index":0' in line]
    assert [kind for line in kinds for kind in ("thinking_delta", "signature_delta") if kind in line] == [
        "thinking_delta",
        "thinking_delta",
        "signature_delta",
    ]


def test_no_two_answers_have_the_same_signature(sdks: Sdks) -> None:
    [one, _], [other, _] = claude(sdks, messages=[ASK]), claude(sdks, messages=[ASK])

    assert one["thinking"] == other["thinking"] == THOUGHT
    assert one["signature"] != other["signature"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda blocks: [blocks[-1]],
         "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`"),
        (lambda blocks: [{"type": "text", "text": "x"}, *blocks], "but found `text`"),
        (lambda blocks: [{**blocks[0], "thinking": "Other."}, blocks[1]],
         "messages.1.content.0: Invalid `signature` in `thinking` block"),
        (lambda blocks: [{**blocks[0], "signature": "c2ln"}, blocks[1]],
         "messages.1.content.0: Invalid `signature` in `thinking` block"),
        (lambda blocks: [{**blocks[0], "signature": "not base64!"}, blocks[1]],
         "messages.1.content.0: Invalid `signature` in `thinking` block"),
        (lambda blocks: [{"type": "thinking", "thinking": THOUGHT}, blocks[1]],
         "messages.1.content.0.thinking.signature: Field required"),
        (lambda blocks: [{"type": "redacted_thinking", "data": blocks[0]["signature"]}, blocks[1]],
         "messages.1.content.0: Invalid `data` in `redacted_thinking` block"),
    ],
    ids=["lost", "not first", "changed", "foreign", "garbled", "unsigned", "of another kind"],
)  # fmt: skip
def test_claude_refuses_thinking_that_is_not_as_it_was(sdks: Sdks, change: Any, message: str) -> None:
    blocks = change(claude(sdks, messages=[ASK]))

    with pytest.raises(anthropic.BadRequestError) as raised:
        claude(sdks, messages=followed(blocks))
    assert raised.value.type == "invalid_request_error"
    assert message in str(raised.value)


def test_adaptive_thinking_may_be_left_out(sdks: Sdks) -> None:
    asked: Any = {"model": "claude-sonnet-4-6", "thinking": {"type": "adaptive"}}
    blocks = claude(sdks, messages=[ASK], **asked)

    assert [block["type"] for block in blocks] == ["thinking", "tool_use"]
    assert claude(sdks, messages=followed(blocks[1:]), **asked)[-1]["type"] == "text"


def test_thinking_of_an_earlier_turn_may_be_left_out(sdks: Sdks) -> None:
    messages = [*followed(claude(sdks, messages=[ASK]))[:1], {"role": "assistant", "content": "Noon."}, ASK]

    assert claude(sdks, messages=messages)[0]["type"] == "thinking"


# Gemini


def contents_after_calls(sdks: Sdks, model: str) -> tuple[list[types.Part], list[types.Content], Any]:
    """The parts of two parallel calls, and the conversation with their results."""
    declared = [
        types.FunctionDeclaration(name=name, parameters_json_schema={"type": "object"}) for name in ("f", "g")
    ]
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=declared)],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    asked = [types.Content(role="user", parts=[types.Part(text="use tool f and use tool g")])]
    answer = sdks.gemini.models.generate_content(model=model, contents=asked, config=config)
    assert answer.candidates
    assert answer.candidates[0].content
    parts = answer.candidates[0].content.parts or []
    results = [types.Part.from_function_response(name=name, response={"output": name}) for name in ("f", "g")]
    return parts, [*asked, answer.candidates[0].content, types.Content(role="user", parts=results)], config


def test_gemini_three_signs_the_first_of_parallel_calls_and_names_each(sdks: Sdks) -> None:
    [first, second], _, _ = contents_after_calls(sdks, "gemini-3-flash")

    assert (bool(first.thought_signature), second.thought_signature) == (True, None)
    assert first.function_call is not None
    assert second.function_call is not None
    assert first.function_call.id
    assert second.function_call.id
    assert first.function_call.id != second.function_call.id


def test_older_gemini_neither_signs_nor_names(sdks: Sdks) -> None:
    parts, _, _ = contents_after_calls(sdks, "gemini-2.5-flash")

    assert [(part.thought_signature, part.function_call.id) for part in parts if part.function_call] == [
        (None, None),
        (None, None),
    ]


@pytest.mark.parametrize(
    "sentinel", ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"]
)
def test_a_sentinel_stands_in_for_the_signature(sdks: Sdks, http: httpx2.Client, sentinel: str) -> None:
    parts, contents, config = contents_after_calls(sdks, "gemini-3-flash")
    parts[0].thought_signature = sentinel.encode()

    answer = sdks.gemini.models.generate_content(model="gemini-3-flash", contents=contents, config=config)
    assert answer.text == "The tool answered: f g"
    call = http.get("/control/calls").json()[-1]
    call["body"]["contents"][1]["parts"][0]["thoughtSignature"] = sentinel  # not in base64
    again = http.post(
        "/v1beta/models/gemini-3-flash:generateContent", headers={"x-goog-api-key": "k"}, json=call["body"]
    )
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("signatures", "message"),
    [
        ((None, None), "Function call is missing a thought_signature in functionCall parts."),
        ((b"", b"own"), "Function call is missing a thought_signature in functionCall parts."),
        ((b"foreign", None), "Corrupted thought signature."),
    ],
    ids=["lost", "moved", "foreign"],
)
def test_gemini_refuses_calls_without_their_signature(sdks: Sdks, signatures: Any, message: str) -> None:
    parts, contents, config = contents_after_calls(sdks, "gemini-3-flash")
    own = parts[0].thought_signature
    for part, signature in zip(parts, signatures, strict=True):
        part.thought_signature = own if signature == b"own" else signature

    with pytest.raises(errors.ClientError) as raised:
        sdks.gemini.models.generate_content(model="gemini-3-flash", contents=contents, config=config)
    assert raised.value.code == 400
    assert message in str(raised.value)


@both_ways
def test_gemini_shows_its_thoughts_when_asked(sdks: Sdks, stream: bool) -> None:
    asked: Any = {
        "model": "gemini-3-flash",
        "contents": "Name a river.",
        "config": types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True)),
    }
    answers = (
        list(sdks.gemini.models.generate_content_stream(**asked))
        if stream
        else [sdks.gemini.models.generate_content(**asked)]
    )
    parts = [part for answer in answers for part in answer.parts or []]

    assert [part.text for part in parts if part.thought] == [THOUGHT]
    # The last part of the answer is signed.
    assert [bool(part.thought_signature) for part in parts].index(True) == len(parts) - 1


# OpenAI


@both_ways
def test_reasoning_is_encrypted_when_asked(sdks: Sdks, stream: bool) -> None:
    asked: Any = {
        "model": "gpt-5.6-luna",
        "input": "Name a river.",
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"summary": "auto"},
    }
    if stream:
        with sdks.openai.responses.stream(**asked) as events:
            kinds = [event.type for event in events]
            answer: Any = events.get_final_response()
        assert kinds.count("response.reasoning_summary_text.delta") == 2
    else:
        answer = sdks.openai.responses.create(**asked)
    [reasoning, _] = answer.output

    assert base64.b64decode(reasoning.encrypted_content)
    assert reasoning.summary[0].text == THOUGHT


def test_reasoning_is_not_encrypted_otherwise(sdks: Sdks) -> None:
    answer = sdks.openai.responses.create(model="gpt-5.6-luna", input="Name a river.")
    [reasoning, _] = answer.output

    assert reasoning.type == "reasoning"
    assert reasoning.encrypted_content is None


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"encrypted_content": "Zm9yZWlnbg=="}, "invalid_encrypted_content"),
        ({}, None),
    ],
    ids=["foreign", "without what followed"],
)
def test_reasoning_that_cannot_be_read_back_is_refused(
    sdks: Sdks, item: dict[str, str], code: str | None
) -> None:
    turns: Any = [
        {"role": "user", "content": "Name a river."},
        {"id": "rs_1", "type": "reasoning", "summary": [], **item},
        {"role": "user", "content": "Another."},
    ]
    with pytest.raises(openai.BadRequestError) as raised:
        sdks.openai.responses.create(model="gpt-5.6-luna", input=turns)

    assert raised.value.code == code


def test_compatible_vendors_show_reasoning_content_and_openai_does_not(http: httpx2.Client) -> None:
    def message(model: str) -> dict[str, Any]:
        headers = {"authorization": "Bearer k", "x-sandbox-reasoning-tokens": "30"}
        answer = http.post("/v1/chat/completions", headers=headers, json={"model": model, "messages": [ASK]})
        shown: dict[str, Any] = answer.json()["choices"][0]["message"]
        return shown

    assert message("deepseek-v4-pro")["reasoning_content"] == THOUGHT
    assert "reasoning_content" not in message("o3")
