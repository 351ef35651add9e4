"""OpenAI-shaped usage, as the vendors really fill it, into disjoint buckets.

Note [Inclusive counts]
OpenAI counts inclusively: ``prompt_tokens`` holds cached, cache-written and audio tokens,
``completion_tokens`` holds reasoning and audio. Vendors that copy the shape do not all copy the rule, and say
so only through ``total_tokens``:

* total == prompt + completion + reasoning   xAI: reasoning is beside completion
* total == prompt + audio + completion       Mistral: audio is beside prompt
* total  > prompt + completion, unexplained  Gemini's compatible endpoint hides its thoughts:
  output = total - prompt

So the body decides, never the vendor's name. Counts that contradict each other are clamped and flagged; the
raw object is kept beside them.
"""

from collections.abc import Mapping
from typing import Any

from metering.usage import Part, Usage
from proxy.adapters.openai import fees
from proxy.interchange import wire

TIERS = {
    "default": "standard",
    "standard": "standard",
    "auto": "standard",
    "on_demand": "standard",  # Groq
    "flex": "flex",
    "priority": "priority",
    "fast": "priority",  # OpenAI answers a request for "fast" with "priority"
    "batch": "batch",
}
_RESPONSES_NAMES = {
    "input_tokens": "prompt_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens": "completion_tokens",
    "output_tokens_details": "completion_tokens_details",
    "total_tokens": "total_tokens",
}
_CACHED_PLACES = ("cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens")


def usage_from(raw: object) -> tuple[Usage | None, tuple[str, ...]]:
    """Buckets and flags; None when the vendor reported no counts. Explicit zeros are usage."""
    usage = wire.mapping(raw)
    if not _told(usage):
        return None, ()
    sent, came = _details(usage, "prompt_tokens_details"), _details(usage, "completion_tokens_details")
    audio_in, reasoning = wire.count(sent.get("audio_tokens")), _reasoning(usage, came)
    prompt, completion, excess = _reconciled(usage, audio_in, reasoning)

    read, write, audio_in, prompt_clamped = _prompt_parts(usage, sent, prompt, audio_in)
    reasoning, audio_out, output_clamped = _output_parts(came, completion, reasoning)
    write_long = min(_written_long(sent), write)
    buckets = Usage(
        input=prompt - read - write - audio_in,
        cache_read=read,
        cache_write_5m=write - write_long,
        cache_write_1h=write_long,
        output=completion - reasoning - audio_out,
        reasoning=reasoning + max(excess, 0),
        audio_input=audio_in,
        audio_output=audio_out,
        requests=fees.requests_in(usage),
    )
    flags = _flags(excess, clamped=prompt_clamped or output_clamped)
    return buckets, (*flags, *fees.unpriced_in(usage))


def responses_usage_from(raw: object) -> tuple[Usage | None, tuple[str, ...]]:
    """As ``usage_from``, for the usage of the Responses API, which counts by the same rules.

    Fees are counted from the answer's items (``fees.fees_in``), so counters of them are passed over here.
    """
    usage = wire.mapping(raw)
    named = {ours: usage[theirs] for theirs, ours in _RESPONSES_NAMES.items() if theirs in usage}
    return usage_from(named)


def parts_from(breakdown: object) -> tuple[Part, ...]:
    """Each model's share of the usage of a compound system: Groq's ``usage_breakdown``, beside its usage."""
    parts = []
    for entry in wire.objects(wire.mapping(breakdown).get("models")):
        counts, _ = usage_from(entry.get("usage"))
        if counts is not None:
            parts.append(Part(wire.text(entry.get("model")), counts))
    return tuple(parts)


def variant_from(tier: object) -> tuple[str, tuple[str, ...]]:
    """The price variant of the tier that was served.

    A tier that we do not know is ``unknown``, for which no price row can be: its cost is unknown, too.
    """
    if not isinstance(tier, str) or not tier:
        return "standard", ()
    known = TIERS.get(tier)
    return (known, ()) if known else ("unknown", ("unknown_service_tier",))


def _told(usage: Mapping[str, Any]) -> bool:
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"), usage.get("total_tokens"))
    return any(value is not None for value in counts)


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return wire.mapping(usage.get(name))


def _reconciled(usage: Mapping[str, Any], audio: int, reasoning: int) -> tuple[int, int, int]:
    """Inclusive prompt and completion, and what the total says beyond them. See Note [Inclusive counts]."""
    prompt, completion = wire.count(usage.get("prompt_tokens")), wire.count(usage.get("completion_tokens"))
    total = wire.count(usage.get("total_tokens"))
    excess = total - prompt - completion if total else 0
    if not excess:
        return prompt, completion, 0
    if excess == audio:
        return prompt + audio, completion, 0
    if excess == reasoning:
        return prompt, completion + reasoning, 0
    return prompt, completion, excess


def _reasoning(usage: Mapping[str, Any], came: Mapping[str, Any]) -> int:
    return wire.count(came.get("reasoning_tokens", usage.get("reasoning_tokens")))


def _cached(usage: Mapping[str, Any], sent: Mapping[str, Any]) -> int:
    """OpenAI's place first, then Together's and Moonshot's, Mistral's, DeepSeek's."""
    cached = sent.get("cached_tokens")
    for place in _CACHED_PLACES:
        if cached is not None:
            break
        cached = usage.get(place)
    return wire.count(cached)


def _written_long(sent: Mapping[str, Any]) -> int:
    return wire.count(wire.mapping(sent.get("cache_write_tokens_details")).get("ttl_12h_tokens"))


def _prompt_parts(
    usage: Mapping[str, Any], sent: Mapping[str, Any], prompt: int, audio: int
) -> tuple[int, int, int, bool]:
    """Cache read, cache write, uncached audio, and whether a count had to be clamped."""
    cached, written = _cached(usage, sent), wire.count(sent.get("cache_write_tokens"))
    read = min(cached, prompt)
    write = min(written, prompt - read)
    # Cached tokens may themselves be audio: what does not fit beside them is already in the read bucket.
    return read, write, min(audio, prompt - read - write), (read, write) != (cached, written)


def _output_parts(came: Mapping[str, Any], completion: int, reported: int) -> tuple[int, int, bool]:
    """Reasoning, audio, and whether a count had to be clamped."""
    reasoning = min(reported, completion)
    spoken = wire.count(came.get("audio_tokens"))
    audio = min(spoken, completion - reasoning)
    return reasoning, audio, (reasoning, audio) != (reported, spoken)


def _flags(excess: int, *, clamped: bool) -> tuple[str, ...]:
    if not excess and not clamped:
        return ()
    total = ("hidden_output",) if excess > 0 else ("usage_mismatch",) if excess else ()
    return (*total, "usage_clamped") if clamped else total
