"""Checks K1, K2 and K3 where the vendor speaks OpenAI's wire: tool calls of a stream, put together by the
stock SDKs of the callers.

The Anthropic SDK's own accumulator reads what callers of messages get, the OpenAI SDK's what callers of chat
completions get.
"""

import dataclasses
import json
from typing import Any

import anthropic
import httpx2
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from proxy.adapters.registry import adapter_for
from proxy.dialects.registry import MESSAGES
from proxy.interchange.dialect import Call
from tests.proxy.adapters.drive import USER, call, sse, target


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m1"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def a_call(index: int | None, call_id: str = "", name: str = "", arguments: str = "") -> dict[str, Any]:
    """A piece of one tool call, with only what is given."""
    made: dict[str, Any] = {} if index is None else {"index": index}
    if call_id:
        made |= {"id": call_id, "type": "function"}
    return {**made, "function": {**({"name": name} if name else {}), "arguments": arguments}}


def piece(index: int | None, call_id: str = "", name: str = "", arguments: str = "") -> dict[str, Any]:
    """A chunk with that piece."""
    return chunk({"tool_calls": [a_call(index, call_id, name, arguments)]})


FINISH = chunk({}, "tool_calls")


def frames_for(ours: Call, *chunks: dict[str, Any]) -> list[bytes]:
    reader = adapter_for("openai_compatible").chunks_from(ours, target("openai_compatible"))
    fed = reader.feed(sse(*chunks, FINISH, "[DONE]"))
    assert reader.state.error is None
    return fed + reader.close()


