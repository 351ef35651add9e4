"""What a chat completion will be billed for."""

from collections.abc import Mapping
from typing import Any

import msgspec

from metering.usage import Usage
from proxy.adapters.openai import fees, usage
from proxy.adapters.openai.bill import Bill
from proxy.interchange import wire


def bill_of(
    raw: Mapping[str, Any] | None,
    *,
    kind: str,
    tier: object,
    searched: bool,
    tools: object = None,
    breakdown: object = None,
) -> Bill:
    """``raw`` is the vendor's usage, ``tools`` Groq's ``executed_tools``, ``breakdown`` its
    ``usage_breakdown``; ``searched``: the text cites the web."""
    counts, flags = usage.usage_from(raw)
    served = tier or wire.mapping(raw).get("service_tier")
    variant, tier_flags = usage.variant_from(served)
    return Bill(
        usage=_with_search(counts, searched=searched, kind=kind),
        raw_usage=raw if counts is not None else None,
        variant=variant,
        flags=(*flags, *tier_flags, *fees.fees_of_tools(tools)),
        tier=wire.text(served),
        parts=usage.parts_from(breakdown),
        reported_cost=fees.reported_cost_from(raw),
    )


def reported_usage(reported: object, x_groq: object) -> dict[str, Any] | None:
    """The vendor's usage object; Groq may keep it in its own corner."""
    if isinstance(reported, dict) and reported:
        return reported
    corner = wire.mapping(x_groq).get("usage")
    return corner if isinstance(corner, dict) and corner else None


def cites(annotations: object) -> bool:
    """Whether the text cites the web, which it can only after a search."""
    return bool(annotations) and any(note.get("type") == "url_citation" for note in wire.objects(annotations))


def _with_search(counts: Usage | None, *, searched: bool, kind: str) -> Usage | None:
    """OpenAI's search models bill one call per answer and report it nowhere but in the citations."""
    if counts is None or not searched or counts.requests or kind != "openai":
        return counts
    return msgspec.structs.replace(counts, requests=1)
