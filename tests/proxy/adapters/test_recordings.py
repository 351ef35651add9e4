"""Every recorded answer through the adapter of its kind: right text, finish reason, tool calls and usage."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.adapters.base import ErrorClass, VendorError
from proxy.adapters.registry import adapter_for
from tests.proxy.adapters.drive import Read, call, read, target
from tests.proxy.adapters.recordings import Recording, those
from tests.proxy.adapters.vendor_words import FINISH, words_of

# A 200 whose body is an error, and streams that end in one.
ERRORS_INSIDE = {
    "azure/chat-unary-tl-prompt-content-filtering-0.json": ErrorClass.CALLER,
    "groq/chat-stream-pai-tool-use-failed-error-streaming-0.json": ErrorClass.CALLER,
    "openrouter/chat-stream-pai-openrouter-stream-error-0.json": ErrorClass.CALLER,
    "_documented/openai/chat-stream-server-error-midstream.json": ErrorClass.PROVIDER,
    "_documented/anthropic/messages-stream-overloaded-midstream.json": ErrorClass.OVERLOADED,
}
# A stream of tool calls that ends without a finish reason: the adapter writes the one that was meant.
UNFINISHED = "openrouter/chat-stream-sw-tools-streaming-variant-b-0.json"
# Arguments in pieces, which test_gemini_answers reads, and a call that a spliced message broke off.
BROKEN_CALLS = (b"partialArgs", b"sig-first")


def good(recording: Recording) -> bool:
    return recording.status < 400 and recording.name not in ERRORS_INSIDE


def model_of(recording: Recording) -> str | None:
    return "gemini-2.5-flash" if recording.kind == "gemini" else None


def assert_words(recording: Recording, text: str, finish: str | None, usage: Any) -> None:
    words = words_of(recording)
    assert text == words.text
    assert usage == words.usage
    if recording.name == UNFINISHED:
        assert (words.finish, finish) == (None, "tool_calls")
        return
    assert finish == words.finish
    if words.total is not None and usage is not None:
        assert usage.total_tokens == words.total
    indexed = {FINISH.get(reason, reason) for reason in recording.finish}
    assert finish in indexed or (finish == "tool_calls" and recording.kind == "gemini" and words.tools)


@pytest.mark.parametrize("recording", those(lambda found: good(found) and not found.streamed))
def test_plain_answers(recording: Recording) -> None:
    answer = adapter_for(recording.kind).response_from(
        recording.body, recording.headers, call(), target(recording.kind)
    )
    assert_words(recording, answer.text, answer.finish_reason, answer.usage)
    assert answer.model
    seen = json.loads(answer.body)
    if recording.kind.startswith("openai"):
        assert answer.body == recording.body
        return
    ChatCompletion.model_validate(seen, strict=True)
    message = seen["choices"][0]["message"]
    calls = [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls", [])
    ]
    assert calls == [(name, given or {}) for name, given in words_of(recording).tools]
    assert (message["content"] or "") == answer.text
    if answer.usage is not None:
        assert seen["usage"]["total_tokens"] == answer.usage.total_tokens


@pytest.mark.parametrize("step", [0, 7])
@pytest.mark.parametrize("recording", those(lambda found: good(found) and found.streamed))
def test_streams(recording: Recording, step: int) -> None:
    found = read(recording.kind, recording.stream, step=step)
    assert found.state.error is None
    assert found.state.complete
    assert_words(recording, _text(found), found.state.finish_reason, found.state.usage)
    assert found.state.content_started or not (found.text or words_of(recording).tools)


@pytest.mark.parametrize("include_usage", [True, False])
@pytest.mark.parametrize("recording", those(lambda found: good(found) and found.streamed))
def test_frames_of_streams(recording: Recording, include_usage: bool) -> None:
    """One finish reason per choice, usage once and last or not at all, tool calls whole, ``[DONE]`` last."""
    found = read(recording.kind, recording.stream, include_usage=include_usage)
    assert len(found.usage_chunks) == int(include_usage and found.state.usage is not None)
    if found.usage_chunks:
        assert found.chunks[-1] == found.usage_chunks[0]
    assert [chunk for chunk in found.chunks if chunk["choices"] and chunk.get("usage")] == []
    assert not any(b"[DONE]" in frame for frame in found.fed)
    assert found.closed[-1] == b"data: [DONE]\n\n"
    finished = [
        choice["index"]
        for chunk in found.chunks
        for choice in chunk["choices"]
        if choice.get("finish_reason")
    ]
    assert len(finished) == len(set(finished)) > 0
    if not any(mark in recording.body for mark in BROKEN_CALLS):
        assert _tools(found) == [(name, given or {}) for name, given in words_of(recording).tools]
    if recording.kind != "openai_compatible":
        for chunk in found.chunks:
            ChatCompletionChunk.model_validate(chunk)


def _text(found: Read) -> str:
    """The text of the first choice; Mistral's parts stay parts."""
    contents = [
        choice["delta"].get("content") or ""
        for chunk in found.chunks
        for choice in chunk["choices"]
        if choice["index"] == 0
    ]
    return "".join(
        content
        if isinstance(content, str)
        else "".join(part["text"] for part in content if part["type"] == "text")
        for content in contents
    )


