"""Checks K1, K3 and K4: what callers of every dialect are told of every vendor's answers.

Where one vendor's wire is the matter the checks are in ``test_k_gemini`` and ``test_k_openai``; what vendors
are asked is in ``test_k_translation_requests``, what needs sockets in ``test_k_translation_live``.
"""

import itertools
import json
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from proxy.dialects.registry import CHAT, MESSAGES, RESPONSES
from proxy.interchange.dialect import Dialect
from tests.checks.translation import Json, answered, streamed

# Anthropic's streams.


def opened(index: int, block: Json, *deltas: Json) -> list[Json]:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def anthropic_stream(*blocks: list[Json], stop: str = "tool_use") -> list[Json]:
    usage = {"input_tokens": 3, "output_tokens": 5}
    return [
        {"type": "message_start", "message": anthropic_message([], None) | {"usage": usage}},
        *itertools.chain.from_iterable(blocks),
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]


def anthropic_message(content: list[Json], stop: str | None) -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 5},
    }


def a_text(index: int) -> list[Json]:
    return opened(index, {"type": "text", "text": ""}, {"type": "text_delta", "text": "I will."})


def a_thought(index: int) -> list[Json]:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    thought = {"type": "thinking_delta", "thinking": "Hm."}
    return opened(index, block, thought, {"type": "signature_delta", "signature": "c2ln"})


