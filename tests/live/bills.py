"""The vendors' side of a bill held against the ledger's: a reading of wire.md b.1 to b.6 of its own."""

from collections.abc import Mapping
from decimal import Decimal

from tests.live.hearing import Told
from tests.live.house import House, Row

# USD per 1,000,000 tokens as CONFIGURATION and the common one have them: input, cache read, output.
PRICES = {
    "gpt-4o": ("2.50", "1.25", "10.00"),
    "gpt-5.6-luna": ("1.25", "1.25", "10.00"),
    "claude-haiku-4-5": ("1.00", "1.00", "5.00"),
    "gemini-2.5-flash": ("0.30", "0.30", "2.50"),
    "gemini-3-flash": ("0.50", "0.50", "3.00"),
    "llama": ("0.05", "0.05", "0.08"),
}


def columns(call: Row) -> dict[str, int]:
    """The disjoint counts in what a vendor says that an answer used."""
    usage: Mapping[str, int] = call["usage"]
    if call["vendor"] == "anthropic":
        thought = _part(call, "output_tokens_details", "thinking_tokens")
        return {
            "input": usage["input_tokens"],
            "cache_read": usage["cache_read_input_tokens"],
            "cache_write": usage["cache_creation_input_tokens"],
            "output": usage["output_tokens"] - thought,
            "reasoning": thought,
        }
    if call["vendor"] == "gemini":
        cached = usage.get("cachedContentTokenCount", 0)
        return {
            "input": usage["promptTokenCount"] - cached,
            "cache_read": cached,
            "cache_write": 0,
            "output": usage.get("candidatesTokenCount", 0),
            "reasoning": usage.get("thoughtsTokenCount", 0),
        }
    given, made = ("prompt", "completion") if "prompt_tokens" in usage else ("input", "output")
    cached = _part(call, f"{given}_tokens_details", "cached_tokens")
    written = _part(call, f"{given}_tokens_details", "cache_write_tokens")
    thought = _part(call, f"{made}_tokens_details", "reasoning_tokens")
    return {
        "input": usage[f"{given}_tokens"] - cached - written,
        "cache_read": cached,
        "cache_write": written,
        "output": usage[f"{made}_tokens"] - thought,
        "reasoning": thought,
    }


def _part(call: Row, details: str, name: str) -> int:
    return int((call["usage"].get(details) or {}).get(name) or 0)


def booked(row: Row) -> dict[str, int]:
    """The same counts of a ledger's row; both times to live of a cache are one."""
    written = row["cache_write_5m"] + row["cache_write_1h"]
    counts = {name: row[name] for name in ("input", "cache_read", "output", "reasoning")}
    return counts | {"cache_write": written}


def price(model: str, counts: Mapping[str, int]) -> Decimal:
    """What the counts cost."""
    rate_in, rate_read, rate_out = (Decimal(rate) for rate in PRICES[model])
    fresh = counts["input"] + counts["cache_write"]
    made = counts["output"] + counts["reasoning"]
    return (fresh * rate_in + counts["cache_read"] * rate_read + made * rate_out) / 1_000_000


def told(counts: Mapping[str, int]) -> Told:
    """The counts as a caller should be told them."""
    given = counts["input"] + counts["cache_read"] + counts["cache_write"]
    return Told(given, counts["cache_read"], counts["output"] + counts["reasoning"])


def check(house: House, request_id: str, model: str) -> Told:
    """One call at the vendor, one row in the ledger, the same counts in both, and their price."""
    [call] = house.vendors.calls(request_id)
    row = house.entry(request_id)
    assert call["client_request_id"] == f"{request_id}-{row['attempt']}"
    counts = columns(call)
    assert booked(row) == counts
    assert (row["usage_source"], row["outcome"], row["status"]) == ("reported", "ok", 200)
    assert row["cost"] == price(model, counts) > 0
    return told(counts)
