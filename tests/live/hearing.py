"""What a caller hears: an answer in any dialect, whole or streamed, read by the dialect's SDK types.

The types are pydantic's and are held against the raw JSON here, which the SDKs themselves never do.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pydantic
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

from tests.live.house import Row
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, Streamed, Surface

_MESSAGES_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RawMessageStreamEvent)
_RESPONSES_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(ResponseStreamEvent)
_STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "refused",
}


@dataclass(frozen=True)
class Told:
    """Tokens as the caller is told: all of the input, what of it came from a cache, all of the output."""

    input: int
    cache_read: int
    output: int


@dataclass(frozen=True)
class Heard:
    """An answer, free of dialects. ``finish``: stop | length | tool_calls | refused. ``calls``: the name and
    the arguments of each."""

    text: str
    finish: str
    told: Told
    calls: tuple[tuple[str, Any], ...] = ()
    thought: str = ""


def whole(surface: Surface, answer: Row) -> Heard:
    """A whole answer."""
    return _WHOLE[surface](answer)


def flowing(surface: Surface, streamed: Streamed) -> Heard:
    """A streamed answer, which must have come to its end."""
    return _FLOWING[surface](streamed)


def _chat(answer: Row) -> Heard:
    completion = ChatCompletion.model_validate(answer)
    [choice] = completion.choices
    message, usage = choice.message, completion.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    calls = [call.to_dict() for call in message.tool_calls or []]
    assert all(call["id"] and call["type"] == "function" for call in calls)
    refused = bool(message.refusal) or choice.finish_reason == "content_filter"
    return Heard(
        text=message.content or message.refusal or "",
        finish="refused" if refused else choice.finish_reason,
        told=Told(usage.prompt_tokens, _cached(usage), usage.completion_tokens),
        calls=tuple(_function(call) for call in calls),
        thought=str(getattr(message, "reasoning_content", None) or ""),
    )


def _function(call: Any) -> tuple[str, Any]:
    return call["function"]["name"], json.loads(call["function"]["arguments"])


def _cached(usage: Any) -> int:
    details = usage.prompt_tokens_details
    return (details.cached_tokens or 0) if details else 0


def _chat_stream(streamed: Streamed) -> Heard:
    """Pieces joined as OpenAI's documentation says: by index, everything else by concatenation."""
    assert streamed.frames[-1].data == "[DONE]"
    message: Row = {"role": "assistant", "content": "", "refusal": "", "reasoning_content": ""}
    calls: dict[int, Row] = {}
    finishes, last = [], {}
    for chunk in streamed.objects:
        ChatCompletionChunk.model_validate(chunk)
        last = chunk
        for choice in chunk["choices"]:
            finishes += [choice["finish_reason"]] if choice.get("finish_reason") else []
            for name in ("content", "refusal", "reasoning_content"):
                message[name] += choice["delta"].get(name) or ""
            for piece in choice["delta"].get("tool_calls") or []:
                _join(calls, piece)
    assert list(calls) == list(range(len(calls)))
    [finish] = finishes
    message = {name: value or None for name, value in message.items()}
    message["tool_calls"] = list(calls.values()) or None
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return _chat({**last, "object": "chat.completion", "choices": [choice]})


def _join(calls: dict[int, Row], piece: Row) -> None:
    function = piece.get("function") or {}
    if piece["index"] not in calls:
        assert piece["id"]
        assert function["name"]
        calls[piece["index"]] = {"type": "function", "function": {"name": "", "arguments": ""}}
    call = calls[piece["index"]]
    call["id"] = piece.get("id") or call["id"]
    call["function"]["name"] += function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""


def _messages(answer: Row) -> Heard:
    message: Any = Message.model_validate(answer)
    usage = message.usage
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    return Heard(
        text="".join(block.text for block in message.content if block.type == "text"),
        finish=_STOP_REASONS[message.stop_reason],
        told=Told(usage.input_tokens + read + written, read, usage.output_tokens),
        calls=tuple((block.name, block.input) for block in message.content if block.type == "tool_use"),
        thought="".join(block.thinking for block in message.content if block.type == "thinking"),
    )


