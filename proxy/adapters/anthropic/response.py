"""A whole message as an OpenAI ``chat.completion``."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters import completion, faults, wire
from proxy.adapters.anthropic import errors, usage
from proxy.adapters.base import Answer, Target

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "stop",
    "refusal": "content_filter",
    "compaction": "stop",
}
_SAYS_LESS = frozenset({"pause_turn", "compaction"})  # more was to come: the flag keeps what "stop" hides


def finish_reason_from(reason: object) -> tuple[str, tuple[str, ...]]:
    """OpenAI's word for Anthropic's stop reason, and a flag where that word says less."""
    known = FINISH_REASONS.get(reason) if isinstance(reason, str) else None
    if known is None or reason in _SAYS_LESS:
        return known or "stop", (f"native_finish:{str(reason)[:40]}",)
    return known, ()


def response_from(body: bytes, headers: Mapping[str, str], target: Target) -> Answer:
    """Raises VendorError: PROVIDER on an answer that cannot be read, and what an error inside a 200 means."""
    message = _message(body)
    blocks = wire.objects(message.get("content"))
    text = "".join(wire.text(block.get("text")) for block in blocks if block.get("type") == "text")
    raw = message.get("usage")
    model = wire.text(message.get("model")) or target.model
    counts, flags = usage.usage_from(raw, model)
    variant, tier_flags = usage.variant_from(raw)
    finish_reason, finish_flags = finish_reason_from(message.get("stop_reason"))
    upstream_id = wire.text(message.get("id"))
    return Answer(
        body=completion.body(
            upstream_id=upstream_id,
            model=model,
            text=text,
            thoughts="".join(
                wire.text(block.get("thinking")) for block in blocks if block.get("type") == "thinking"
            ),
            tool_calls=[_tool_call(block) for block in blocks if block.get("type") == "tool_use"],
            finish_reason=finish_reason,
            usage=counts,
        ),
        usage=counts,
        raw_usage=raw if isinstance(raw, dict) and raw else None,
        finish_reason=finish_reason,
        text=text,
        model=model,
        upstream_id=upstream_id or wire.header(headers, "request-id") or "",
        variant=variant,
        flags=flags + tier_flags + finish_flags,
    )


def _message(body: bytes) -> Mapping[str, Any]:
    try:
        message = msgspec.json.decode(body)
    except wire.UNREADABLE as reason:
        raise faults.malformed(f"the answer is not JSON: {reason}") from None
    if wire.mapping(message).get("error") or wire.mapping(message).get("type") == "error":
        raise errors.in_band(message)
    if not isinstance(wire.mapping(message).get("content"), list):
        raise faults.malformed("the answer is not a message")
    return wire.mapping(message)


def _tool_call(block: Mapping[str, Any]) -> dict[str, Any]:
    arguments = wire.encode(block.get("input") or {}).decode()
    return completion.tool_call(
        call_id=wire.text(block.get("id")), name=wire.text(block.get("name")), arguments=arguments
    )
