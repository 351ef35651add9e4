"""Answers of OpenAI's Responses API, whole and as events."""

import time

from proxy.sandbox import openai_wire, wire
from proxy.sandbox.answers import THOUGHT
from proxy.sandbox.ask import Json
from proxy.sandbox.control import Knobs
from proxy.sandbox.profiles import facts
from proxy.sandbox.responses_requests import read
from proxy.sandbox.wire import Frame, Reply

__all__ = ["frames", "in_stream_error", "read", "whole"]


def usage(reply: Reply) -> Json | None:
    """Inclusive counts, as in chat completions, under other names."""
    answer = reply.answer
    output = answer.output_tokens + answer.reasoning_tokens
    input_details = {"cached_tokens": answer.cache.read}
    if facts("openai", reply.ask.model).version >= (5, 6):
        input_details["cache_write_tokens"] = answer.cache.write_5m
    counted = {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": input_details,
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.input_tokens + output,
    }
    return wire.merged(counted, reply.knobs)


def whole(reply: Reply) -> tuple[bytes, Json | None]:
    """A ``response`` and the usage in it."""
    reported = usage(reply)
    return wire.encode(_response(reply, _status(reply), _items(reply), reported)), reported


def frames(reply: Reply) -> list[Frame]:
    """``response.created`` to ``response.completed`` or ``response.incomplete``, numbered."""
    items, reported = _items(reply), usage(reply)
    begun = _response(reply, "in_progress", [], None)
    events: list[tuple[str, Json, bool]] = [
        ("response.created", {"response": begun}, False),
        ("response.in_progress", {"response": begun}, False),
    ]
    for index, item in enumerate(items):
        events += _item_events(index, item, reply)
    status = _status(reply)
    events.append((f"response.{status}", {"response": _response(reply, status, items, reported)}, False))
    made = [
        Frame(wire.named_frame({"type": kind, "sequence_number": number, **event}), content)
        for number, (kind, event, content) in enumerate(events)
    ]
    made[-1] = made[-1]._replace(usage=reported)
    return made


def _status(reply: Reply) -> str:
    return "incomplete" if reply.answer.finish == "length" else "completed"


def _response(reply: Reply, status: str, items: list[Json], reported: Json | None) -> Json:
    asked = reply.ask.raw
    return {
        "id": f"resp_{reply.ident}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": asked.get("instructions"),
        "metadata": asked.get("metadata") or {},
        "model": reply.ask.model,
        "output": items,
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
        "temperature": asked.get("temperature", 1.0),
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools") or [],
        "top_p": asked.get("top_p", 1.0),
        "max_output_tokens": reply.ask.max_tokens,
        "service_tier": openai_wire.tier(reply.ask.tier),
        "usage": reported,
    }


def _items(reply: Reply) -> list[Json]:
    answer, items = reply.answer, []
    if answer.reasoning_tokens:
        summary = [{"type": "summary_text", "text": THOUGHT}] if reply.ask.show_thoughts else []
        items.append({"id": f"rs_{reply.ident}", "type": "reasoning", "summary": summary})
    if answer.text:
        message = {
            "id": f"msg_{reply.ident}",
            "type": "message",
            "role": "assistant",
            "status": _status(reply),
        }
        items.append({**message, "content": [_text_part(answer.text)]})
    for index, call in enumerate(answer.calls):
        arguments = wire.encode(call.arguments).decode()
        ids = {"id": f"fc_{reply.ident}{index}", "call_id": f"call_{reply.ident}{index}"}
        made = {**ids, "type": "function_call", "name": call.name, "arguments": arguments}
        items.append({**made, "status": "completed"})
    return items


def _text_part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _item_events(index: int, item: Json, reply: Reply) -> list[tuple[str, Json, bool]]:
    opened = {**item, "status": "in_progress"} if "status" in item else item
    inner: list[tuple[str, Json, bool]] = []
    if item["type"] == "message":
        opened["content"] = []
        inner = _text_events(index, item, reply)
    elif item["type"] == "function_call":
        opened["arguments"] = ""
        inner = _call_events(index, item)
    return [
        ("response.output_item.added", {"output_index": index, "item": opened}, False),
        *inner,
        ("response.output_item.done", {"output_index": index, "item": item}, False),
    ]


def _text_events(index: int, item: Json, reply: Reply) -> list[tuple[str, Json, bool]]:
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    [part] = item["content"]
    return [
        ("response.content_part.added", {**place, "part": _text_part("")}, False),
        *(
            ("response.output_text.delta", {**place, "delta": piece, "logprobs": []}, True)
            for piece in reply.answer.pieces
        ),
        ("response.output_text.done", {**place, "text": part["text"], "logprobs": []}, False),
        ("response.content_part.done", {**place, "part": part}, False),
    ]


def _call_events(index: int, item: Json) -> list[tuple[str, Json, bool]]:
    place = {"item_id": item["id"], "output_index": index}
    kind = "response.function_call_arguments"
    deltas = [(f"{kind}.delta", {**place, "delta": piece}, True) for piece in wire.halves(item["arguments"])]
    done = {**place, "name": item["name"], "arguments": item["arguments"]}
    return [*deltas, (f"{kind}.done", done, False)]


def in_stream_error(knobs: Knobs) -> bytes:
    """The event that ends a stream which failed after it began."""
    error = openai_wire.error_of(knobs.status or 500, "", knobs.error_code, None)
    return wire.named_frame({"type": "error", "sequence_number": 0, **{**error, "type": "error"}})
