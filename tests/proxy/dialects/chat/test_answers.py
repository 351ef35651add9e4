"""Answers to callers of chat completions, whole and streamed, read by OpenAI's own SDK."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletion

from metering.usage import Usage
from proxy.dialects.chat.dialect import CHAT
from proxy.dialects.chat.stream import ChatWriter
from proxy.interchange import signatures
from proxy.interchange.conversation import Text, Thinking, ToolUse
from proxy.interchange.dialect import Call
from proxy.interchange.reply import Choice, Cited, Refusal, Reply
from proxy.interchange.writing import Told

USAGE = Usage(input=10, cache_read=5, cache_write_5m=3, output=4, reasoning=2)
WEB = {
    "type": "url_citation",
    "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 1},
}


def whole(*choices: Choice) -> ChatCompletion:
    reply = Reply(id="x1", model="m1", choices=choices, usage=USAGE, service_tier="flex")
    return ChatCompletion.model_validate_json(CHAT.body_of(reply, Call(dialect=CHAT, body={})))


def accumulated(stream: bytes) -> Any:
    """What OpenAI's SDK makes of a stream, behind its own transport."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=stream, headers={"content-type": "text/event-stream"})

    client = openai.OpenAI(
        api_key="k", http_client=httpx2.Client(transport=httpx2.MockTransport(answer)), max_retries=0
    )
    asked: Any = [{"role": "user", "content": "hi"}]
    with client, client.chat.completions.stream(model="m", messages=asked) as events:
        return events.get_final_completion()


def streamed(tell: Callable[[ChatWriter], list[bytes]], *, finish: str = "stop") -> bytes:
    told = Told(model="m1", upstream_id="x1")
    writer = ChatWriter(told, include_usage=True)
    frames = tell(writer)
    told.usage, told.finish_reason, told.complete = USAGE, finish, True
    return b"".join(frames + writer.close())


def message_of(completion: ChatCompletion) -> dict[str, Any]:
    return completion.choices[0].message.to_dict()


def test_text_and_usage() -> None:
    completion = whole(Choice(blocks=(Text(text="Hello"),)))

    assert (completion.id, completion.model, completion.service_tier) == ("x1", "m1", "flex")
    assert message_of(completion) == {"role": "assistant", "content": "Hello", "refusal": None}
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (18, 6)


def test_thinking_is_text_for_readers_and_blocks_for_the_vendor() -> None:
    message = message_of(
        whole(
            Choice(
                blocks=(
                    Thinking(text="hm ", signature="s", origin="anthropic"),
                    Thinking(redacted="r", origin="anthropic"),
                    Thinking(text="so", signature="e", id="rs_1", origin="openai"),
                    Text(text="Hello"),
                )
            )
        )
    )

    assert message["reasoning_content"] == "hm so"
    assert message["thinking_blocks"] == [
        {"type": "thinking", "thinking": "hm ", "signature": "s"},
        {"type": "redacted_thinking", "data": "r"},
        {"type": "thinking", "thinking": "so", "signature": signatures.sealed("openai", "rs_1", "e")},
    ]


def test_thoughts_that_nobody_vouches_for_are_text_alone() -> None:
    message = message_of(whole(Choice(blocks=(Thinking(text="hm"), Text(text="x")))))

    assert message["reasoning_content"] == "hm"
    assert "thinking_blocks" not in message


def test_tool_calls_carry_geminis_signature_twice() -> None:
    """For clients that keep what they do not know, and for those that keep ids alone."""
    message = message_of(
        whole(
            Choice(
                blocks=(ToolUse(id="c1", name="f", arguments='{"a":1}', signature="c2ln"),),
                finish="tool_calls",
            )
        )
    )

    assert message["content"] is None
    assert message["tool_calls"] == [
        {
            "id": signatures.in_id("c1", "c2ln"),
            "type": "function",
            "function": {"name": "f", "arguments": '{"a":1}'},
            "extra_content": {"google": {"thought_signature": "c2ln"}},
        }
    ]


def test_a_refusal_and_sources_have_their_fields() -> None:
    refused = message_of(whole(Choice(blocks=(Refusal("No."),))))
    cited = message_of(whole(Choice(blocks=(Cited("So.", (WEB,)),))))

    assert (refused["content"], refused["refusal"]) == (None, "No.")
    assert (cited["content"], cited["annotations"]) == ("So.", [WEB])


