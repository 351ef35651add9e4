"""One contract for every adapter: a streamed answer and the plain one say the same (checks A11)."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from metering.usage import Usage
from proxy.adapters.registry import ADAPTERS
from tests.proxy.adapters.drive import answered, read, sse


@dataclass(frozen=True)
class Said:
    """What the vendor means, before it is put on its wire."""

    text: str = ""
    thoughts: str = ""
    tool: dict[str, Any] | None = None
    finish: str = "stop"
    usage: Usage | None = None


SITUATIONS = {
    "a greeting": Said(text="Hello you", usage=Usage(input=13, output=4)),
    "thinking first": Said(text="4", thoughts="2 and 2", usage=Usage(input=13, output=1, reasoning=40)),
    "cut at the ceiling": Said(text="Once upon", finish="length", usage=Usage(input=5, output=2)),
    "a cached prompt": Said(text="ok", usage=Usage(input=100, cache_read=900, output=1)),
    "a tool call": Said(tool={"city": "Paris"}, finish="tool_calls", usage=Usage(input=50, output=9)),
    "filtered": Said(finish="content_filter", usage=Usage(input=50, output=0)),
    "no usage": Said(text="free?"),
}


def halves(text: str) -> list[str]:
    return [half for half in (text[: len(text) // 2], text[len(text) // 2 :]) if half]


def openai_usage(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.input + usage.cache_read,
        "completion_tokens": usage.output + usage.reasoning,
        "total_tokens": usage.input + usage.cache_read + usage.output + usage.reasoning,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def openai_wire(said: Said) -> tuple[dict[str, Any], bytes]:
    calls = [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": json.dumps(said.tool)}}]
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": half} for half in halves(said.thoughts)]
    deltas += [{"content": half} for half in halves(said.text)]
    if said.thoughts:
        message["reasoning_content"] = said.thoughts
    if said.tool:
        message["tool_calls"] = calls
        deltas.append({"tool_calls": [{"index": 0, **calls[0]}]})
    head = {"id": "c1", "created": 1, "model": "m1"}
    plain = {
        **head,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": said.finish}],
        "usage": openai_usage(said.usage),
    }
    head["object"] = "chat.completion.chunk"
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": said.finish})
    chunks: list[Any] = [{**head, "choices": [choice], "usage": None} for choice in choices]
    chunks.append({**head, "choices": [], "usage": openai_usage(said.usage)})
    return plain, sse(*chunks, "[DONE]")


def anthropic_wire(said: Said) -> tuple[dict[str, Any], bytes]:
    reasons = {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
    }
    usage: dict[str, Any] = {}
    if said.usage:
        usage = {
            "input_tokens": said.usage.input,
            "cache_read_input_tokens": said.usage.cache_read,
            "output_tokens": said.usage.output + said.usage.reasoning,
            "output_tokens_details": {"thinking_tokens": said.usage.reasoning},
        }
    blocks: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []

    def say(block: dict[str, Any], start: dict[str, Any], *deltas: dict[str, Any]) -> None:
        index = len(blocks)
        blocks.append(block)
        events.append({"type": "content_block_start", "index": index, "content_block": {**block, **start}})
        events.extend({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        events.append({"type": "content_block_stop", "index": index})

    if said.thoughts:
        pieces = [{"type": "thinking_delta", "thinking": half} for half in halves(said.thoughts)]
        say({"type": "thinking", "thinking": said.thoughts}, {"thinking": ""}, *pieces)
    if said.text:
        pieces = [{"type": "text_delta", "text": half} for half in halves(said.text)]
        say({"type": "text", "text": said.text}, {"text": ""}, *pieces)
    if said.tool:
        pieces = [
            {"type": "input_json_delta", "partial_json": half} for half in halves(json.dumps(said.tool))
        ]
        say({"type": "tool_use", "id": "t1", "name": "f", "input": said.tool}, {"input": {}}, *pieces)
    head = {"id": "c1", "type": "message", "role": "assistant", "model": "m1"}
    plain = {**head, "content": blocks, "stop_reason": reasons[said.finish], "usage": usage}
    started = {**usage, "output_tokens": 1} if usage else {}
    stream = sse(
        {"type": "message_start", "message": {**head, "content": [], "usage": started}},
        *events,
        {"type": "message_delta", "delta": {"stop_reason": reasons[said.finish]}, "usage": usage},
        {"type": "message_stop"},
    )
    return plain, stream


def gemini_wire(said: Said) -> tuple[dict[str, Any], bytes]:
    reasons = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
    usage: dict[str, Any] = {"trafficType": "ON_DEMAND"}
    if said.usage:
        usage |= {
            "promptTokenCount": said.usage.input + said.usage.cache_read,
            "cachedContentTokenCount": said.usage.cache_read,
            "candidatesTokenCount": said.usage.output,
            "thoughtsTokenCount": said.usage.reasoning,
            "totalTokenCount": said.usage.total_tokens,
        }
    parts: list[dict[str, Any]] = [{"text": half, "thought": True} for half in halves(said.thoughts)]
    parts += [{"text": half} for half in halves(said.text)]
    if said.tool:
        parts.append({"functionCall": {"id": "t1", "name": "f", "args": said.tool}})
    head = {"modelVersion": "m1", "responseId": "c1"}
    ended = {"finishReason": reasons[said.finish]}
    plain = {**head, "candidates": [{"content": {"parts": parts}, **ended}], "usageMetadata": usage}
    chunks = [
        {**head, "candidates": [{"content": {"parts": [part]}}], "usageMetadata": usage} for part in parts
    ]
    chunks.append(
        {**head, "candidates": [{"content": {"parts": [{"text": ""}]}, **ended}], "usageMetadata": usage}
    )
    return plain, sse(*chunks)


WIRES = {
    "openai": openai_wire,
    "openai_compatible": openai_wire,
    "anthropic": anthropic_wire,
    "gemini": gemini_wire,
}


def test_every_adapter_has_signed_the_contract() -> None:
    assert set(WIRES) == set(ADAPTERS)


@pytest.mark.parametrize("said", SITUATIONS.values(), ids=SITUATIONS)
@pytest.mark.parametrize("kind", WIRES)
@pytest.mark.parametrize("step", [0, 1, 7])
def test_streamed_and_plain_answers_say_the_same(kind: str, said: Said, step: int) -> None:
    plain, stream = WIRES[kind](said)
    answer = answered(kind, plain)
    found = read(kind, stream, step=step)
    message = json.loads(answer.body)["choices"][0]["message"]

    assert found.text == answer.text == (message["content"] or "") == said.text
    assert found.thoughts == message.get("reasoning_content", "") == said.thoughts
    assert found.finish_reasons == [answer.finish_reason] == [found.state.finish_reason] == [said.finish]
    assert found.state.usage == answer.usage == said.usage
    assert found.state.complete
    assert (found.state.model, found.state.upstream_id) == (answer.model, answer.upstream_id) == ("m1", "c1")
    assert (found.state.variant, found.state.flags) == (answer.variant, answer.flags) == ("standard", ())
    called = [call["function"] for delta in found.deltas for call in delta.get("tool_calls", [])]
    written = len(said.text) + sum(len(call.get("name", "") + call["arguments"]) for call in called)
    assert (found.state.visible_chars, found.state.reasoning_chars) == (written, len(said.thoughts))
    assert found.state.content_started == bool(said.text or said.thoughts or said.tool)


@pytest.mark.parametrize("said", SITUATIONS.values(), ids=SITUATIONS)
@pytest.mark.parametrize("kind", WIRES)
def test_tool_calls_are_the_same_streamed_and_plain(kind: str, said: Said) -> None:
    plain, stream = WIRES[kind](said)
    answer = answered(kind, plain)
    calls = json.loads(answer.body)["choices"][0]["message"].get("tool_calls", [])
    pieces = [call for delta in read(kind, stream).deltas for call in delta.get("tool_calls", [])]
    arguments = "".join(piece["function"]["arguments"] for piece in pieces)
    if said.tool is None:
        assert (calls, pieces) == ([], [])
        return
    assert json.loads(calls[0]["function"]["arguments"]) == json.loads(arguments) == said.tool
    assert (pieces[0]["index"], pieces[0]["id"], pieces[0]["function"]["name"]) == (0, "t1", "f")
    assert (calls[0]["id"], calls[0]["function"]["name"]) == ("t1", "f")


@pytest.mark.parametrize("said", SITUATIONS.values(), ids=SITUATIONS)
@pytest.mark.parametrize("kind", WIRES)
def test_usage_for_the_caller_is_inclusive_and_the_same(kind: str, said: Said) -> None:
    plain, stream = WIRES[kind](said)
    answer = answered(kind, plain)
    told = json.loads(answer.body).get("usage")
    chunks = read(kind, stream).usage_chunks
    expected = openai_usage(said.usage)
    if expected is None:
        assert (told, chunks) == (None, [])
        return
    for usage in (told, chunks[0]["usage"]):
        assert {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")} == {
            name: expected[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")
        }
        assert usage["prompt_tokens_details"]["cached_tokens"] == (said.usage or Usage()).cache_read
        assert usage["completion_tokens_details"]["reasoning_tokens"] == (said.usage or Usage()).reasoning


@pytest.mark.parametrize("said", SITUATIONS.values(), ids=SITUATIONS)
@pytest.mark.parametrize("kind", WIRES)
@pytest.mark.parametrize("include_usage", [True, False])
def test_every_frame_fits_openais_schema(kind: str, said: Said, include_usage: bool) -> None:
    """And nothing else may appear in a data line (checks A9, A12)."""
    plain, stream = WIRES[kind](said)
    answer = answered(kind, plain)
    ChatCompletion.model_validate_json(answer.body, strict=True)
    found = read(kind, stream, include_usage=include_usage)
    for chunk in found.chunks:
        ChatCompletionChunk.model_validate(chunk)
    asked_and_known = include_usage and said.usage is not None
    assert len(found.usage_chunks) == int(asked_and_known)
    if asked_and_known:
        assert found.chunks[-1] == found.usage_chunks[0]
    assert found.closed[-1] == b"data: [DONE]\n\n"


@pytest.mark.parametrize("kind", WIRES)
def test_a_stream_cut_anywhere_before_its_end_is_never_complete(kind: str) -> None:
    _, stream = WIRES[kind](SITUATIONS["a greeting"])
    marks = {"anthropic": b'"message_stop"', "gemini": b'"finishReason"'}
    ends = stream.index(marks.get(kind, b'"finish_reason": "stop"'))
    for at in range(0, ends, 5):
        found = read(kind, stream[:at])
        assert not found.state.complete
        assert not any(b"[DONE]" in frame for frame in found.fed)
