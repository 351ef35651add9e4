"""A chat completion request as Gemini's ``generateContent``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from proxy.adapters import fields, turns, wire
from proxy.adapters.base import ChatCall, Target, UnsupportedField, VendorRequest
from proxy.adapters.gemini import effort

if TYPE_CHECKING:
    from google.genai.types import ContentDict, PartDict

VENDOR = "gemini"

# The *-latest aliases exist only here (wire.md d.2).
API_VERSION = "v1beta"
MAX_STOPS = 5

FIELDS: fields.Table = {
    **fields.COMMON,
    "max_tokens": fields.mapped("maxOutputTokens, which includes thinking"),
    "max_completion_tokens": fields.mapped("maxOutputTokens, which includes thinking"),
    "temperature": fields.mapped("temperature, 0 to 2"),
    "top_p": fields.mapped("topP"),
    "stop": fields.mapped(f"stopSequences, at most {MAX_STOPS}, without those of white space alone"),
    "seed": fields.mapped("seed"),
    "presence_penalty": fields.mapped("presencePenalty"),
    "frequency_penalty": fields.mapped("frequencyPenalty"),
    "reasoning_effort": fields.mapped(
        "thinkingConfig: thinkingLevel from Gemini 3 on, thinkingBudget on 2.5"
    ),
    "service_tier": fields.refused(
        "gemini has the tiers flex and priority", "auto", "default", "flex", "priority"
    ),
    "user": fields.dropped("gemini has no end-user field; no effect on the answer"),
    "safety_identifier": fields.dropped("gemini has no end-user field; no effect on the answer"),
}

_TIERS = ("flex", "priority")


def request_for(call: ChatCall, target: Target) -> VendorRequest:
    """Raises UnsupportedField for what Gemini, or this model, cannot honour."""
    verb = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
    return VendorRequest(
        url=f"{target.base_url}/{API_VERSION}/{_path(target.model)}:{verb}",
        headers=headers_for(target),
        body=wire.encode(_body(call, target)),
    )


def headers_for(target: Target) -> dict[str, str]:
    """The key goes in a header, never in the URL, which ends up in logs."""
    return {"Content-Type": "application/json", "x-goog-api-key": target.api_key}


def _path(model: str) -> str:
    """``models/x``, unless the id already names its collection (``tunedModels/x``)."""
    return quote(model if "/" in model else f"models/{model}", safe="/-._~@")


def _body(call: ChatCall, target: Target) -> dict[str, Any]:
    fields.check(call.body, FIELDS, VENDOR)
    body = _prompt(call.body)
    if config := _config(call.body, target):
        body["generationConfig"] = config
    tier = call.body.get("service_tier")
    if tier in _TIERS:
        body["serviceTier"] = tier
    return body


def _prompt(body: Mapping[str, Any]) -> dict[str, Any]:
    """Turns of one side in a row become one, as Gemini wants the sides to alternate."""
    conversation = turns.conversation_from(body, VENDOR)
    contents: list[ContentDict] = []
    for turn in conversation.turns:
        role = "user" if turn.role == "user" else "model"
        parts = [_part(part) for part in turn.parts]
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] = [*(contents[-1]["parts"] or []), *parts]
        else:
            contents.append({"role": role, "parts": parts})
    prompt: dict[str, Any] = {"contents": contents}
    if conversation.system:
        prompt["systemInstruction"] = {"parts": [_part(part) for part in conversation.system]}
    return prompt


def _part(part: turns.Part) -> PartDict:
    return {
        "text": part.text
    }  # Gemini caches prefixes by itself: the caller's cache markers mean nothing to it


def _config(body: Mapping[str, Any], target: Target) -> dict[str, Any]:
    config: dict[str, Any] = {
        "maxOutputTokens": fields.ceiling(body, target.max_output_tokens),
        "temperature": fields.number(body, "temperature", VENDOR, low=0, high=2),
        "topP": fields.number(body, "top_p", VENDOR, low=0, high=1),
        "seed": fields.number(body, "seed", VENDOR, low=-(2**31), high=2**31 - 1),
        "presencePenalty": fields.number(body, "presence_penalty", VENDOR, low=-2, high=2),
        "frequencyPenalty": fields.number(body, "frequency_penalty", VENDOR, low=-2, high=2),
        "stopSequences": _stops(body) or None,
        "thinkingConfig": effort.thinking_for(body, target.model) or None,
    }
    return {name: value for name, value in config.items() if value is not None}


def _stops(body: Mapping[str, Any]) -> list[str]:
    stops = fields.stops(body, VENDOR)
    if len(stops) > MAX_STOPS:
        raise UnsupportedField(field="stop", vendor=VENDOR, reason=f"at most {MAX_STOPS} stop sequences")
    return stops
