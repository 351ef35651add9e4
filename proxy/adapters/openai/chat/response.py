"""A whole answer for callers of the same dialect: the body goes back as the very bytes that came."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters import faults
from proxy.adapters.base import Answer, Target
from proxy.adapters.openai import errors
from proxy.adapters.openai.bill import Bill
from proxy.adapters.openai.chat import bill, content
from proxy.interchange import wire
from proxy.interchange.dialect import Call


class Message(msgspec.Struct):
    content: Any = None
    annotations: Any = None
    executed_tools: Any = None


class Choice(msgspec.Struct):
    message: Message | None = None
    finish_reason: Any = None


class Body(msgspec.Struct):
    """What the ledger needs of an answer."""

    id: Any = ""
    model: Any = ""
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None
    service_tier: Any = None
    x_groq: Any = None
    usage_breakdown: Any = None


_decode = msgspec.json.Decoder(Body).decode


def response_from(body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
    """Raises VendorError: PROVIDER on an answer that cannot be read, and what an error inside a 200 means."""
    parsed, choices = read(body)
    billed = bill_of(parsed, target)
    first = choices[0]
    return Answer(
        body=body,
        usage=billed.usage,
        raw_usage=billed.raw_usage,
        finish_reason=content.finish_reason_from(first.finish_reason),
        text=content.text_of(first.message.content) if first.message else "",
        model=wire.text(parsed.model),
        upstream_id=wire.text(parsed.id) or wire.header(headers, "x-request-id") or "",
        variant=billed.variant,
        flags=billed.flags,
        parts=billed.parts,
        reported_cost=billed.reported_cost,
    )


def read(body: bytes) -> tuple[Body, list[Choice]]:
    """The answer and its choices, of which there is at least one. Raises VendorError."""
    try:
        parsed = _decode(body)
    except wire.UNREADABLE as reason:
        raise faults.malformed(f"the answer is not a chat completion: {reason}") from None
    if parsed.error:
        raise errors.in_band(msgspec.json.decode(body))
    if not parsed.choices:
        raise faults.malformed("the answer has no choices")
    return parsed, parsed.choices


def bill_of(parsed: Body, target: Target) -> Bill:
    """What the answer will be billed for."""
    messages = [choice.message for choice in parsed.choices or [] if choice.message]
    return bill.bill_of(
        bill.reported_usage(parsed.usage, parsed.x_groq),
        kind=target.kind,
        tier=parsed.service_tier,
        searched=any(bill.cites(message.annotations) for message in messages),
        tools=[tool for message in messages for tool in wire.objects(message.executed_tools)],
        breakdown=parsed.usage_breakdown,
    )
