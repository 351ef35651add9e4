"""What the ledger's flags mean, in sentences for people who never saw a vendor's wire. Pure.

A flag without words here is shown as it is: a new one is never hidden.
"""

from collections.abc import Mapping, Sequence

from metering import reported
from metering.usage import OTHER_MODEL, UNPRICED

WORDS: Mapping[str, str] = {
    "unknown_service_tier": "The vendor served it in a service tier that is not known here, so it has no"
    " price.",
    "provisioned_throughput": "It was served from capacity that is paid for in advance, which has no price"
    " per token.",
    "usage_clamped": "The vendor's counts contradict each other: a part that was larger than its whole was"
    " cut to it.",
    "usage_mismatch": "The vendor's counts do not add up to its own total.",
    "hidden_output": "The vendor's total is more than it itemised: the rest is billed as reasoning.",
    "ttl_unknown": "The vendor did not say how long some cache writes are kept: they are billed as writes for"
    " 5 minutes.",
    "partial_usage": "The answer broke off before the vendor gave its final counts.",
    "spliced_message": "The vendor sent two messages as one answer: both are billed.",
    "usage_out_of_range": "The vendor reported more tokens than any answer can have: the usage is unknown.",
    "late": "It was booked when its month was being closed, or after.",
    "raw_usage_dropped": "The vendor's own report could not be kept: the counts are what was read from it.",
}
PREFIXES: Mapping[str, str] = {
    "native_finish:": "The vendor's own word for how it ended: {}.",
    "left_out:": "The caller's format has no place for a part of the answer, which is billed all the"
    " same: {}.",
    UNPRICED
    + "inference_geo_": "It was computed in the region {}, which changes all rates by a factor that no"
    " price row has.",
}
COMPONENTS: Mapping[str, str] = {
    "fallback_credit": "A credit for a fallback was redeemed, and the vendor does not say what it is worth.",
    "google_maps": "Google Maps was used, which is billed and has no rate.",
    "citation_tokens": "Citation tokens were billed and have no rate.",
    "executed_tool": "A tool of the vendor was used, which is billed and has no rate.",
}
# Said beside the figures they are about: see metering.spend.bookings and vendor_figures.
SAID_ELSEWHERE = frozenset({OTHER_MODEL, reported.DIVERGES, reported.MISSING})


def remarks(flags: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each flag, in order."""
    return tuple(_sentence(flag) for flag in flags if flag not in SAID_ELSEWHERE)


def _sentence(flag: str) -> str:
    for prefix, sentence in PREFIXES.items():
        if flag.startswith(prefix):
            return sentence.format(flag.removeprefix(prefix))
    if flag.startswith(UNPRICED):
        return _unpriced(flag.removeprefix(UNPRICED))
    return WORDS.get(flag, f"Noted with it: {flag}.")


def _unpriced(component: str) -> str:
    """``code_interpreter_call``: "A code interpreter call was billed and has no rate."."""
    words = component.replace("_", " ")
    if component in COMPONENTS:
        return COMPONENTS[component]
    if component.endswith("_call"):
        return f"{'An' if words[0] in 'aeiou' else 'A'} {words} was billed and has no rate."
    if component.endswith(("_calls", "_requests")):
        return f"{words.capitalize()} were billed and have no rate."
    return f"The vendor's tool “{words}” was billed and has no rate."


__all__ = ["remarks"]
