"""Answers of the Messages API, whole and as events."""

from proxy.sandbox import answers, plan, wire
from proxy.sandbox import anthropic_thinking as thinking
from proxy.sandbox.anthropic_wire import in_stream_error
from proxy.sandbox.ask import Json
from proxy.sandbox.wire import Frame, Reply

__all__ = ["HEARTBEAT", "frames", "in_stream_error", "tier", "whole"]

STOP = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool": "tool_use",
    "refusal": "refusal",
    "filter": "refusal",
    "blocked": "refusal",
}
HEARTBEAT = wire.named_frame({"type": "ping"})
REFUSED = {"type": "refusal", "category": "general_harms", "explanation": None}


def tier(reply: Reply) -> str:
    """The service tier that is served; only a commitment would buy another than the standard one."""
    return reply.knobs.service_tier or "standard"


def usage(reply: Reply) -> Json:
    """Exclusive input counts: ``input_tokens`` is what was neither read from nor written to the cache."""
    answer, cache = reply.answer, reply.answer.cache
    written = cache.write_5m + cache.write_1h
    counted: Json = {
        "input_tokens": answer.input_tokens - cache.read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cache.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": cache.write_5m,
            "ephemeral_1h_input_tokens": cache.write_1h,
        },
        "output_tokens": answer.output_tokens + answer.reasoning_tokens,
        "output_tokens_details": {"thinking_tokens": answer.reasoning_tokens},
        "service_tier": tier(reply),
        "inference_geo": "not_available",
    }
    if reply.ask.tier:
        counted["speed"] = reply.ask.tier
    return counted


def whole(reply: Reply) -> tuple[bytes, Json | None]:
    """A ``message`` and the usage in it."""
    reported = wire.merged(usage(reply), reply.knobs)
    message = _message(reply, _blocks(reply))
    message["stop_reason"] = STOP[reply.answer.finish]
    message["stop_sequence"] = reply.answer.stop_sequence
    message["stop_details"] = _stop_details(reply)
    if reported is not None:
        message["usage"] = reported
    return wire.encode(message), reported


def _message(reply: Reply, content: list[Json]) -> Json:
    return {
        "id": f"msg_{reply.ident}",
        "type": "message",
        "role": "assistant",
        "model": reply.ask.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }


def _stop_details(reply: Reply) -> Json | None:
    return REFUSED if STOP[reply.answer.finish] == "refusal" else None


def _blocks(reply: Reply) -> list[Json]:
    answer = reply.answer
    blocks: list[Json] = []
    if answer.reasoning_tokens:
        is_secret = reply.knobs.redacted_thinking or plan.SECRET in reply.ask.prompt
        blocks.append(
            thinking.redacted(reply.ident) if is_secret else thinking.block(_thought(reply), reply.ident)
        )
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    for index, call in enumerate(answer.calls):
        ident = f"toolu_{reply.ident}{index}"
        blocks.append({"type": "tool_use", "id": ident, "name": call.name, "input": call.arguments})
    return blocks


def _thought(reply: Reply) -> str:
    omitted = (reply.ask.raw.get("thinking") or {}).get("display") == "omitted"
    return "" if omitted else answers.THOUGHT


def frames(reply: Reply) -> list[Frame]:
    """``message_start`` to ``message_stop``. The first usage is provisional, the last one final."""
    final = usage(reply)
    started = {**final, "output_tokens": 1}
    del started["output_tokens_details"]
    made = [_start(reply, wire.merged(started, reply.knobs))]
    blocks = _blocks(reply)
    streamed = [_block_frames(index, block, reply) for index, block in enumerate(blocks)]
    first_call = len(blocks) - len(reply.answer.calls)
    for block_frames in streamed[:first_call]:
        made += block_frames
    made += wire.woven(streamed[first_call:], reply.knobs)
    made.insert(2, Frame(HEARTBEAT))
    # The closing usage has no split by time to live.
    ended = {name: final[name] for name in final if name.endswith(("_tokens", "_details"))}
    made.append(_end(reply, wire.merged(ended, reply.knobs)))
    made.append(Frame(wire.named_frame({"type": "message_stop"})))
    return made


def _start(reply: Reply, reported: Json | None) -> Frame:
    message = _message(reply, [])
    if reported is not None:
        message["usage"] = reported
    return Frame(wire.named_frame({"type": "message_start", "message": message}), usage=reported)


def _end(reply: Reply, reported: Json | None) -> Frame:
    answer = reply.answer
    delta = {
        "stop_reason": STOP[answer.finish],
        "stop_sequence": answer.stop_sequence,
        "stop_details": _stop_details(reply),
    }
    event: Json = {"type": "message_delta", "delta": delta}
    if reported is not None:
        event["usage"] = reported
    return Frame(wire.named_frame(event), usage=reported)


def _block_frames(index: int, block: Json, reply: Reply) -> list[Frame]:
    opened, deltas = _opened(block, reply)
    is_content = block["type"] in ("text", "tool_use")
    return [
        Frame(wire.named_frame({"type": "content_block_start", "index": index, "content_block": opened})),
        *(_delta(index, delta, is_content) for delta in deltas),
        Frame(wire.named_frame({"type": "content_block_stop", "index": index})),
    ]


def _opened(block: Json, reply: Reply) -> tuple[Json, list[tuple[str, str, str]]]:
    """How a block begins, and what is added to it: (type, member, value) of each delta."""
    if block["type"] == "thinking":
        pieces = answers.cut(block["thinking"], 2)
        deltas = [("thinking_delta", "thinking", piece) for piece in pieces]
        deltas.append(("signature_delta", "signature", block["signature"]))
        return {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if block["type"] == "text":
        return {"type": "text", "text": ""}, [("text_delta", "text", piece) for piece in reply.answer.pieces]
    if block["type"] == "tool_use":
        pieces = _argument_pieces(block, reply)
        return {**block, "input": {}}, [("input_json_delta", "partial_json", piece) for piece in pieces]
    return block, []


def _argument_pieces(block: Json, reply: Reply) -> list[str]:
    """The first piece is empty, as the vendor's; of a call without arguments there is no other."""
    if block["input"]:
        return ["", *answers.cut(wire.encode(block["input"]).decode(), reply.knobs.argument_chunks)]
    return {None: [""], "empty": [""], "braces": ["", "{}"], "omit": []}[reply.knobs.no_arguments]


def _delta(index: int, delta: tuple[str, str, str], is_content: bool) -> Frame:
    kind, name, value = delta
    event = {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: value}}
    return Frame(wire.named_frame(event), is_content)
