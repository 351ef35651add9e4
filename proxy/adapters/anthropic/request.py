"""A chat completion request as Anthropic's ``POST /v1/messages``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from proxy.adapters import fields, turns, wire
from proxy.adapters.anthropic import effort
from proxy.adapters.anthropic.models import Model, model_from
from proxy.adapters.base import ChatCall, Target, UnsupportedField, VendorRequest

if TYPE_CHECKING:
    from anthropic.types import MessageParam, TextBlockParam

VENDOR = "anthropic"
DEFAULT_MAX_TOKENS = 4096

# 2026-10-21, the SDK's default, refuses temperature and top_p even on models that honour them.
API_VERSION = "2023-06-01"

FIELDS: fields.Table = {
    **fields.COMMON,
    "max_tokens": fields.mapped("max_tokens, which includes thinking"),
    "max_completion_tokens": fields.mapped("max_tokens, which includes thinking"),
    "temperature": fields.mapped("0 to 1, on models before 4.7; later ones take only the default, 1"),
    "top_p": fields.mapped("on models before 4.7; later ones take only the default, 1"),
    "stop": fields.mapped("stop_sequences, without those of white space alone"),
    "reasoning_effort": fields.mapped("thinking and output_config.effort, or a thinking budget before 4.6"),
    "user": fields.mapped("metadata.user_id"),
    "safety_identifier": fields.mapped("metadata.user_id"),
    "service_tier": fields.refused("anthropic has no such tier", "auto", "default"),
    "seed": fields.refused("anthropic has no seed"),
    "frequency_penalty": fields.refused("anthropic has no penalties", 0),
    "presence_penalty": fields.refused("anthropic has no penalties", 0),
}

_TIERS = {"auto": "auto", "default": "standard_only"}
_USER_ID_LENGTH = 256


def request_for(call: ChatCall, target: Target) -> VendorRequest:
    """Raises UnsupportedField for what Anthropic, or this model, cannot honour."""
    return VendorRequest(
        url=f"{target.base_url}/v1/messages",
        headers=headers_for(target),
        body=wire.encode(_body(call, target)),
    )


def headers_for(target: Target) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "x-api-key": target.api_key,
        "anthropic-version": API_VERSION,
    }


def _body(call: ChatCall, target: Target) -> dict[str, Any]:
    fields.check(call.body, FIELDS, VENDOR)
    model = model_from(target.model)
    max_tokens = fields.ceiling(call.body, target.max_output_tokens) or DEFAULT_MAX_TOKENS
    thinking = effort.thinking_for(call.body, model, max_tokens)
    body: dict[str, Any] = {"model": target.model, "max_tokens": max_tokens}
    thinks = bool(thinking) and call.body.get("reasoning_effort") != "none"
    body |= _prompt(call.body, model, thinks=thinks)
    body |= thinking
    body |= _sampling(call.body, model, thinks=thinks)
    body |= _labels(call.body)
    if stops := fields.stops(call.body, VENDOR):
        body["stop_sequences"] = stops
    if call.stream:
        body["stream"] = True
    return body


def _prompt(body: Mapping[str, Any], model: Model, *, thinks: bool) -> dict[str, Any]:
    conversation = turns.conversation_from(body, VENDOR)
    messages = [_message(turn) for turn in conversation.turns]
    if conversation.turns[-1].role == "assistant":
        messages[-1]["content"] = _prefill(conversation.turns[-1], model, thinks=thinks)
    prompt: dict[str, Any] = {"messages": messages}
    if conversation.system:
        prompt["system"] = [_block(part) for part in conversation.system]
    return prompt


def _message(turn: turns.Turn) -> MessageParam:
    content = [_block(part) for part in turn.parts]
    if turn.role == "user":
        return {"role": "user", "content": content}
    return {"role": "assistant", "content": content}


def _block(part: turns.Part) -> TextBlockParam:
    block: TextBlockParam = {"type": "text", "text": part.text}
    if part.cache_control is not None:
        block["cache_control"] = part.cache_control
    return block


def _prefill(turn: turns.Turn, model: Model, *, thinks: bool) -> list[TextBlockParam]:
    """The beginning of the answer, put in the assistant's mouth; it must not end in white space."""
    if not model.takes_prefill or thinks:
        reason = "this model does not continue an assistant message; the last one must be the user's"
        raise UnsupportedField(field="messages", vendor=VENDOR, reason=reason)
    blocks = [_block(part) for part in turn.parts]
    blocks[-1]["text"] = blocks[-1]["text"].rstrip()
    return blocks


def _sampling(body: Mapping[str, Any], model: Model, *, thinks: bool) -> dict[str, Any]:
    """Temperature and top_p where the model takes them; the default, 1, is not sent where it does not."""
    asked = {
        "temperature": fields.number(body, "temperature", VENDOR, low=0, high=1),
        "top_p": fields.number(body, "top_p", VENDOR, low=0, high=1),
    }
    if model.takes_sampling and model.takes_both_samplings and not thinks:
        return {name: value for name, value in asked.items() if value is not None}
    unusual = {name: value for name, value in asked.items() if value is not None and value != 1}
    for name in unusual:
        if not model.takes_sampling:
            raise UnsupportedField(field=name, vendor=VENDOR, reason="this model accepts only the default, 1")
        if thinks:
            raise UnsupportedField(field=name, vendor=VENDOR, reason="must be 1 while the model thinks")
    if len(unusual) > 1:
        reason = "this model accepts temperature or top_p, not both"
        raise UnsupportedField(field="top_p", vendor=VENDOR, reason=reason)
    return unusual


def _labels(body: Mapping[str, Any]) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    if tier := _TIERS.get(wire.text(body.get("service_tier"))):
        labels["service_tier"] = tier
    if user := wire.text(body.get("safety_identifier")) or wire.text(body.get("user")):
        labels["metadata"] = {"user_id": user[:_USER_ID_LENGTH]}
    return labels