def _messages_stream(streamed: Streamed) -> Heard:
    events = [frame.json for frame in streamed.frames if frame.event != "ping"]
    for event, frame in zip(events, (f for f in streamed.frames if f.event != "ping"), strict=True):
        assert _MESSAGES_EVENT.validate_python(event).type == frame.event
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "message_stop"
    message: Row = events[0]["message"]
    pieces: dict[int, str] = {}
    for event in events:
        _grow(message, event, pieces)
    for index, text in pieces.items():
        message["content"][index]["input"] = json.loads(text or "{}")
    return _messages(message)


def _grow(message: Row, event: Row, pieces: dict[int, str]) -> None:
    match event["type"]:
        case "content_block_start":
            assert event["index"] == len(message["content"])
            message["content"].append(dict(event["content_block"]))
            if event["content_block"]["type"] == "tool_use":
                pieces[event["index"]] = ""
        case "content_block_delta":
            block, delta = message["content"][event["index"]], event["delta"]
            if delta["type"] == "input_json_delta":
                pieces[event["index"]] += delta["partial_json"]
            elif delta["type"] != "citations_delta":
                name = delta["type"].removesuffix("_delta")
                block[name] = (block.get(name) or "") + delta[name]
        case "message_delta":
            message |= event["delta"]
            told = {name: value for name, value in event["usage"].items() if value is not None}
            message["usage"] = message["usage"] | told


def _responses(answer: Row) -> Heard:
    response: Any = Response.model_validate(_recent(answer))
    usage = response.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    thoughts = [item for item in response.output if item.type == "reasoning"]
    found = [item for item in response.output if item.type == "function_call"]
    assert all(item.call_id and item.id for item in found)
    return Heard(
        text="".join(part.text if part.type == "output_text" else part.refusal for part in parts),
        finish=_finish(response, called=bool(found), refused=any(part.type == "refusal" for part in parts)),
        told=Told(usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens),
        calls=tuple((item.name, json.loads(item.arguments)) for item in found),
        thought="".join(part.text for item in thoughts for part in [*item.summary, *(item.content or [])]),
    )


def _recent(answer: Row) -> Row:
    """Models before gpt-5.6 leave a count out that the newest SDK's type demands; their bytes are passed
    on."""
    usage = answer["usage"]
    details = {"cache_write_tokens": 0} | usage["input_tokens_details"]
    return {**answer, "usage": {**usage, "input_tokens_details": details}}


def _finish(response: Any, *, called: bool, refused: bool) -> str:
    if response.status == "incomplete":
        reason = response.incomplete_details.reason
        return {"max_output_tokens": "length", "content_filter": "refused"}[reason]
    assert response.status == "completed"
    return "refused" if refused else "tool_calls" if called else "stop"


def _responses_stream(streamed: Streamed) -> Heard:
    """The last event holds the whole answer; what came in pieces must be the same."""
    events = streamed.objects
    for event, frame in zip(events, streamed.frames, strict=True):
        usage = (event.get("response") or {}).get("usage")
        known = {**event, "response": _recent(event["response"])} if usage else event
        assert _RESPONSES_EVENT.validate_python(known).type == frame.event == event["type"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["type"] in ("response.completed", "response.incomplete")
    heard = _responses(events[-1]["response"])
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == events[-1]["response"]["output"]
    assert _pieces(events, "output_text") + _pieces(events, "refusal") == heard.text
    arguments = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    assert [json.loads(event["arguments"]) for event in arguments] == [call[1] for call in heard.calls]
    shown = _pieces(events, "reasoning_summary_text") + _pieces(events, "reasoning_text")
    assert shown == heard.thought
    return heard


def _pieces(events: list[Row], kind: str) -> str:
    return "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")


def without_counts(heard: Heard) -> Heard:
    """For comparisons between vendors, which count alike only here and there."""
    return replace(heard, told=Told(0, 0, 0))


_WHOLE: dict[Surface, Callable[[Row], Heard]] = {CHAT: _chat, MESSAGES: _messages, RESPONSES: _responses}
_FLOWING: dict[Surface, Callable[[Streamed], Heard]] = {
    CHAT: _chat_stream,
    MESSAGES: _messages_stream,
    RESPONSES: _responses_stream,
}
