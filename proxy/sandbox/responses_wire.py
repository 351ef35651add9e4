"""Answers of OpenAI's Responses API, whole and as events."""

import time

from proxy.sandbox import answers, chat_wire, logprobs, openai_wire, responses_requests, wire
from proxy.sandbox.ask import Json
from proxy.sandbox.control import Knobs
from proxy.sandbox.profiles import facts
from proxy.sandbox.signatures import signed
from proxy.sandbox.wire import Frame, Reply

HEARTBEAT = chat_wire.HEARTBEAT
# Why an answer is incomplete.
INCOMPLETE = {"length": "max_output_tokens", "filter": "content_filter"}
ENCRYPTED = "reasoning.encrypted_content"
# What a call holds, by its type.
CONTENT = {"function_call": "arguments", "custom_tool_call": "input"}
tier = chat_wire.tier

Event = tuple[str, Json, bool]  # type, members, whether it is content


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
    return wire.encode(_response(reply, _status(reply), items_of(reply), reported)), reported


def frames(reply: Reply) -> list[Frame]:
    """``response.created`` to ``response.completed`` or ``response.incomplete``, numbered."""
    items, reported = items_of(reply), usage(reply)
    begun = _response(reply, "in_progress", [], None)
    events: list[Event] = [
        ("response.created", {"response": begun}, False),
        ("response.in_progress", {"response": begun}, False),
    ]
    streamed = [_item_events(index, item, reply) for index, item in enumerate(items)]
    first_call = len(items) - len(reply.answer.calls)
    for item_events in streamed[:first_call]:
        events += item_events
    events += wire.woven(streamed[first_call:], reply.knobs)
    status = _status(reply)
    events.append((f"response.{status}", {"response": _response(reply, status, items, reported)}, False))
    made = [
        Frame(wire.named_frame({"type": kind, "sequence_number": number, **event}), content)
        for number, (kind, event, content) in enumerate(events)
    ]
    made[-1] = made[-1]._replace(usage=reported)
    return made


def _status(reply: Reply) -> str:
    return "incomplete" if reply.answer.finish in INCOMPLETE else "completed"


def _response(reply: Reply, status: str, items: list[Json], reported: Json | None) -> Json:
    asked = reply.ask.raw
    return {
        "id": f"resp_{reply.ident}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "error": None,
        "incomplete_details": _incomplete(reply) if status == "incomplete" else None,
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
        "service_tier": tier(reply),
        "usage": reported,
        "previous_response_id": asked.get("previous_response_id"),
        "reasoning": asked.get("reasoning") or {"effort": None, "summary": None},
        "store": asked.get("store") is not False,
        "text": asked.get("text") or {"format": {"type": "text"}},
        "truncation": asked.get("truncation") or "disabled",
    }


def _incomplete(reply: Reply) -> Json:
    return {"reason": INCOMPLETE[reply.answer.finish]}


def items_of(reply: Reply) -> list[Json]:
    """The output items: reasoning, message, function calls."""
    answer, items = reply.answer, []
    if answer.reasoning_tokens:
        items.append(_reasoning(reply))
    if answer.text:
        message = {
            "id": f"msg_{reply.ident}",
            "type": "message",
            "role": "assistant",
            "status": _status(reply),
        }
        items.append({**message, "content": [_part(reply, answer.text)]})
    return items + [_call(index, call, reply) for index, call in enumerate(answer.calls)]


def _call(index: int, call: answers.ToolCall, reply: Reply) -> Json:
    tools = responses_requests.callable_tools(reply.ask.raw.get("tools") or [])
    kind, space = next((tool["type"], space) for _, tool, space in tools if tool["name"] == call.name)
    made: Json = {"call_id": f"call_{reply.ident}{index}", "name": call.name, "status": "completed"}
    if space:
        made["namespace"] = space
    if kind == "custom":
        text = str(call.arguments.get("input", ""))
        return {"id": f"ctc_{reply.ident}{index}", "type": "custom_tool_call", **made, "input": text}
    arguments = wire.arguments(call, reply.knobs) or ""
    return {"id": f"fc_{reply.ident}{index}", "type": "function_call", **made, "arguments": arguments}


