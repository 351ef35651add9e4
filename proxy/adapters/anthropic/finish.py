"""Why an answer ended, in OpenAI's words (wire.md c.1)."""

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "stop",
    "refusal": "content_filter",
    "compaction": "stop",
}
_SAYS_LESS = frozenset({"pause_turn", "compaction"})  # more was to come: the flag keeps what "stop" hides
_TIERS = {"standard": "default", "priority": "priority"}


def finish_reason_from(reason: object) -> tuple[str, tuple[str, ...]]:
    """OpenAI's word for Anthropic's stop reason, and a flag where that word says less."""
    known = FINISH_REASONS.get(reason) if isinstance(reason, str) else None
    if known is None or reason in _SAYS_LESS:
        return known or "stop", (f"native_finish:{str(reason)[:40]}",)
    return known, ()


def service_tier_from(tier: object) -> str:
    """OpenAI's word for the tier that served; empty when Anthropic said nothing OpenAI has a word for."""
    return _TIERS.get(tier, "") if isinstance(tier, str) else ""
