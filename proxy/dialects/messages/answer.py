"""A reply as a ``message``."""

from collections.abc import Iterator, Mapping
from typing import Any

from metering.usage import Usage
from proxy.interchange import signatures, wire
from proxy.interchange.conversation import Text, Thinking, ToolUse
from proxy.interchange.reply import Block, Cited, Refusal, Reply

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
# Anthropic's words that say more than OpenAI's do; kept where the vendor's own word is one of them.
NATIVE = frozenset({"stop_sequence", "pause_turn", "model_context_window_exceeded", "compaction"})


def body_of(reply: Reply) -> bytes:
    """The JSON for the caller: the first choice, as Anthropic gives one answer per call."""
    choice = reply.first
    refused = any(isinstance(block, Refusal) for block in choice.blocks)
    message = {
        **head(reply.id, reply.model),
        "content": [block for found in choice.blocks for block in _blocks(found)],
        "stop_reason": stop_reason(choice.finish, choice.native, choice.stop_sequence, refused=refused),
        "stop_sequence": choice.stop_sequence or None,
        "usage": usage_for_caller(reply.usage),
    }
    return wire.encode(message)


def head(upstream_id: str, model: str) -> dict[str, Any]:
    """What a message begins with."""
    return {"id": upstream_id or "msg_unknown", "type": "message", "role": "assistant", "model": model}


def stop_reason(finish: str, native: str, stop_sequence: str, *, refused: bool) -> str:
    """Anthropic's word; ``refused``: the model said no in words of its own."""
    if native in NATIVE:
        return native
    if stop_sequence:
        return "stop_sequence"
    return "refusal" if refused and finish == "stop" else STOP_REASONS.get(finish, "end_turn")


def usage_for_caller(usage: Usage | None) -> dict[str, Any]:
    """Anthropic's exclusive counts; zeros when the vendor told none, as its clients need numbers (the ledger
    keeps them unknown)."""
    usage = usage or Usage()
    told: dict[str, Any] = {
        "input_tokens": usage.input + usage.audio_input,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.total_output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }
    if usage.requests:
        told["server_tool_use"] = {"web_search_requests": usage.requests, "web_fetch_requests": 0}
    return told


def thinking_block(thinking: Thinking) -> dict[str, Any]:
    """See Note [Sealed signatures] in ``interchange.signatures``."""
    if thinking.redacted:
        return {"type": "redacted_thinking", "data": thinking.redacted}
    signature = signatures.sealed(thinking.origin, thinking.id, thinking.signature)
    return {"type": "thinking", "thinking": thinking.text, "signature": signature}


def tool_block(call_id: str, name: str, signature: str, arguments: Any) -> dict[str, Any]:
    """See Note [Signatures in ids] in ``interchange.signatures``."""
    return {
        "type": "tool_use",
        "id": signatures.in_id(call_id, signature),
        "name": name,
        "input": arguments,
    }


def citation(annotation: Mapping[str, Any]) -> dict[str, Any] | None:
    """A web source as Anthropic cites it; other annotations have no place there."""
    if annotation.get("type") != "url_citation":
        return None
    found = wire.mapping(annotation.get("url_citation")) or annotation
    return {
        "type": "web_search_result_location",
        "url": wire.text(found.get("url")),
        "title": wire.text(found.get("title")),
        "cited_text": "",
        "encrypted_index": "",
    }


def _blocks(block: Block) -> Iterator[dict[str, Any]]:
    if isinstance(block, Thinking):
        yield thinking_block(block)
    elif isinstance(block, ToolUse):
        arguments = wire.maybe_decoded(block.arguments)
        yield tool_block(
            block.id, block.name, block.signature, arguments if isinstance(arguments, dict) else {}
        )
    elif block.text:
        yield _text(block)


def _text(block: Text | Cited | Refusal) -> dict[str, Any]:
    written: dict[str, Any] = {"type": "text", "text": block.text}
    if isinstance(block, Cited):
        written["citations"] = [found for note in block.annotations if (found := citation(note))]
    return written