def _reasoning(reply: Reply) -> Json:
    summary = [{"type": "summary_text", "text": answers.THOUGHT}] if reply.ask.show_thoughts else []
    item: Json = {"id": f"rs_{reply.ident}", "type": "reasoning", "summary": summary}
    if ENCRYPTED in (reply.ask.raw.get("include") or ()):
        item["encrypted_content"] = signed("reasoning", "", reply.ident)
    return item


def _part(reply: Reply, text: str) -> Json:
    if reply.answer.finish == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": _logprobs(reply, text)}


def _logprobs(reply: Reply, text: str) -> list[Json]:
    """Those of the whole text; an empty part has none yet."""
    top = reply.ask.top_logprobs
    return logprobs.openai(reply.answer.pieces, top) if text and top is not None else []


def _item_events(index: int, item: Json, reply: Reply) -> list[Event]:
    opened = {**item, "status": "in_progress"} if "status" in item else item
    inner: list[Event] = []
    if item["type"] == "message":
        opened["content"] = []
        inner = _part_events(index, item, reply)
    elif item["type"] in CONTENT:
        opened[CONTENT[item["type"]]] = ""
        inner = _call_events(index, item, reply)
    elif item["summary"]:
        opened = {**item, "summary": []}
        inner = _summary_events(index, item)
    return [
        ("response.output_item.added", {"output_index": index, "item": opened}, False),
        *inner,
        ("response.output_item.done", {"output_index": index, "item": item}, False),
    ]


def _summary_events(index: int, item: Json) -> list[Event]:
    place = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    [part] = item["summary"]
    kind = "response.reasoning_summary"
    return [
        (f"{kind}_part.added", {**place, "part": {**part, "text": ""}}, False),
        *((f"{kind}_text.delta", {**place, "delta": piece}, False) for piece in answers.cut(part["text"], 2)),
        (f"{kind}_text.done", {**place, "text": part["text"]}, False),
        (f"{kind}_part.done", {**place, "part": part}, False),
    ]


def _part_events(index: int, item: Json, reply: Reply) -> list[Event]:
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    [part] = item["content"]
    is_refusal = part["type"] == "refusal"
    kind = "response.refusal" if is_refusal else "response.output_text"
    done = (
        {"refusal": part["refusal"]} if is_refusal else {"text": part["text"], "logprobs": part["logprobs"]}
    )
    return [
        ("response.content_part.added", {**place, "part": _part(reply, "")}, False),
        *((f"{kind}.delta", {**place, **_delta(reply, piece)}, True) for piece in reply.answer.pieces),
        (f"{kind}.done", {**place, **done}, False),
        ("response.content_part.done", {**place, "part": part}, False),
    ]


def _delta(reply: Reply, piece: str) -> Json:
    top = reply.ask.top_logprobs
    if reply.answer.finish == "refusal":
        return {"delta": piece}
    return {"delta": piece, "logprobs": [] if top is None else logprobs.openai([piece], top)}


def _call_events(index: int, item: Json, reply: Reply) -> list[Event]:
    place = {"item_id": item["id"], "output_index": index}
    content = CONTENT[item["type"]]
    kind = f"response.{item['type']}_{content}"
    pieces = answers.cut(item[content], reply.knobs.argument_chunks)
    deltas = [(f"{kind}.delta", {**place, "delta": piece}, True) for piece in pieces]
    done = {**place, content: item[content]}
    if content == "arguments":
        done["name"] = item["name"]
    return [*deltas, (f"{kind}.done", done, False)]


def in_stream_error(knobs: Knobs) -> bytes:
    """The event that ends a stream which failed after it began."""
    error = openai_wire.error_of(knobs.status or 500, "", knobs.error_code, None)
    return wire.named_frame({"type": "error", "sequence_number": 0, **{**error, "type": "error"}})