def a_use(index: int, name: str, *pieces: str, given: Json | None = None) -> list[Json]:
    block = {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": given or {}}
    return opened(index, block, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def chat_calls(chunks: list[Json]) -> list[tuple[str, str]]:
    """Names and arguments as OpenAI's own accumulator puts them together."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    calls: Any = state.get_final_completion().choices[0].message.tool_calls or []
    return [(call.function.name, call.function.arguments) for call in calls]


BEFORE_CALLS: dict[str, list[list[Json]]] = {
    "nothing": [],
    "text": [a_text(0)],
    "thinking": [a_thought(0)],
    "thinking and text": [a_thought(0), a_text(1)],
}


@pytest.mark.parametrize("before", BEFORE_CALLS.values(), ids=BEFORE_CALLS)
def test_k1_tool_calls_count_from_zero_whatever_claude_says_first(before: list[list[Json]]) -> None:
    first = len(before)
    uses = [a_use(first, "f", "", '{"a":', "1}"), a_use(first + 1, "g", "", '{"b":2}')]

    chunks = streamed(CHAT, "anthropic", *anthropic_stream(*before, *uses))

    pieces = [
        piece
        for chunk in chunks
        for choice in chunk["choices"]
        for piece in choice["delta"].get("tool_calls") or []
    ]
    assert sorted({piece["index"] for piece in pieces}) == [0, 1]
    assert chat_calls(chunks) == [("f", '{"a":1}'), ("g", '{"b":2}')]


NO_ARGUMENTS = {"nothing at all": (), "an empty piece": ("",), "an empty object": ("", "{}")}


@pytest.mark.parametrize("pieces", NO_ARGUMENTS.values(), ids=NO_ARGUMENTS)
def test_k3_claudes_call_without_arguments_has_an_empty_object(pieces: tuple[str, ...]) -> None:
    stream = anthropic_stream(a_use(0, "now", *pieces))

    assert chat_calls(streamed(CHAT, "anthropic", *stream)) == [("now", "{}")]
    completed = streamed(RESPONSES, "anthropic", *stream)[-1]["response"]
    assert [item["arguments"] for item in completed["output"]] == ["{}"]


def test_k3_a_whole_call_of_claudes_without_arguments_has_an_empty_object() -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}
    message = anthropic_message([use], "tool_use")

    [call] = answered(CHAT, "anthropic", message)["choices"][0]["message"]["tool_calls"]
    [item] = answered(RESPONSES, "anthropic", message)["output"]

    assert call["function"]["arguments"] == item["arguments"] == "{}"


@pytest.mark.parametrize("dialect", [CHAT, RESPONSES], ids=lambda dialect: dialect.name)
def test_k3_the_full_input_in_a_blocks_start_survives(dialect: Dialect) -> None:
    """Some compatible servers send the arguments there and no deltas."""
    stream = anthropic_stream(a_use(0, "f", given={"a": 1}))

    told = streamed(dialect, "anthropic", *stream)

    if dialect is CHAT:
        assert [json.loads(call[1]) for call in chat_calls(told)] == [{"a": 1}]
    else:
        assert [json.loads(item["arguments"]) for item in told[-1]["response"]["output"]] == [{"a": 1}]


# Finish reasons: vendor's word -> (chat, messages, responses).
CLAUDES = {
    "end_turn": ("stop", "completed"),
    "stop_sequence": ("stop", "completed"),
    "max_tokens": ("length", "max_output_tokens"),
    "tool_use": ("tool_calls", "completed"),
    "refusal": ("content_filter", "content_filter"),
    "pause_turn": ("stop", "completed"),
    "model_context_window_exceeded": ("length", "max_output_tokens"),
    "compaction": ("stop", "completed"),
}
OPENAIS = {
    "stop": ("end_turn", "completed"),
    "length": ("max_tokens", "max_output_tokens"),
    "tool_calls": ("tool_use", "completed"),
    "function_call": ("tool_use", "completed"),
    "content_filter": ("refusal", "content_filter"),
    "eos": ("end_turn", "completed"),
}
GEMINIS = {
    "STOP": ("end_turn", "completed"),
    "MAX_TOKENS": ("max_tokens", "max_output_tokens"),
    "SAFETY": ("refusal", "content_filter"),
    "RECITATION": ("refusal", "content_filter"),
    "PROHIBITED_CONTENT": ("refusal", "content_filter"),
    "BLOCKLIST": ("refusal", "content_filter"),
    "SPII": ("refusal", "content_filter"),
    "MALFORMED_FUNCTION_CALL": ("end_turn", "completed"),
}
USE = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}


def response_end(response: Json) -> str:
    """``completed``, or why an answer is incomplete."""
    reason = (response.get("incomplete_details") or {}).get("reason")
    assert (response["status"] == "incomplete") == bool(reason)
    return str(reason or response["status"])


@pytest.mark.parametrize("word", CLAUDES)
def test_k4_claudes_stop_reasons(word: str) -> None:
    block = USE if word == "tool_use" else {"type": "text", "text": "a"}
    message = anthropic_message([block], word)
    blocks = [a_use(0, "now", "") if word == "tool_use" else a_text(0)]
    stream = anthropic_stream(*blocks, stop=word)

    [whole] = answered(CHAT, "anthropic", message)["choices"]
    finishes = [
        choice["finish_reason"] for c in streamed(CHAT, "anthropic", *stream) for choice in c["choices"]
    ]
    responses = (
        answered(RESPONSES, "anthropic", message),
        streamed(RESPONSES, "anthropic", *stream)[-1]["response"],
    )

    chat, response = CLAUDES[word]
    assert [finish for finish in finishes if finish] == [whole["finish_reason"]] == [chat]
    assert [response_end(one) for one in responses] == [response] * 2


def openai_completion(word: str) -> Json:
    message: Json = {"role": "assistant", "content": "a"}
    function = {"name": "now", "arguments": "{}"}
    if word == "tool_calls":
        message = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
    if word == "function_call":
        message = {"role": "assistant", "content": None, "function_call": function}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": word}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }


def openai_stream(word: str) -> list[Json]:
    whole = openai_completion(word)
    message = whole["choices"][0]["message"]
    if "tool_calls" in message:
        message["tool_calls"][0]["index"] = 0
    chunk = {**whole, "object": "chat.completion.chunk", "usage": None}
    said = {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
    end = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": word}]}
    return [said, end, {**chunk, "choices": [], "usage": whole["usage"]}]


@pytest.mark.parametrize("word", OPENAIS)
def test_k4_openais_finish_reasons(word: str) -> None:
    _check_finish("openai_compatible", openai_completion(word), openai_stream(word), OPENAIS[word])


@pytest.mark.parametrize("word", GEMINIS)
def test_k4_geminis_finish_reasons(word: str) -> None:
    whole = gemini_answer([{"text": "a"}], word)
    stream = [gemini_answer([{"text": "a"}], None), gemini_answer([{"text": ""}], word)]

    _check_finish("gemini", whole, stream, GEMINIS[word])


def test_k4_geminis_stop_beside_a_call_is_tool_use() -> None:
    call = {"functionCall": {"name": "now", "args": {}}}
    stream = [gemini_answer([call], None), gemini_answer([{"text": ""}], "STOP")]

    _check_finish("gemini", gemini_answer([call], "STOP"), stream, ("tool_use", "completed"))


def gemini_answer(parts: list[Json], finish: str | None) -> Json:
    candidate: Json = {"index": 0, "content": {"role": "model", "parts": parts}}
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"}


def _check_finish(kind: str, whole: Json, stream: list[Json], expected: tuple[str, str]) -> None:
    done = ("[DONE]",) if kind.startswith("openai") else ()
    message, response = expected

    events = streamed(MESSAGES, kind, *stream, *done)
    deltas = [event["delta"] for event in events if event["type"] == "message_delta"]
    ends = (
        answered(RESPONSES, kind, whole),
        streamed(RESPONSES, kind, *stream, *done)[-1]["response"],
    )

    assert answered(MESSAGES, kind, whole)["stop_reason"] == message
    assert [delta["stop_reason"] for delta in deltas] == [message]
    assert [response_end(one) for one in ends] == [response] * 2
