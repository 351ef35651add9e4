"""``generationConfig``: what the caller set beside the conversation."""

from typing import Any

from proxy.adapters.base import Target, UnsupportedField
from proxy.adapters.gemini import effort, models
from proxy.adapters.gemini.rules import MAX_CHOICES, MAX_STOPS, VENDOR
from proxy.interchange.conversation import Conversation

_INT32 = 2**31
# By the caller's setting: Gemini's name, the least and the most that it takes (wire.md d.2).
_RANGES: dict[str, tuple[str, float, float]] = {
    "temperature": ("temperature", 0, 2),
    "top_p": ("topP", 0, 1),
    "top_k": ("topK", 1, _INT32 - 1),
    "seed": ("seed", -_INT32, _INT32 - 1),
    "presence_penalty": ("presencePenalty", -2, 2),
    "frequency_penalty": ("frequencyPenalty", -2, 2),
}
_TIERS = {"": "", "auto": "", "default": "", "standard_only": "standard"}
_TIERS |= {"standard": "standard", "flex": "flex", "priority": "priority"}
JSON = "application/json"


def config_for(conversation: Conversation, target: Target) -> dict[str, Any]:
    """Only what is set. Raises UnsupportedField, by the caller's own word for the field."""
    settings = conversation.settings
    config: dict[str, Any] = {"maxOutputTokens": target.max_output_tokens or settings.max_tokens}
    for setting in _RANGES:
        config[_RANGES[setting][0]] = _number(conversation, setting)
    config["stopSequences"] = _stops(conversation)
    config["candidateCount"] = _choices(conversation)
    config |= _logprobs(conversation) | _format(conversation, target.model)
    config["thinkingConfig"] = effort.thinking_for(conversation, target.model)
    return {name: value for name, value in config.items() if value not in (None, [], {})}


def tier_for(conversation: Conversation) -> str:
    """``serviceTier``; empty for the vendor's own choice. Raises UnsupportedField."""
    asked = conversation.settings.service_tier
    if asked not in _TIERS:
        raise _refused(conversation, "service_tier", "gemini has the tiers flex and priority")
    return _TIERS[asked]


def _refused(conversation: Conversation, setting: str, reason: str) -> UnsupportedField:
    return UnsupportedField(field=conversation.name_of(setting), vendor=VENDOR, reason=reason)


def _number(conversation: Conversation, setting: str) -> float | None:
    value: float | None = getattr(conversation.settings, setting)
    _, low, high = _RANGES[setting]
    if value is not None and not low <= value <= high:
        raise _refused(conversation, setting, f"gemini takes {low} to {high}")
    return value


def _stops(conversation: Conversation) -> list[str]:
    stops = [stop for stop in conversation.settings.stop if stop.strip()]
    if len(stops) > MAX_STOPS:
        raise _refused(conversation, "stop", f"at most {MAX_STOPS} stop sequences")
    return stops


def _choices(conversation: Conversation) -> int | None:
    n = conversation.settings.n
    if not 1 <= n <= MAX_CHOICES:
        raise _refused(conversation, "n", f"gemini takes 1 to {MAX_CHOICES}")
    return n if n > 1 else None


def _logprobs(conversation: Conversation) -> dict[str, Any]:
    wanted = conversation.settings.logprobs
    if wanted is None:
        return {}
    if not 0 <= wanted <= 20:
        raise _refused(conversation, "top_logprobs", "gemini takes 0 to 20")
    return {"responseLogprobs": True, "logprobs": wanted or None}


def _format(conversation: Conversation, model: str) -> dict[str, Any]:
    wanted = conversation.settings.format
    if wanted is None:
        return {}
    if conversation.tools and not models.is_gemini_3(model):
        raise _refused(conversation, "format", "goes together with tools from Gemini 3 on")
    return {"responseMimeType": JSON, "responseJsonSchema": wanted.schema}
