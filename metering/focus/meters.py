"""What is metered: FOCUS's words for the buckets of a usage, and for amounts without any."""

from dataclasses import dataclass, field

COUNT = "Tokens"
MILLION_TOKENS = "1000000 Tokens"
REQUESTS = "Requests"
DOLLARS = "US Dollars"


@dataclass(frozen=True, slots=True, eq=False)  # each is one of those below
class Meter:
    """``part`` ends the SkuId, ``title`` is the SkuMeter.

    ``details`` are SKU price properties by the names that FOCUS 1.5 drafts for them (``TokenDirection`` ...).
    """

    part: str
    title: str
    details: dict[str, str] = field(default_factory=dict)
    consumed_unit: str = COUNT
    pricing_unit: str = MILLION_TOKENS


def _tokens(part: str, title: str, direction: str, cache: str = "", **more: str) -> Meter:
    action = {"TokenCacheAction": cache} if cache else {}
    return Meter(part, title, {"TokenDirection": direction, **action, **more})


METERS = {
    "input": _tokens("input", "Input Tokens", "Input", "Uncached"),
    "cache_read": _tokens("cache-read", "Cache Read Input Tokens", "Input", "Read"),
    "cache_write_5m": _tokens("cache-write", "Cache Write Input Tokens", "Input", "Write"),
    "cache_write_1h": _tokens(
        "cache-write-1h", "Cache Write Input Tokens (1 Hour)", "Input", "Write", TokenCacheDuration="1 hour"
    ),
    "output": _tokens("output", "Output Tokens", "Output"),
    "reasoning": _tokens("reasoning", "Reasoning Output Tokens", "Output", TokenPurpose="Reasoning"),
    "audio_input": _tokens("audio-input", "Audio Input Tokens", "Input", "Uncached", TokenModality="Audio"),
    "audio_output": _tokens("audio-output", "Audio Output Tokens", "Output", TokenModality="Audio"),
    "requests": Meter("requests", "Requests", consumed_unit=REQUESTS, pricing_unit=REQUESTS),
}
# A cost that was booked as an amount is priced by the dollar: FOCUS wants a unit price of every usage.
REPORTED = Meter("reported", "Cost Reported By Vendor", consumed_unit=REQUESTS, pricing_unit=DOLLARS)
BOOKED = Meter("booked", "Cost Booked As An Amount", consumed_unit=REQUESTS, pricing_unit=DOLLARS)
