"""The dialect as its callers meet it: strict readers of OpenAI's own types, and its SDK over a socket-less
transport."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from metering.usage import Usage
from proxy.dialects.responses.dialect import RESPONSES
from proxy.dialects.responses.stream import ResponsesWriter
from proxy.interchange.conversation import Conversation, Text, Thinking, ToolUse
from proxy.interchange.dialect import Call
from proxy.interchange.reply import Block, Choice, Cited, Refusal, Reply
from proxy.interchange.writing import Told

USAGE = Usage(input=10, cache_read=5, cache_write_5m=3, output=4, reasoning=2)
ASKED: Mapping[str, Any] = {"model": "m", "input": "hi"}
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
_CLOCK = ("created_at", "completed_at")


def choice_of(*blocks: Block, finish: str = "stop", logprobs: Any = None) -> Choice:
    return Choice(blocks=blocks, finish=finish, logprobs=logprobs)


def whole(
    choice: Choice, asked: Mapping[str, Any] = ASKED, *, id: str = "x1", usage: Usage | None = USAGE
) -> dict[str, Any]:
    """A whole answer, valid by OpenAI's own type."""
    reply = Reply(id=id, model="m1", choices=(choice,), usage=usage, service_tier="default")
    body = RESPONSES.body_of(reply, Call(dialect=RESPONSES, body=asked))
    Response.model_validate_json(body, strict=True)
    response: dict[str, Any] = json.loads(body)
    return response


def started(asked: Mapping[str, Any] = ASKED) -> ResponsesWriter:
    return ResponsesWriter(Told(model="m1", upstream_id="x1"), asked)


def closed(writer: ResponsesWriter, finish: str = "stop") -> list[bytes]:
    told = writer.told
    told.usage, told.service_tier, told.finish_reason, told.complete = USAGE, "default", finish, True
    return writer.close()


def told(choice: Choice, asked: Mapping[str, Any] = ASKED) -> bytes:
    """The choice as a stream, its texts in pieces."""
    writer = started(asked)
    frames: list[bytes] = []
    logprobs = choice.logprobs
    for number, block in enumerate(choice.blocks):
        frames += tell(writer, number, block)
        if logprobs and isinstance(block, Text | Cited) and block.text:
            frames += writer.logprobs(logprobs)
            logprobs = None
    return b"".join(frames + closed(writer, choice.finish))


def tell(writer: ResponsesWriter, number: int, block: Block) -> list[bytes]:
    """What a vendor's reader tells of one block."""
    match block:
        case Thinking():
            return [*_in_pieces(writer.thoughts, block.text), *writer.thinking_ends(block)]
        case ToolUse():
            frames = writer.tool_call(number, call_id=block.id, name=block.name, signature=block.signature)
            frames += _in_pieces(lambda piece: writer.arguments(number, piece), block.arguments)
            return frames + writer.tool_call_ends(number)
        case Refusal():
            return _in_pieces(writer.refusal, block.text)
        case Text() | Cited():
            notes = block.annotations if isinstance(block, Cited) else ()
            frames = _in_pieces(writer.text, block.text) + writer.annotations(notes)
            return frames + writer.text_signature(block.signature)


def _in_pieces(tell: Any, text: str) -> list[bytes]:
    middle = len(text) // 2
    frames: list[bytes] = tell(text[:middle]) + tell(text[middle:])
    return frames


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """The events, each valid by OpenAI's own type, numbered from 0, and named in its frame.
    Comments are passed over."""
    frames = [frame for frame in stream.decode().split("\n\n") if frame and not frame.startswith(":")]
    events: list[dict[str, Any]] = []
    for frame in frames:
        name, _, data = frame.partition("\ndata: ")
        EVENT.validate_json(data, strict=True)
        event = json.loads(data)
        assert name == f"event: {event['type']}"
        events.append(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def final_of(stream: bytes) -> dict[str, Any]:
    response: dict[str, Any] = events_of(stream)[-1]["response"]
    return response


def timeless(response: Mapping[str, Any]) -> dict[str, Any]:
    return {name: held for name, held in response.items() if name not in _CLOCK}


def conversation(*items: Any, **fields: Any) -> Conversation:
    return RESPONSES.conversation_from({"model": "m", "input": list(items)} | fields)


@contextmanager
def sdk(answer: bytes, content_type: str = "text/event-stream") -> Iterator[openai.OpenAI]:
    """OpenAI's SDK, whose transport answers so."""

    def respond(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=answer, headers={"content-type": content_type})

    transport = httpx2.Client(transport=httpx2.MockTransport(respond))
    with openai.OpenAI(api_key="k", http_client=transport, max_retries=0) as client:
        yield client
