"""A whole answer: what the ledger needs is read, and the body goes back as the very bytes that came."""

from collections.abc import Mapping
from typing import Any

import msgspec

from metering.usage import Usage
from proxy.adapters import faults, wire
from proxy.adapters.base import Answer, Target
from proxy.adapters.openai import errors, usage

FINISH_REASONS = {"eos": "stop"}  # Together's own word; all others are OpenAI's


class _Message(msgspec.Struct):
    content: Any = None
    annotations: Any = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: Any = None


class _Body(msgspec.Struct):
    id: Any = ""
    model: Any = ""
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None
    service_tier: Any = None
    x_groq: Any = None


_decode = msgspec.json.Decoder(_Body).decode


def response_from(body: bytes, headers: Mapping[str, str], target: Target) -> Answer:
    """Raises VendorError: PROVIDER on an answer that cannot be read, and what an error inside a 200 means."""
    try:
        parsed = _decode(body)
    except wire.UNREADABLE as reason:
        raise faults.malformed(f"the answer is not a chat completion: {reason}") from None
    if parsed.error:
        raise errors.in_band(msgspec.json.decode(body))
    if not parsed.choices:
        raise faults.malformed("the answer has no choices")
    first = parsed.choices[0]
    raw = reported_usage(parsed.usage, parsed.x_groq)
    counts, flags = usage.usage_from(raw)
    variant, tier_flags = usage.variant_from(parsed.service_tier or wire.mapping(raw).get("service_tier"))
    searched = any(has_citations(choice.message) for choice in parsed.choices)
    return Answer(
        body=body,
        usage=with_search(counts, searched=searched, kind=target.kind),
        raw_usage=raw,
        finish_reason=finish_reason_from(first.finish_reason),
        text=text_of(first.message.content) if first.message else "",
        model=wire.text(parsed.model),
        upstream_id=wire.text(parsed.id) or wire.header(headers, "x-request-id") or "",
        variant=variant,
        flags=flags + tier_flags,
    )


def reported_usage(reported: object, x_groq: object) -> dict[str, Any] | None:
    """The vendor's usage object; Groq may keep it in its own corner."""
    if isinstance(reported, dict) and reported:
        return reported
    corner = wire.mapping(x_groq).get("usage")
    return corner if isinstance(corner, dict) and corner else None


def finish_reason_from(reason: object) -> str | None:
    """The vendor's finish reason in OpenAI's words; None while there is none."""
    return FINISH_REASONS.get(reason, reason) if isinstance(reason, str) and reason else None


def text_of(content: object) -> str:
    """The visible text of a message or delta; Mistral may send a list of parts, thinking among them."""
    if isinstance(content, str):
        return content
    return "".join(
        wire.text(part.get("text")) for part in wire.objects(content) if part.get("type") == "text"
    )


def thinking_of(content: object) -> str:
    """The thinking inside a list of parts (Mistral); empty for a string."""
    if not isinstance(content, list):
        return ""
    thoughts = (part.get("thinking") for part in wire.objects(content) if part.get("type") == "thinking")
    return "".join(text_of(thought) for thought in thoughts)


def has_citations(message: _Message | None) -> bool:
    """Whether the text cites the web, which it can only after a search."""
    notes = message.annotations if message else None
    return bool(notes) and any(note.get("type") == "url_citation" for note in wire.objects(notes))


def with_search(counts: Usage | None, *, searched: bool, kind: str) -> Usage | None:
    """OpenAI's search models bill one call per answer and report it nowhere but in the citations."""
    if counts is None or not searched or counts.requests or kind != "openai":
        return counts
    return msgspec.structs.replace(counts, requests=1)
