"""Anthropic's usage into disjoint buckets.

``input_tokens`` excludes cached tokens, so nothing is subtracted.

Note [Iterations]
With server-side compaction, advisors or fallbacks the top level counts only iterations of type ``message``;
the others are billed on top and appear nowhere else. So where ``iterations`` is given, its sum is the bill.
An iteration of another model is in the sum too (its tokens were billed, at its own price, which one Usage
cannot say) and is flagged ``other_model_usage``.
"""

from collections.abc import Mapping
from typing import Any

from metering.usage import Usage
from proxy.adapters import wire

_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_VARIANTS = {"standard": "standard", "priority": "priority", "batch": "batch"}


def usage_from(raw: object, model: str) -> tuple[Usage | None, tuple[str, ...]]:
    """Buckets and flags; None when the vendor reported no counts. ``model`` is the one that answered."""
    usage = wire.mapping(raw)
    if not any(isinstance(usage.get(name), int | float) for name in _COUNTS):
        return None, ()
    iterations = wire.objects(usage.get("iterations"))
    flags: list[str] = []
    read = write_5m = write_1h = fresh = written = 0
    for entry in iterations or [usage]:
        fresh += wire.count(entry.get("input_tokens"))
        read += wire.count(entry.get("cache_read_input_tokens"))
        written += wire.count(entry.get("output_tokens"))
        short, long, known = _writes(entry)
        write_5m, write_1h = write_5m + short, write_1h + long
        if not known:
            flags.append("ttl_unknown")
        if entry.get("model") not in (None, model):
            flags.append("other_model_usage")
    reasoning = min(_thinking(usage), written)
    geo = usage.get("inference_geo")
    if isinstance(geo, str) and geo not in ("", "not_available", "global"):
        flags.append(f"inference_geo_{geo[:20]}")  # priced by a factor that tokens cannot express
    buckets = Usage(
        input=fresh,
        cache_read=read,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        output=written - reasoning,
        reasoning=reasoning,
        requests=wire.count(wire.mapping(usage.get("server_tool_use")).get("web_search_requests")),
    )
    return buckets, tuple(dict.fromkeys(flags))


def variant_from(raw: object) -> tuple[str, tuple[str, ...]]:
    """The price variant that was served; speed prices whatever the tier."""
    usage = wire.mapping(raw)
    if usage.get("speed") == "fast":
        return "fast", ()
    tier = usage.get("service_tier")
    if not isinstance(tier, str) or not tier:
        return "standard", ()
    known = _VARIANTS.get(tier)
    return (known, ()) if known else ("standard", ("unknown_service_tier",))


def merged(start: Mapping[str, Any], delta: Mapping[str, Any]) -> dict[str, Any]:
    """A stream's usage so far with a ``message_delta``'s laid over it: its counts are totals, not increments.

    The delta gives cache writes without their split by time to live. The start's split is kept as far as it
    goes; what is new goes where the start's writes went.
    """
    usage = {**start, **{name: value for name, value in delta.items() if value is not None}}
    split = wire.mapping(start.get("cache_creation"))
    total = delta.get("cache_creation_input_tokens")
    if total is not None and split and "cache_creation" not in delta:
        usage["cache_creation"] = _resplit(split, wire.count(total))
    return usage


def sum_of(first: Usage, second: Usage) -> Usage:
    """Two messages spliced into one stream are both billed."""
    return Usage(**{name: getattr(first, name) + getattr(second, name) for name in Usage.__struct_fields__})


def _resplit(split: Mapping[str, Any], total: int) -> dict[str, int]:
    short = wire.count(split.get("ephemeral_5m_input_tokens"))
    long = wire.count(split.get("ephemeral_1h_input_tokens"))
    long = total if long and not short else min(long, total)
    return {"ephemeral_5m_input_tokens": total - long, "ephemeral_1h_input_tokens": long}


def _writes(entry: Mapping[str, Any]) -> tuple[int, int, bool]:
    """Cache writes by time to live, and whether every written token's is known. No token is dropped."""
    split = wire.mapping(entry.get("cache_creation"))
    short = wire.count(split.get("ephemeral_5m_input_tokens"))
    long = wire.count(split.get("ephemeral_1h_input_tokens"))
    excess = wire.count(entry.get("cache_creation_input_tokens")) - short - long
    return short + max(excess, 0), long, excess <= 0


def _thinking(usage: Mapping[str, Any]) -> int:
    """Thinking tokens of the top level; iterations, where they say it, say it of their own."""
    own = [
        _detail(entry) for entry in wire.objects(usage.get("iterations")) if "output_tokens_details" in entry
    ]
    return sum(own) if own else _detail(usage)


def _detail(entry: Mapping[str, Any]) -> int:
    return wire.count(wire.mapping(entry.get("output_tokens_details")).get("thinking_tokens"))
