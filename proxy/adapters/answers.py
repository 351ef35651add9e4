"""A whole reply as an Answer: the caller's body, and what the ledger needs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from metering.usage import Part
from proxy.adapters.base import Answer
from proxy.interchange.dialect import Call
from proxy.interchange.reply import Reply


def answer_of(
    reply: Reply,
    call: Call,
    *,
    raw_usage: object,
    variant: str,
    flags: tuple[str, ...],
    upstream_id: str = "",
    parts: tuple[Part, ...] = (),
    reported_cost: Decimal | None = None,
) -> Answer:
    """``raw_usage`` is the vendor's own object; ``upstream_id`` where the reply has no id of its own."""
    raw: Mapping[str, Any] | None = raw_usage if isinstance(raw_usage, dict) and raw_usage else None
    return Answer(
        body=call.dialect.body_of(reply, call),
        usage=reply.usage,
        raw_usage=raw,
        finish_reason=reply.first.finish,
        text=reply.first.text,
        model=reply.model,
        upstream_id=reply.id or upstream_id,
        variant=variant,
        flags=flags,
        parts=parts,
        reported_cost=reported_cost,
    )
