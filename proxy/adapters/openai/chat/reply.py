"""A whole chat completion for callers of other dialects."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from proxy.adapters import answers
from proxy.adapters.base import Answer, Target
from proxy.adapters.openai.chat import content, response, thoughts
from proxy.interchange import wire
from proxy.interchange.conversation import Text, ToolUse
from proxy.interchange.dialect import Call
from proxy.interchange.reply import Block, Choice, Cited, Refusal, Reply


def response_from(body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
    """Raises VendorError, as ``response.response_from``."""
    parsed, _ = response.read(body)
    billed = response.bill_of(parsed, target)
    whole = msgspec.json.decode(body)
    reply = Reply(
        id=wire.text(parsed.id),
        model=wire.text(parsed.model),
        choices=tuple(_choice(choice, wire.text(parsed.id)) for choice in wire.objects(whole["choices"])),
        usage=billed.usage,
        service_tier=billed.tier,
    )
    return answers.answer_of(
        reply,
        call,
        raw_usage=billed.raw_usage,
        variant=billed.variant,
        flags=billed.flags,
        upstream_id=wire.header(headers, "x-request-id") or "",
        parts=billed.parts,
        reported_cost=billed.reported_cost,
    )


def _choice(choice: Mapping[str, Any], answer_id: str) -> Choice:
    message = wire.mapping(choice.get("message"))
    blocks = tuple(_blocks(message, answer_id))
    native = choice.get("native_finish_reason") or choice.get("finish_reason")
    called = any(isinstance(block, ToolUse) for block in blocks)
    reason = content.finish_reason_from(choice.get("finish_reason"))
    return Choice(
        blocks=blocks,
        finish=content.finish_for_others(reason, called=called),
        native=wire.text(native),
        logprobs=choice.get("logprobs") or None,
    )


def _blocks(message: Mapping[str, Any], answer_id: str) -> Iterator[Block]:
    said = message.get("content")
    for field in ("reasoning_content", "reasoning"):
        if thought := wire.text(message.get(field)):
            yield thoughts.thinking(thought, field)
            break
    if thought := content.thinking_of(said):
        yield thoughts.thinking(thought, "content")
    if text := content.text_of(said):
        notes = wire.objects(message.get("annotations"))
        yield Cited(text, tuple(notes)) if notes else Text(text=text)
    if refusal := wire.text(message.get("refusal")):
        yield Refusal(refusal)
    older = [{"function": call}] if (call := wire.mapping(message.get("function_call"))) else []
    for number, call in enumerate(wire.objects(message.get("tool_calls")) or older):
        yield _tool_use(call, f"call_{answer_id}_{number}")


def _tool_use(call: Mapping[str, Any], fallback_id: str) -> ToolUse:
    """No arguments are an empty object (checks K3)."""
    function = wire.mapping(call.get("function"))
    arguments = wire.text(function.get("arguments"))
    return ToolUse(
        id=wire.text(call.get("id")) or fallback_id,
        name=wire.text(function.get("name")),
        arguments=arguments if arguments.strip() else "{}",
    )
