"""Answers to Anthropic's clients, whole and streamed, read by Anthropic's own SDK."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message

from metering.usage import Usage
from proxy.dialects.messages.dialect import MESSAGES
from proxy.dialects.messages.stream import MessagesWriter
from proxy.interchange import signatures
from proxy.interchange.conversation import Text, Thinking, ToolUse
from proxy.interchange.dialect import Call
from proxy.interchange.reply import Block, Choice, Cited, Refusal, Reply
from proxy.interchange.writing import Told

USAGE = Usage(input=10, cache_read=5, cache_write_5m=3, output=4, reasoning=2)
CALL = Call(dialect=MESSAGES, body={})
WEB = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}


def whole(*blocks: Block, finish: str = "stop", native: str = "", stop_sequence: str = "") -> Message:
    choice = Choice(blocks=blocks, finish=finish, native=native, stop_sequence=stop_sequence)
    reply = Reply(id="x1", model="m1", choices=(choice,), usage=USAGE)
    return Message.model_validate_json(MESSAGES.body_of(reply, CALL))


def accumulated(stream: bytes) -> Message:
    """What Anthropic's SDK makes of a stream, behind its own transport."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=stream, headers={"content-type": "text/event-stream"})

    client = anthropic.Anthropic(
        api_key="k", http_client=httpx2.Client(transport=httpx2.MockTransport(answer)), max_retries=0
    )
    asked: Any = [{"role": "user", "content": "hi"}]
    with client, client.messages.stream(model="m", max_tokens=9, messages=asked) as events:
        return events.get_final_message()


def streamed(tell: Callable[[MessagesWriter], list[bytes]], *, finish: str = "stop") -> bytes:
    told = Told(model="m1", upstream_id="x1")
    writer = MessagesWriter(told)
    frames = tell(writer)
    told.usage, told.finish_reason, told.complete = USAGE, finish, True
    return b"".join(frames + writer.close())


def events_of(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in stream.decode().splitlines() if line.startswith("data: ")]


def test_text() -> None:
    message = whole(Text(text="Hello"))

    assert (message.id, message.model, message.role, message.stop_reason) == (
        "x1",
        "m1",
        "assistant",
        "end_turn",
    )
    assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "Hello"}]


def test_usage_is_exclusive_of_cached_tokens() -> None:
    usage = whole(Text(text="Hello")).usage

    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (
        10,
        5,
        3,
    )
    assert usage.output_tokens == 6
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.thinking_tokens == 2


@pytest.mark.parametrize(
    ("finish", "native", "stop_sequence", "reason"),
    [
        ("stop", "", "", "end_turn"),
        ("stop", "stop_sequence", "END", "stop_sequence"),
        ("stop", "", "END", "stop_sequence"),
        ("stop", "pause_turn", "", "pause_turn"),
        ("length", "MAX_TOKENS", "", "max_tokens"),
        ("length", "model_context_window_exceeded", "", "model_context_window_exceeded"),
        ("tool_calls", "STOP", "", "tool_use"),
        ("function_call", "", "", "tool_use"),
        ("content_filter", "SAFETY", "", "refusal"),
        ("never heard of", "", "", "end_turn"),
    ],
)
def test_stop_reasons(finish: str, native: str, stop_sequence: str, reason: str) -> None:
    message = whole(Text(text="x"), finish=finish, native=native, stop_sequence=stop_sequence)

    assert (message.stop_reason, message.stop_sequence) == (reason, stop_sequence or None)


def test_a_refusal_in_the_models_words() -> None:
    message = whole(Refusal("I will not."))

    assert (message.stop_reason, [block.to_dict() for block in message.content]) == (
        "refusal",
        [{"type": "text", "text": "I will not."}],
    )


def test_thinking_is_sealed_unless_it_is_anthropics() -> None:
    message = whole(
        Thinking(text="a", signature="s", origin="anthropic"),
        Thinking(redacted="r", origin="anthropic"),
        Thinking(text="b", signature="e", id="rs_1", origin="openai"),
        Thinking(text="c"),
    )

    first, second, third, fourth = (block.to_dict() for block in message.content)
    assert first == {"type": "thinking", "thinking": "a", "signature": "s"}
    assert second == {"type": "redacted_thinking", "data": "r"}
    assert signatures.opened(str(third["signature"])) == ("openai", "rs_1", "e")
    assert signatures.is_sealed(fourth)
    assert not signatures.is_sealed(first)


