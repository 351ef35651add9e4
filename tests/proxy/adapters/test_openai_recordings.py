"""Recorded answers of OpenAI's wires: Responses byte by byte, and both told to callers of messages."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import Answer, StreamState, Target
from proxy.adapters.openai.chat import written as chat_written
from proxy.adapters.openai.responses import written as responses_written
from proxy.adapters.registry import adapter_for
from proxy.dialects.registry import MESSAGES, RESPONSES
from proxy.interchange.dialect import Call
from tests.proxy.adapters.drive import target
from tests.proxy.adapters.recordings import FOLDER, Recording, load
from tests.proxy.adapters.test_openai_told import blocks
from tests.proxy.adapters.test_recordings import ERRORS_INSIDE
from tests.proxy.adapters.vendor_words import words_of

OPENAI = dataclasses.replace(target("openai"), serves_responses=True)
ASKED = Call(dialect=RESPONSES, body={"input": "hi"}, raw=b'{"input": "hi"}')
# Streams that end in a failure, and one that its source cut off before the end.
FAILED = (
    "responses-stream-failed-overloaded",
    "responses-stream-va-openai-error-1",
    "responses-stream-va-parallel-tool-call-wrapper-1",
)


def of_endpoint(endpoint: str, *, streamed: bool) -> list[Any]:
    """The good recordings of OpenAI's wires at one path; one skipped test without the folder."""
    paths = sorted(FOLDER.rglob(f"{endpoint}-*.json")) if FOLDER.is_dir() else []
    found = [recording for path in paths if (recording := load(path)).kind.startswith("openai")]
    good = [
        recording
        for recording in found
        if (recording.endpoint, recording.streamed) == (endpoint, streamed)
        and recording.status < 400
        and recording.name not in ERRORS_INSIDE
        and not any(name in recording.name for name in FAILED)
    ]
    if not good:
        return [pytest.param(None, marks=pytest.mark.skip(reason="no recordings beside the repository"))]
    return [pytest.param(recording, id=recording.name) for recording in good]


def usage_of(told: dict[str, Any]) -> Usage:
    """wire.md b.2, read without any code of ours; fees aside."""
    sent, came = told["input_tokens_details"] or {}, told["output_tokens_details"] or {}
    read, written = sent.get("cached_tokens") or 0, sent.get("cache_write_tokens") or 0
    reasoning = came.get("reasoning_tokens") or 0
    return Usage(
        input=told["input_tokens"] - read - written,
        cache_read=read,
        cache_write_5m=written,
        output=told["output_tokens"] - reasoning,
        reasoning=reasoning,
    )


def without_fees(usage: Usage | None) -> Usage:
    assert usage is not None
    return Usage(
        **{name: 0 if name == "requests" else getattr(usage, name) for name in usage.__struct_fields__}
    )


def text_of(response: dict[str, Any]) -> str:
    parts = [
        part for item in response["output"] for part in item.get("content") or [] if item["type"] == "message"
    ]
    return "".join(part.get("text", "") for part in parts)


@pytest.mark.parametrize("recording", of_endpoint("responses", streamed=False))
def test_plain_responses_pass(recording: Recording) -> None:
    answer = adapter_for("openai").response_from(recording.body, recording.headers, ASKED, OPENAI)
    told = recording.json
    assert answer.body is recording.body
    assert without_fees(answer.usage) == usage_of(told["usage"])
    assert (answer.text, answer.model, answer.upstream_id) == (text_of(told), told["model"], told["id"])
    called = any(item["type"] in ("function_call", "custom_tool_call") for item in told["output"])
    assert answer.finish_reason == ("tool_calls" if called else "stop")


def passed(recording: Recording, step: int) -> tuple[bytes, StreamState]:
    reader = adapter_for("openai").chunks_from(dataclasses.replace(ASKED, stream=True), OPENAI)
    stream = recording.stream
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)] if step else [stream]
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    return b"".join(frames + (reader.close() if reader.state.complete else [])), reader.state


def written_in(recording: Recording) -> Iterator[str]:
    """What the model wrote beside its thoughts: text, and the names and arguments of its calls."""
    for event in recording.events:
        if event["type"] == "response.output_item.added":
            yield event["item"].get("name", "")
        elif event["type"].endswith(".delta") and "reasoning" not in event["type"]:
            yield event["delta"]