def test_several_choices() -> None:
    completion = whole(Choice(blocks=(Text(text="a"),)), Choice(blocks=(Text(text="b"),), finish="length"))

    assert [(c.index, c.message.content, c.finish_reason) for c in completion.choices] == [
        (0, "a", "stop"),
        (1, "b", "length"),
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
            *writer.tool_call(0, call_id="c1", name="f", signature="c2ln"),
            *writer.arguments(0, '{"a":'),
            *writer.arguments(0, "1}"),
            *writer.tool_call(1, call_id="c2", name="g"),
            *writer.arguments(1, "{}"),
        ],
        finish="tool_calls",
    )

    read = accumulated(stream)
    plain = whole(
        Choice(
            blocks=(
                thinking,
                Text(text="Hello"),
                ToolUse(id="c1", name="f", arguments='{"a":1}', signature="c2ln"),
                ToolUse(id="c2", name="g"),
            ),
            finish="tool_calls",
        )
    )
    wanted = message_of(plain)
    found = read.choices[0].message.to_dict()
    for name in ("content", "reasoning_content"):
        assert found[name] == wanted[name]
    assert [{k: v for k, v in block.items() if k != "index"} for block in found["thinking_blocks"]] == wanted[
        "thinking_blocks"
    ]
    assert [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in found["tool_calls"]
    ] == [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in wanted["tool_calls"]
    ]
    assert read.usage.completion_tokens == 6


def test_k1_tool_calls_are_numbered_from_0_whatever_came_before() -> None:
    stream = streamed(
        lambda writer: [
            *writer.text("a"),
            *writer.thoughts("b"),
            *writer.tool_call(0, call_id="c1", name="f"),
            *writer.tool_call(1, call_id="c2", name="g"),
        ]
    )

    chunks = [json.loads(line[6:]) for line in stream.decode().split("\n\n") if line.startswith("data: {")]
    indices = [
        call["index"]
        for chunk in chunks
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls", [])
    ]
    assert indices == [0, 1]


def test_each_choice_of_a_stream_has_its_role_and_its_finish() -> None:
    def tell(writer: ChatWriter) -> list[bytes]:
        frames = [*writer.text("a"), *writer.text("b", choice=1)]
        writer.finish("tool_calls", choice=1)
        return frames

    read = accumulated(streamed(tell))

    assert [(c.index, c.message.content, c.finish_reason) for c in read.choices] == [
        (0, "a", "stop"),
        (1, "b", "tool_calls"),
    ]


def test_the_usage_chunk_is_for_those_who_asked() -> None:
    told = Told(model="m", usage=USAGE, finish_reason="stop")
    quiet = ChatWriter(told, include_usage=False)

    frames = [*quiet.text("a"), *quiet.close()]

    assert all(b'"usage"' not in frame for frame in frames)
    assert frames[-1] == b"data: [DONE]\n\n"


class TestCallersOfFunctions:
    """Before tools there were functions: one call, in a field of its own."""

    CALL = Call(dialect=CHAT, body={"functions": [{"name": "f"}]})
    REPLY = Reply(
        id="x1",
        model="m1",
        choices=(Choice(blocks=(ToolUse(id="c1", name="f", arguments='{"a":1}'),), finish="tool_calls"),),
    )

    def test_whole(self) -> None:
        [choice] = json.loads(CHAT.body_of(self.REPLY, self.CALL))["choices"]

        assert choice["finish_reason"] == "function_call"
        assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
        assert "tool_calls" not in choice["message"]

    def test_streamed(self) -> None:
        told = Told(model="m", finish_reason="tool_calls")
        writer = CHAT.writer(told, self.CALL)

        frames = [
            *writer.tool_call(0, call_id="c1", name="f"),
            *writer.arguments(0, '{"a":1}'),
            *writer.tool_call(1, call_id="c2", name="g"),
            *writer.arguments(1, "{}"),
            *writer.close(),
        ]

        chunks = [json.loads(frame[6:]) for frame in frames if frame.startswith(b"data: {")]
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        assert [delta["function_call"] for delta in deltas if "function_call" in delta] == [
            {"name": "f", "arguments": ""},
            {"arguments": '{"a":1}'},
        ]
        assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"
        assert not any("tool_calls" in delta for delta in deltas)