def test_tool_calls() -> None:
    message = whole(
        ToolUse(id="c1", name="f", arguments='{"a": 1}'), ToolUse(id="c2", name="g"), finish="tool_calls"
    )

    assert [block.to_dict() for block in message.content] == [
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
    ]


def test_web_sources_are_citations() -> None:
    [block] = whole(Cited("So it is.", (WEB,))).content

    assert block.to_dict()["citations"] == [
        {
            "type": "web_search_result_location",
            "url": "https://a.example",
            "title": "A",
            "cited_text": "",
            "encrypted_index": "",
        }
    ]


def test_a_stream_is_what_the_whole_answer_is() -> None:
    thinking = Thinking(text="hm so", signature="s", origin="anthropic")
    stream = streamed(
        lambda writer: [
            *writer.thoughts("hm "),
            *writer.thoughts("so"),
            *writer.thinking_ends(thinking),
            *writer.text("Hel"),
            *writer.text("lo"),
            *writer.tool_call(0, call_id="c1", name="f"),
            *writer.arguments(0, '{"a":'),
            *writer.arguments(0, " 1}"),
        ],
        finish="tool_calls",
    )

    plain = whole(
        thinking, Text(text="Hello"), ToolUse(id="c1", name="f", arguments='{"a": 1}'), finish="tool_calls"
    )
    read = accumulated(stream)
    assert [block.to_dict() for block in read.content] == [block.to_dict() for block in plain.content]
    assert (read.id, read.model, read.stop_reason) == (plain.id, plain.model, plain.stop_reason)
    assert (read.usage.input_tokens, read.usage.output_tokens) == (10, 6)


def test_k2_interleaved_arguments_of_parallel_calls_land_in_their_own_blocks() -> None:
    stream = streamed(
        lambda writer: [
            *writer.tool_call(0, call_id="a", name="f"),
            *writer.tool_call(1, call_id="b", name="g"),
            *writer.arguments(0, '{"x"'),
            *writer.arguments(1, '{"y"'),
            *writer.arguments(0, ": 1}"),
            *writer.arguments(1, ": 2}"),
        ],
        finish="tool_calls",
    )

    assert [block.to_dict() for block in accumulated(stream).content] == [
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "g", "input": {"y": 2}},
    ]


def test_a_call_whose_end_is_told_makes_room_for_the_next() -> None:
    stream = streamed(
        lambda writer: [
            *writer.tool_call(0, call_id="a", name="f"),
            *writer.arguments(0, "{}"),
            *writer.tool_call_ends(0),
            *writer.text("between"),
            *writer.tool_call(1, call_id="b", name="g"),
            *writer.arguments(1, "{}"),
        ]
    )

    assert [block.type for block in accumulated(stream).content] == ["tool_use", "text", "tool_use"]


def test_blocks_are_numbered_and_closed_before_the_next_opens() -> None:
    events = events_of(
        streamed(
            lambda writer: [
                *writer.text("a"),
                *writer.thoughts("b"),
                *writer.thinking_ends(Thinking(redacted="r", origin="anthropic")),
                *writer.text("c"),
            ]
        )
    )

    open_block: int | None = None
    seen = []
    for event in events:
        if event["type"] == "content_block_start":
            assert open_block is None
            open_block = event["index"]
            seen.append((event["index"], event["content_block"]["type"]))
        elif event["type"] == "content_block_stop":
            assert event["index"] == open_block
            open_block = None
    assert seen == [(0, "text"), (1, "thinking"), (2, "redacted_thinking"), (3, "text")]
    assert events[-1] == {"type": "message_stop"}


def test_a16_the_input_tokens_reach_the_client_although_the_vendor_told_them_last() -> None:
    usage = accumulated(streamed(lambda writer: writer.text("hi"))).usage

    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (10, 5, 6)


def test_an_empty_answer_is_a_message_without_content() -> None:
    message = accumulated(streamed(lambda writer: [], finish="content_filter"))

    assert (message.content, message.stop_reason) == ([], "refusal")


def test_heartbeats_are_pings_once_the_message_has_begun() -> None:
    writer = MessagesWriter(Told(model="m"))

    assert writer.heartbeat() == [b": keepalive\n\n"]
    writer.text("x")
    assert writer.heartbeat() == [b'event: ping\ndata: {"type": "ping"}\n\n']
