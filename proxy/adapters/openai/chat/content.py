"""The content of a message or delta, as the vendors of this wire write it."""

from proxy.interchange import wire


def text_of(content: object) -> str:
    """The visible text; Mistral may send a list of parts, thinking among them."""
    if isinstance(content, str):
        return content
    return "".join(
        wire.text(part.get("text")) for part in wire.objects(content) if part.get("type") == "text"
    )


def thinking_of(content: object) -> str:
    """The thinking inside a list of parts (Mistral); empty for a string."""
    if not isinstance(content, list):
        return ""
    thoughts = (part.get("thinking") for part in wire.objects(content) if part.get("type") == "thinking")
    return "".join(text_of(thought) for thought in thoughts)


FINISH_REASONS = {"eos": "stop"}  # Together's own word; all others are OpenAI's
_TRANSLATED = {
    "function_call": "tool_calls",
    "insufficient_system_resource": "length",  # DeepSeek: cut short
    "model_length": "length",  # Mistral: the context window is full
    "max_tokens": "length",
}
_KNOWN = ("stop", "length", "tool_calls", "content_filter")


def finish_reason_from(reason: object) -> str | None:
    """The vendor's finish reason in OpenAI's words; None while there is none."""
    return FINISH_REASONS.get(reason, reason) if isinstance(reason, str) and reason else None


def finish_for_others(reason: str | None, *, called: bool) -> str:
    """One of the four that other dialects know; "tool_calls" whenever a tool was called (checks K4)."""
    named = _TRANSLATED.get(reason or "", reason or "")
    if named == "stop" and called:
        return "tool_calls"
    return named if named in _KNOWN else "stop"
