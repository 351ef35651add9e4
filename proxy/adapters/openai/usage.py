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

from metering.usage import Usage
from proxy.adapters import wire

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
        requests=_requests(usage),
    )
    return buckets, _flags(excess, clamped=prompt_clamped or output_clamped)


def variant_from(tier: object) -> tuple[str, tuple[str, ...]]:
    """The price variant of the tier that was served; an unknown tier is standard, and flagged."""
    if not isinstance(tier, str) or not tier:
        return "standard", ()
    known = TIERS.get(tier)
    return (known, ()) if known else ("standard", ("unknown_service_tier",))


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


def _requests(usage: Mapping[str, Any]) -> int:
    """Fees per call: OpenRouter's web searches, xAI's sources, Perplexity's search."""
    fees = 0
    if "server_tool_use_details" in usage:
        fees += wire.count(wire.mapping(usage["server_tool_use_details"]).get("web_search_requests"))
    if "num_sources_used" in usage:
        fees += wire.count(usage["num_sources_used"])
    if "search_context_size" in usage or "num_search_queries" in usage:
        fees += wire.count(usage.get("num_search_queries")) or 1
    return fees


def _flags(excess: int, *, clamped: bool) -> tuple[str, ...]:
    if not excess and not clamped:
        return ()
    total = ("hidden_output",) if excess > 0 else ("usage_mismatch",) if excess else ()
    return (*total, "usage_clamped") if clamped else total
