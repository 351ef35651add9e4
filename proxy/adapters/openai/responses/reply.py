"""A whole Responses answer for callers of other dialects."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.adapters import answers
from proxy.adapters.base import Answer, Target
from proxy.adapters.openai.responses import outcome, response
from proxy.interchange import wire
from proxy.interchange.conversation import Text, Thinking, ToolUse
from proxy.interchange.dialect import Call
from proxy.interchange.reply import Block, Choice, Cited, Refusal, Reply

BETWEEN_SUMMARIES = "\n\n"


def response_from(body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
    """Raises VendorError."""
    told = response.read(body)
    billed = outcome.bill_of(told)
    items = wire.objects(told.output)
    choice = Choice(
        blocks=tuple(block for item in items for block in blocks_of(item)),
        finish=outcome.finish_of(told) or "stop",
        native=outcome.reason_of(told),
        logprobs=_logprobs(items),
    )
    reply = Reply(
        id=wire.text(told.id),
        model=wire.text(told.model),
        choices=(choice,),
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
        reported_cost=billed.reported_cost,
    )


def blocks_of(item: Mapping[str, Any]) -> Iterator[Block]:
    """What one output item says; nothing for the vendor's own tools."""
    match item.get("type"):
        case "reasoning":
            yield thinking_of(item)
        case "message":
            for part in wire.objects(item.get("content")):
                yield from _said(part)
        case "function_call":
            yield ToolUse(
                id=wire.text(item.get("call_id")) or wire.text(item.get("id")),
                name=wire.text(item.get("name")),
                arguments=wire.text(item.get("arguments")) or "{}",
            )


def thinking_of(item: Mapping[str, Any]) -> Thinking:
    """A reasoning item: its summary or its text, and the encrypted whole."""
    pieces = wire.objects(item.get("summary")) or wire.objects(item.get("content"))
    return Thinking(
        text=BETWEEN_SUMMARIES.join(wire.text(piece.get("text")) for piece in pieces),
        signature=wire.text(item.get("encrypted_content")),
        origin="openai",
        id=wire.text(item.get("id")),
    )


def annotation(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """An annotation as chat completions write it: its fields under its type's name."""
    kind = wire.text(given.get("type"))
    if not kind or kind in given:
        return given
    return {"type": kind, kind: {name: value for name, value in given.items() if name != "type"}}


def _said(part: Mapping[str, Any]) -> Iterator[Block]:
    text = wire.text(part.get("text"))
    if part.get("type") == "refusal":
        yield Refusal(wire.text(part.get("refusal")))
    elif notes := wire.objects(part.get("annotations")):
        yield Cited(text, tuple(annotation(note) for note in notes))
    elif text:
        yield Text(text=text)


def _logprobs(items: list[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Log probabilities as chat completions write them; None when there are none."""
    parts = [part for item in items for part in wire.objects(item.get("content"))]
    tokens = [token for part in parts for token in wire.objects(part.get("logprobs"))]
    return {"content": tokens, "refusal": None} if tokens else None
