"""Anthropic's messages and events in tests, as the vendor writes them."""

import json
from typing import Any

MODEL = "claude-sonnet-4-5"


def message(*blocks: dict[str, Any], stop: str = "end_turn", **more: Any) -> bytes:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 7}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "usage": usage}
    return json.dumps({**head, "content": list(blocks), "stop_reason": stop, **more}).encode()


def start(message_id: str = "msg_1", **usage: Any) -> dict[str, Any]:
    counts = {"input_tokens": 25, "output_tokens": 1, **usage}
    return {"type": "message_start", "message": {"id": message_id, "model": MODEL, "usage": counts}}


def block(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **more}}


def piece(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}


def end(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def delta(stop: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage}


STOP = {"type": "message_stop"}
HELLO = [
    block(0, "text", text=""),
    piece(0, "text_delta", text="Hel"),
    piece(0, "text_delta", text="lo"),
    end(0),
]
