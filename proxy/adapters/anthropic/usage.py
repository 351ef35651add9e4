"""Anthropic's usage into disjoint buckets.

``input_tokens`` excludes cached tokens, so nothing is subtracted.

Note [Iterations]
With server-side compaction, advisors or fallbacks the top level counts only iterations of type ``message``;
the others are billed on top and appear nowhere else. So where ``iterations`` is given, its sum is the bill.
An iteration of another model is in the sum too, flagged ``other_model_usage``; ``parts_from`` says how much
of the sum is whose. Thinking that only the top level tells is the answering model's.
"""

from collections.abc import Mapping
from typing import Any

from metering.usage import OTHER_MODEL, Part, Usage, unpriced
from proxy.interchange import wire

_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_VARIANTS = {"standard": "standard", "priority": "priority", "batch": "batch"}
_SEARCHES = "web_search_requests"
_FREE_TOOLS = {"web_fetch_requests", "tool_search_requests"}  # billed by the tokens they bring in, if at all
_GEO_WITHOUT_FACTOR = {"", "not_available", "global"}


def usage_from(raw: object, model: str) -> tuple[Usage | None, tuple[str, ...]]:
    """Buckets and flags; None when the vendor reported no counts. ``model`` is the one that answered."""
    usage = wire.mapping(raw)
    if not any(isinstance(usage.get(name), int | float) for name in _COUNTS):
        return None, ()
    total = Usage(requests=_searches(usage))
    flags: list[str] = []
    for entry, buckets in _iterations(usage, model):
        total = total.plus(buckets)
        flags += _flags_of(entry)
        if entry.get("model") not in (None, model):
            flags.append(OTHER_MODEL)
    return total, tuple(dict.fromkeys((*flags, *_unpriced(usage))))


def parts_from(raw: object, model: str) -> tuple[Part, ...]:
    """Whose the tokens of ``usage_from`` are, in the order of the first use; empty when one model did it all.

    A part without a name is the called model's. Fees are in no part.
    """
    usage = wire.mapping(raw)
    shares: dict[str, Usage] = {}
    for entry, buckets in _iterations(usage, model):
        name = wire.text(entry.get("model"))
        shares[name] = shares.get(name, Usage()).plus(buckets)
    if not any(name not in ("", model) for name in shares):
        return ()
    return tuple(Part(name, share) for name, share in shares.items())


def variant_from(raw: object) -> tuple[str, tuple[str, ...]]:
    """The price variant that was served; speed prices whatever the tier.

    A tier that we do not know is ``unknown``, for which no price row can be: its cost is unknown, too.
    """
    usage = wire.mapping(raw)
    if usage.get("speed") == "fast":
        return "fast", ()
    tier = usage.get("service_tier")
    if not isinstance(tier, str) or not tier:
        return "standard", ()
    known = _VARIANTS.get(tier)
    return (known, ()) if known else ("unknown", ("unknown_service_tier",))


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
    return first.plus(second)


def _resplit(split: Mapping[str, Any], total: int) -> dict[str, int]:
    short = wire.count(split.get("ephemeral_5m_input_tokens"))
    long = wire.count(split.get("ephemeral_1h_input_tokens"))
    long = total if long and not short else min(long, total)
    return {"ephemeral_5m_input_tokens": total - long, "ephemeral_1h_input_tokens": long}


def _iterations(usage: Mapping[str, Any], model: str) -> list[tuple[Mapping[str, Any], Usage]]:
    """Each iteration with its buckets; without iterations the top level is the only one."""
    entries = wire.objects(usage.get("iterations")) or [usage]
    told_apart = any("output_tokens_details" in entry for entry in entries)
    untold = 0 if told_apart else _thinking(usage)  # by the top level alone: the answering model's
    found = []
    for entry in entries:
        written = wire.count(entry.get("output_tokens"))
        reasoning = min(_thinking(entry), written) if told_apart else 0
        if untold and entry.get("model") in (None, model):
            reasoning = min(untold, written)
            untold -= reasoning
        found.append((entry, _buckets(entry, written, reasoning)))
    return found


def _buckets(entry: Mapping[str, Any], written: int, reasoning: int) -> Usage:
    short, long, _ = _writes(entry)
    return Usage(
        input=wire.count(entry.get("input_tokens")),
        cache_read=wire.count(entry.get("cache_read_input_tokens")),
        cache_write_5m=short,
        cache_write_1h=long,
        output=written - reasoning,
        reasoning=reasoning,
    )


def _writes(entry: Mapping[str, Any]) -> tuple[int, int, int]:
    """Cache writes by time to live, and how many more the total tells than the split. No token is dropped:
    where the two contradict each other, the greater one was billed."""
    split = wire.mapping(entry.get("cache_creation"))
    short = wire.count(split.get("ephemeral_5m_input_tokens"))
    long = wire.count(split.get("ephemeral_1h_input_tokens"))
    total = entry.get("cache_creation_input_tokens")
    excess = 0 if total is None else wire.count(total) - short - long
    return short + max(excess, 0), long, excess


def _flags_of(entry: Mapping[str, Any]) -> list[str]:
    excess = _writes(entry)[2]
    return ["ttl_unknown"] if excess > 0 else ["usage_mismatch"] if excess < 0 else []


def _thinking(entry: Mapping[str, Any]) -> int:
    return wire.count(wire.mapping(entry.get("output_tokens_details")).get("thinking_tokens"))


def _tools(usage: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Server-tool counters of the top level, and of iterations that it does not count."""
    beyond = [e for e in wire.objects(usage.get("iterations")) if e.get("type", "message") != "message"]
    return [wire.mapping(place.get("server_tool_use")) for place in (usage, *beyond)]


def _searches(usage: Mapping[str, Any]) -> int:
    return sum(wire.count(tools.get(_SEARCHES)) for tools in _tools(usage))


def _unpriced(usage: Mapping[str, Any]) -> list[str]:
    """What was billed and has no rate: counters of tools that we do not know, and factors on all rates."""
    counters = {name for tools in _tools(usage) for name, value in tools.items() if wire.count(value)}
    found = sorted(counters - _FREE_TOOLS - {_SEARCHES})
    geo = wire.text(usage.get("inference_geo"))
    if geo not in _GEO_WITHOUT_FACTOR:
        found.append(f"inference_geo_{geo}")
    credit = wire.mapping(wire.mapping(usage.get("fallback_credit")).get("status"))
    if credit.get("type") == "redeemed":  # the vendor reprices the answer as if its cache had been warm
        found.append("fallback_credit")
    return [unpriced(name) for name in found]
