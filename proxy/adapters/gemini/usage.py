"""Gemini's usage into disjoint buckets.

The prompt count includes cached tokens; the candidates count excludes thoughts; tool-use prompt tokens are in
neither, so ``total = prompt + candidates + thoughts + toolUse``. A count that is absent is 0: the candidates
are absent when only thoughts were produced.
"""

from collections.abc import Mapping
from typing import Any

from metering.usage import Usage, unpriced
from proxy.adapters.gemini.effort import version_of
from proxy.interchange import wire

_COUNTS = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount")

TIERS = {
    "standard": "standard",
    "flex": "flex",
    "priority": "priority",
    "batch": "batch",
    "ON_DEMAND": "standard",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
}


def usage_from(raw: object) -> tuple[Usage | None, tuple[str, ...]]:
    """Buckets and flags; None when the vendor reported no counts (Vertex's chunks before the last)."""
    usage = wire.mapping(raw)
    if not any(isinstance(usage.get(name), int | float) for name in _COUNTS):
        return None, ()
    prompt, cached = (
        wire.count(usage.get("promptTokenCount")),
        wire.count(usage.get("cachedContentTokenCount")),
    )
    candidates, thoughts = (
        wire.count(usage.get("candidatesTokenCount")),
        wire.count(usage.get("thoughtsTokenCount")),
    )
    tools = wire.count(usage.get("toolUsePromptTokenCount"))

    read = min(cached, prompt)
    heard = max(_audio(usage, "promptTokensDetails") - _audio(usage, "cacheTokensDetails"), 0)
    audio_in = min(heard, prompt - read)
    audio_out = min(_audio(usage, "candidatesTokensDetails"), candidates)
    buckets = Usage(
        input=prompt - read - audio_in + tools,
        cache_read=read,
        output=candidates - audio_out,
        reasoning=thoughts,
        audio_input=audio_in,
        audio_output=audio_out,
    )
    return buckets, _flags(usage, buckets, clamped=read < cached)


def searches_in(candidate: Mapping[str, Any], model: str) -> int:
    """Google searches that were made: billed per query from Gemini 3 on, once per prompt before."""
    grounding = wire.mapping(candidate.get("groundingMetadata"))
    queries = [query for query in wire.items(grounding.get("webSearchQueries")) if query]
    return len(queries) if version_of(model) >= (3, 0) else min(len(queries), 1)


def unpriced_in(candidate: Mapping[str, Any]) -> tuple[str, ...]:
    """Flags for grounding that is billed at another rate than web searches: Google Maps."""
    chunks = wire.objects(wire.mapping(candidate.get("groundingMetadata")).get("groundingChunks"))
    return (unpriced("google_maps"),) if any("maps" in chunk for chunk in chunks) else ()


def variant_from(raw: object, served: str | None = None) -> tuple[str, tuple[str, ...]]:
    """The price variant that was served, by the usage or the ``x-gemini-service-tier`` header.

    A tier that we do not know (or that is paid in advance) is ``unknown``: no price row can be for it.
    """
    usage = wire.mapping(raw)
    tier = usage.get("serviceTier") or usage.get("trafficType") or served
    if not isinstance(tier, str) or tier.endswith("UNSPECIFIED"):
        return "standard", ()
    known = TIERS.get(tier) or TIERS.get(tier.lower())
    if known:
        return known, ()
    return "unknown", (
        "provisioned_throughput" if tier == "PROVISIONED_THROUGHPUT" else "unknown_service_tier",
    )


def _audio(usage: Mapping[str, Any], details: str) -> int:
    entries = wire.objects(usage.get(details))
    return sum(wire.count(entry.get("tokenCount")) for entry in entries if entry.get("modality") == "AUDIO")


def _flags(usage: Mapping[str, Any], buckets: Usage, *, clamped: bool) -> tuple[str, ...]:
    flags: tuple[str, ...] = ("usage_clamped",) if clamped else ()
    total = usage.get("totalTokenCount")
    if total is not None and wire.count(total) != buckets.total_tokens:
        flags += ("usage_mismatch",)
    return flags