def chat_calls(*chunks: dict[str, Any]) -> list[tuple[int, str, str, str]]:
    """(index, id, name, arguments) as the OpenAI SDK puts them together."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for frame in frames_for(call(stream=True), *chunks)[:-1]:
        state.handle_chunk(ChatCompletionChunk.model_validate_json(frame.removeprefix(b"data: ")))
    snapshot = state.current_completion_snapshot.choices[0].message.tool_calls or []
    return [(made.index or 0, made.id, made.function.name, made.function.arguments) for made in snapshot]  # type: ignore[attr-defined]


def message_blocks(*chunks: dict[str, Any]) -> list[Any]:
    """The content as the Anthropic SDK puts it together."""
    ours = dataclasses.replace(call(dialect=MESSAGES, messages=USER, max_tokens=9), stream=True)
    frames = b"".join(frames_for(ours, *chunks))
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=frames)
    transport = httpx2.Client(transport=httpx2.MockTransport(lambda _: answer))
    client = anthropic.Anthropic(api_key="k", http_client=transport)
    with client.messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
    ) as stream:
        return [block.model_dump(exclude_none=True) for block in stream.get_final_message().content]


def uses(*chunks: dict[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (use["id"], use["name"], use["input"]) for use in message_blocks(*chunks) if use["type"] == "tool_use"
    ]


THOUGHT, TEXT = chunk({"reasoning_content": "hm"}), chunk({"content": "I look."})


@pytest.mark.parametrize("first", [0, 1, 5])
def test_k1_tool_calls_count_from_zero_whatever_comes_first(first: int) -> None:
    said = (THOUGHT, TEXT, piece(first, "a", "f", '{"x":1}'), piece(first + 1, "b", "g", "{}"))
    assert chat_calls(*said) == [(0, "a", "f", '{"x":1}'), (1, "b", "g", "{}")]
    assert [block["type"] for block in message_blocks(*said)] == ["thinking", "text", "tool_use", "tool_use"]


# How vendors tell two calls whose arguments come interleaved: f({"x":1}) and g({"y":2}).
INTERLEAVED = {
    "ids on the first deltas only": [
        piece(0, "a", "f"),
        piece(1, "b", "g"),
        piece(0, arguments='{"x"'),
        piece(1, arguments='{"y"'),
        piece(0, arguments=":1}"),
        piece(1, arguments=":2}"),
    ],
    "begun in the middle of another": [
        piece(0, "a", "f", '{"x"'),
        piece(1, "b", "g", '{"y"'),
        piece(0, arguments=":1}"),
        piece(1, arguments=":2}"),
    ],
    "without an index, by id": [
        piece(None, "a", "f", '{"x"'),
        piece(None, "b", "g", '{"y"'),
        piece(None, "a", arguments=":1}"),
        piece(None, "b", arguments=":2}"),
    ],
    "without an index, one after the other": [
        piece(None, "a", "f", '{"x"'),
        piece(None, arguments=":1}"),
        piece(None, "b", "g", '{"y"'),
        piece(None, arguments=":2}"),
    ],
    "one index for both, with a new id": [
        piece(0, "a", "f", '{"x"'),
        piece(0, arguments=":1}"),
        piece(0, "b", "g", '{"y"'),
        piece(0, arguments=":2}"),
    ],
    "one index for both, interleaved by id": [
        piece(0, "a", "f", '{"x"'),
        piece(0, "b", "g", '{"y"'),
        piece(0, "a", arguments=":1}"),
        piece(0, "b", arguments=":2}"),
    ],
    "two calls in one delta": [
        chunk({"tool_calls": [a_call(None, "a", "f", '{"x":1}'), a_call(None, "b", "g", '{"y":2}')]}),
    ],
}


@pytest.mark.parametrize("chunks", INTERLEAVED.values(), ids=INTERLEAVED)
def test_k2_interleaved_deltas_land_in_their_own_block(chunks: list[dict[str, Any]]) -> None:
    assert uses(*chunks) == [("a", "f", {"x": 1}), ("b", "g", {"y": 2})]


@pytest.mark.parametrize("chunks", INTERLEAVED.values(), ids=INTERLEAVED)
def test_k2_interleaved_deltas_land_in_their_own_call(chunks: list[dict[str, Any]]) -> None:
    assert chat_calls(*chunks) == [(0, "a", "f", '{"x":1}'), (1, "b", "g", '{"y":2}')]


# How vendors tell a call without arguments.
NOTHING = {
    "empty text": [piece(0, "a", "f", "")],
    "an empty object": [piece(0, "a", "f", "{}")],
    "null": [chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": None}}]})],
    "nothing at all": [chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]})],
    "white space": [piece(0, "a", "f"), piece(0, arguments=" ")],
}


@pytest.mark.parametrize("chunks", NOTHING.values(), ids=NOTHING)
def test_k3_a_streamed_call_without_arguments_has_an_empty_object(chunks: list[dict[str, Any]]) -> None:
    assert uses(*chunks) == [("a", "f", {})]


@pytest.mark.parametrize("arguments", ["", " ", "{}", None])
def test_k3_a_whole_call_without_arguments_has_an_empty_object(arguments: str | None) -> None:
    made = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    choice = {"index": 0, "message": {"content": None, "tool_calls": [made]}, "finish_reason": "tool_calls"}
    whole = json.dumps({"id": "c1", "model": "m1", "choices": [choice]}).encode()
    ours = call(dialect=MESSAGES, messages=USER, max_tokens=9)
    body = adapter_for("openai").response_from(whole, {}, ours, target("openai")).body
    assert json.loads(body)["content"] == [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]


@pytest.mark.parametrize("given", [{}, "", None])
def test_k3_a_history_without_arguments_is_accepted(given: Any) -> None:
    use = {"type": "tool_use", "id": "a", "name": "f", "input": given}
    answer = {"type": "tool_result", "tool_use_id": "a", "content": "1"}
    ours = call(
        dialect=MESSAGES,
        messages=[*USER, {"role": "assistant", "content": [use]}, {"role": "user", "content": [answer]}],
        max_tokens=9,
    )
    sent = json.loads(adapter_for("openai").request_for(ours, target("openai")).body)
    assert sent["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_k3_a_chat_history_with_empty_arguments_is_accepted_where_it_is_translated() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    called = {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    history = [
        *USER,
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]
    aimed = dataclasses.replace(target("openai", model="gpt-5.6"), serves_responses=True)
    sent = json.loads(adapter_for("openai").request_for(call(messages=history, tools=[tool]), aimed).body)
    assert sent["input"][1]["arguments"] == "{}"