@pytest.mark.parametrize("step", [0, 7])
@pytest.mark.parametrize("recording", of_endpoint("responses", streamed=True))
def test_streamed_responses_pass(recording: Recording, step: int) -> None:
    frames, state = passed(recording, step)
    assert frames.strip() == recording.stream.strip()
    [last] = [event for event in recording.events if event["type"] == "response.completed"]
    told = last["response"]
    assert (state.complete, state.error, state.content_started) == (True, None, True)
    assert without_fees(state.usage) == usage_of(told["usage"])
    assert state.visible_chars == len("".join(written_in(recording)))
    assert (state.model, state.upstream_id) == (told["model"], told["id"])


def told(recording: Recording, aimed: Target, step: int) -> tuple[list[bytes], StreamState]:
    """The stream for a caller of messages."""
    verbs = chat_written.VERBS if recording.endpoint == "chat" else responses_written.VERBS
    reader = verbs.chunks_from(Call(dialect=MESSAGES, body={}, stream=True), aimed)
    stream = recording.stream
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)] if step else [stream]
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    return frames + (reader.close() if reader.state.complete else []), reader.state


def translated(recording: Recording) -> Answer:
    verbs = chat_written.VERBS if recording.endpoint == "chat" else responses_written.VERBS
    ours = Call(dialect=MESSAGES, body={})
    return verbs.response_from(recording.body, recording.headers, ours, target(recording.kind))


def said(content: list[dict[str, Any]]) -> tuple[str, list[tuple[str, Any]]]:
    """Text and tool calls of a message's content."""
    text = "".join(block.get("text", "") for block in content if block["type"] == "text")
    return text, [(block["name"], block["input"]) for block in content if block["type"] == "tool_use"]


def calls_in(recording: Recording) -> list[tuple[str, Any]]:
    return [(name, given or {}) for name, given in words_of(recording).tools]


@pytest.mark.parametrize("recording", of_endpoint("chat", streamed=False))
def test_plain_chat_completions_are_told(recording: Recording) -> None:
    answer = translated(recording)
    body, words = json.loads(answer.body), words_of(recording)
    assert answer.usage == words.usage
    message = recording.json["choices"][0].get("message") or {}  # Azure's filter leaves none
    if message.get("function_call"):
        assert body["content"][0]["type"] == "tool_use"
        return
    refusal = message.get("refusal") or ""
    assert said(body["content"]) == (words.text + refusal, calls_in(recording))


@pytest.mark.parametrize("step", [0, 7])
@pytest.mark.parametrize("recording", of_endpoint("chat", streamed=True))
def test_streamed_chat_completions_are_told(recording: Recording, step: int) -> None:
    frames, state = told(recording, target(recording.kind), step)
    words = words_of(recording)
    # A stream of several choices is complete when all have ended: messages have but one.
    if len({choice["index"] for event in recording.events for choice in event.get("choices") or []}) > 1:
        assert state.usage == words.usage
        return
    assert (state.error, state.complete, state.usage) == (None, True, words.usage)
    assert said(blocks([frame for frame in frames if not frame.startswith(b":")])) == (
        words.text,
        calls_in(recording),
    )


@pytest.mark.parametrize("recording", of_endpoint("responses", streamed=False))
def test_plain_responses_are_told(recording: Recording) -> None:
    body, told_by = json.loads(translated(recording).body), recording.json
    calls = [
        (item["name"], json.loads(item["arguments"] or "{}"))
        for item in told_by["output"]
        if item["type"] == "function_call"
    ]
    assert said(body["content"]) == (text_of(told_by), calls)


@pytest.mark.parametrize("step", [0, 7])
@pytest.mark.parametrize("recording", of_endpoint("responses", streamed=True))
def test_streamed_responses_are_told(recording: Recording, step: int) -> None:
    frames, state = told(recording, target(recording.kind), step)
    [last] = [event["response"] for event in recording.events if event["type"] == "response.completed"]
    done = [event["item"] for event in recording.events if event["type"] == "response.output_item.done"]
    calls = [
        (item["name"], json.loads(item["arguments"])) for item in done if item["type"] == "function_call"
    ]
    assert (state.error, state.complete) == (None, True)
    assert said(blocks([frame for frame in frames if not frame.startswith(b":")])) == (
        text_of({"output": done}),
        calls,
    )
    assert without_fees(state.usage) == usage_of(last["usage"])
