"""Why an answer ended (wire.md c.1)."""

from collections.abc import Mapping
from typing import Any

from proxy.adapters.gemini import errors
from proxy.interchange import wire

_FILTERED = (
    "SAFETY",
    "PROHIBITED_CONTENT",
    "BLOCKLIST",
    "SPII",
    "RECITATION",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
    "ESCALATION",
    "LANGUAGE",
)
FINISH_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(_FILTERED, "content_filter"),
}
ACCOUNT_DISABLED = "PUP_LIMITED_DISABLED"

# The enum's numbers, as gRPC transcoders write them.
_NUMBERS = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER", 6: "BLOCKLIST"}
_NUMBERS |= {7: "PROHIBITED_CONTENT", 8: "SPII", 9: "MALFORMED_FUNCTION_CALL"}


def native_of(reason: object) -> str:
    """The vendor's own word; empty for none."""
    named = _NUMBERS.get(reason, str(reason)) if isinstance(reason, int) else reason
    return wire.text(named)[:40]


def finish_from(native: str, *, called_tools: bool) -> tuple[str, tuple[str, ...]]:
    """OpenAI's word for Gemini's, and a flag where that word says less.

    Gemini has no reason for tool calls: it stops. Model faults (a malformed call, OTHER) stop too, often
    without text. Raises VendorError (CREDENTIAL) when the account was disabled.
    """
    if native == ACCOUNT_DISABLED:
        raise errors.account_disabled(ACCOUNT_DISABLED)
    known = FINISH_REASONS.get(native)
    if known == "stop" and called_tools:
        return "tool_calls", ()
    return (known, ()) if known else ("stop", (f"native_finish:{native or None}",))


def block_reason(answer: Mapping[str, Any]) -> str:
    """Why the prompt was refused before a model saw it; empty when it was not."""
    return native_of(wire.mapping(answer.get("promptFeedback")).get("blockReason"))