def _tools(found: Read) -> list[tuple[str, Any]]:
    """The calls of the first choice, put together as every OpenAI client does: by index, ids only once."""
    calls: dict[int, list[str]] = {}
    for choice in (choice for chunk in found.chunks for choice in chunk["choices"] if choice["index"] == 0):
        for piece in choice["delta"].get("tool_calls") or []:
            slot = calls.setdefault(piece["index"], ["", "", ""])
            for position, value in enumerate(
                (piece.get("id"), piece["function"].get("name"), piece["function"].get("arguments"))
            ):
                slot[position] += value or ""
    assert list(calls) == list(range(len(calls)))
    assert all(identity for identity, _, _ in calls.values())
    return [(name, json.loads(arguments or "{}")) for _, name, arguments in calls.values()]


@pytest.mark.parametrize("recording", those(lambda found: found.name in ERRORS_INSIDE))
def test_errors_inside_a_200(recording: Recording) -> None:
    expected = ERRORS_INSIDE[recording.name]
    if not recording.streamed:
        with pytest.raises(VendorError) as failure:
            adapter_for(recording.kind).response_from(recording.body, {}, call(), target(recording.kind))
        assert failure.value.error_class is expected
        return
    for step in (0, 7):
        state = read(recording.kind, recording.stream, step=step).state
        assert state.error is not None
        assert (state.error.error_class, state.complete) == (expected, False)


GEMINI_ERRORS = "gemini/generatecontent-unary-rl"
BY_STATUS = {
    400: ErrorClass.CALLER,
    401: ErrorClass.CREDENTIAL,
    402: ErrorClass.CREDENTIAL_FUNDS,
    404: ErrorClass.MODEL_UNAVAILABLE,
    413: ErrorClass.CALLER,
    429: ErrorClass.RATE_LIMITED,
    500: ErrorClass.PROVIDER,
    503: ErrorClass.OVERLOADED,
    529: ErrorClass.OVERLOADED,
}
# What a status alone would get wrong.
BY_NAME = {
    f"{GEMINI_ERRORS}-error-handling-with-gemini-gemini-2-5-flash-raises-appropriate-auth-er-0.json": (
        ErrorClass.CREDENTIAL
    ),
    "openai/chat-unary-va-openai-error-1.json": ErrorClass.CREDENTIAL_FUNDS,
    "_documented/openai/chat-429-request-too-large-for-tpm.json": ErrorClass.MODEL_UNAVAILABLE,
    "_documented/anthropic/messages-500-api-error-overloaded.json": ErrorClass.OVERLOADED,
}
WAITS = {
    "gemini/generatecontent-unary-va-google-429-retry-info.json": 34.4,
    f"{GEMINI_ERRORS}-real-error-scenarios-gemini-gemini-2-5-flash-handles-context-length-ex-0.json": 48.0,
    "azure/chat-unary-rl-real-error-scenarios-azure-grok-4-1-fast-non-reasoning-handles-context-0.json": 1.0,
}


@pytest.mark.parametrize("recording", those(lambda found: found.status >= 400))
def test_errors(recording: Recording) -> None:
    error = adapter_for(recording.kind).error_from(recording.status, recording.headers, recording.body)
    assert error.error_class is BY_NAME.get(recording.name, BY_STATUS[recording.status])
    assert error.status == recording.status
    assert error.retry_after == WAITS.get(recording.name)
    assert error.message
    assert not error.message.startswith(("{", "HTTP"))
    assert "sk-" not in error.message
