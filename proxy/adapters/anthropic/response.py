"""A whole message: read, and as a reply for callers of another dialect."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from proxy.adapters import answers, faults
from proxy.adapters.anthropic import citations, errors, finish, formats, usage
from proxy.adapters.anthropic.models import model_from
from proxy.adapters.base import Answer, Target
from proxy.interchange import wire
from proxy.interchange.conversation import Text, Thinking, ToolUse
from proxy.interchange.dialect import Call
from proxy.interchange.reply import Block, Choice, Cited, Reply


def response_from(body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
    """Raises VendorError: PROVIDER on an answer that cannot be read, and what an error inside a 200 means."""
    message = message_from(body, headers)
    raw = message.get("usage")
    model = wire.text(message.get("model")) or target.model
    counts, flags = usage.usage_from(raw, model)
    variant, tier_flags = usage.variant_from(raw)
    choice, finish_flags = _choice(message, _answer_tool(call, target))
    reply = Reply(
        id=wire.text(message.get("id")),
        model=model,
        choices=(choice,),
        usage=counts,
        service_tier=finish.service_tier_from(wire.mapping(raw).get("service_tier")),
    )
    return answers.answer_of(
        reply,
        call,
        raw_usage=raw,
        variant=variant,
        flags=flags + tier_flags + finish_flags,
        upstream_id=wire.header(headers, "request-id") or "",
        parts=usage.parts_from(raw, model),
    )


def message_from(body: bytes, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The message in ``body``. Raises VendorError."""
    message = object_from(body, headers)
    if not isinstance(message.get("content"), list):
        raise faults.malformed("the answer is not a message")
    return message


def object_from(body: bytes, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The JSON object in ``body``. Raises VendorError, also for an error inside a 200."""
    try:
        decoded = msgspec.json.decode(body)
    except wire.UNREADABLE as reason:
        raise faults.malformed(f"the answer is not JSON: {reason}") from None
    found = wire.mapping(decoded)
    if found.get("error") or found.get("type") == "error":
        raise errors.in_band(decoded, headers)
    return found


def _answer_tool(call: Call, target: Target) -> str:
    """The tool whose input is the answer, when there is one."""
    tool = formats.answer_tool(call.conversation, model_from(target.model))
    return tool.name if tool is not None else ""


def _choice(message: Mapping[str, Any], answer_tool: str) -> tuple[Choice, tuple[str, ...]]:
    blocks = tuple(_blocks(wire.objects(message.get("content")), answer_tool))
    native = message.get("stop_reason")
    reason, flags = finish.finish_reason_from(native)
    if reason == "tool_calls" and answer_tool and not any(isinstance(block, ToolUse) for block in blocks):
        reason = "stop"
    choice = Choice(
        blocks=blocks,
        finish=reason,
        native=wire.text(native),
        stop_sequence=wire.text(message.get("stop_sequence")),
    )
    return choice, flags


def _blocks(blocks: list[Mapping[str, Any]], answer_tool: str) -> Iterator[Block]:
    """What the caller is told; server tools and their results are the vendor's own business."""
    said = 0
    for block in blocks:
        written = _block(block, said, answer_tool)
        if written is not None:
            said += len(written.text) if isinstance(written, Text | Cited) else 0
            yield written


def _block(block: Mapping[str, Any], said: int, answer_tool: str) -> Block | None:
    match block.get("type"):
        case "text":
            return _text(block, said)
        case "thinking":
            signature = wire.text(block.get("signature"))
            return Thinking(text=wire.text(block.get("thinking")), signature=signature, origin="anthropic")
        case "redacted_thinking":
            return Thinking(redacted=wire.text(block.get("data")), origin="anthropic")
        case "tool_use":
            arguments = wire.encode(block.get("input") or {}).decode()
            name = wire.text(block.get("name"))
            if answer_tool and name == answer_tool:
                return Text(text=arguments)
            return ToolUse(id=wire.text(block.get("id")), name=name, arguments=arguments)
    return None


def _text(block: Mapping[str, Any], said: int) -> Text | Cited:
    """``said`` is how many characters of text came before this block."""
    text = wire.text(block.get("text"))
    end = said + len(text)
    annotations = citations.annotations_of(wire.objects(block.get("citations")), start=said, end=end)
    return Cited(text, annotations) if annotations else Text(text=text)
