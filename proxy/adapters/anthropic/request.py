"""A conversation as Anthropic's ``POST /v1/messages``."""

from collections.abc import Sequence
from typing import Any

from proxy.adapters import turns
from proxy.adapters.anthropic import content, formats, losses, media, sampling, search
from proxy.adapters.anthropic.content import Block
from proxy.adapters.anthropic.headers import headers_for
from proxy.adapters.anthropic.models import Model, model_from
from proxy.adapters.anthropic.plan import Plan, fields_of, plan_for
from proxy.adapters.anthropic.rules import RULES, VENDOR, unsupported
from proxy.adapters.base import Target, VendorRequest
from proxy.interchange import features, wire
from proxy.interchange.conversation import Conversation, Text, Turn
from proxy.interchange.dialect import Call
from proxy.interchange.errors import InvalidField

DEFAULT_MAX_TOKENS = 4096

_TIERS = {"auto": "auto", "default": "standard_only"}
_USER_ID_LENGTH = 256


def request_for(call: Call, target: Target) -> VendorRequest:
    """Raises UnsupportedField for what Anthropic, or this model, cannot honour, and InvalidField."""
    fields = features.dropped_from(call.body, call.dialect.fields, RULES, VENDOR)
    conversation, model = call.conversation, model_from(target.model)
    said = turns.checked(conversation)
    plan = plan_for(conversation, said, model, _max_tokens(conversation, target))
    body = _body(call, target, said, plan)
    lost = losses.of(conversation, body)
    return VendorRequest(
        url=f"{target.base_url}/v1/messages",
        headers=headers_for(target),
        body=wire.encode(body),
        dropped=tuple(dict.fromkeys((*fields, *conversation.dropped, *plan.dropped, *lost))),
    )


def links_for(call: Call, target: Target) -> tuple[str, ...]:
    """The links that the gateway must fetch for this request."""
    return media.needed_links(call.conversation.turns, follows_links=target.follows_links)


def _body(call: Call, target: Target, said: Sequence[Turn], plan: Plan) -> dict[str, Any]:
    conversation, model = call.conversation, model_from(target.model)
    body: dict[str, Any] = {"model": target.model, "max_tokens": _max_tokens(conversation, target)}
    body["messages"] = _messages(said, plan, model, call)
    if system := content.texts_of((*conversation.system, *formats.instructions(conversation))):
        body["system"] = system
    body |= fields_of(plan, model, parallel=conversation.settings.parallel_tool_calls)
    if searching := search.tools_for(call):
        body["tools"] = [*body.get("tools", []), *searching]
    body |= _thinking(conversation, model, plan)
    body |= sampling.sampling_for(conversation, model, thinks=plan.thought.on)
    body |= _labels(conversation)
    if stops := [stop for stop in conversation.settings.stop if stop.strip()]:
        body["stop_sequences"] = stops
    if call.stream:
        body["stream"] = True
    return body


def _max_tokens(conversation: Conversation, target: Target) -> int:
    return target.max_output_tokens or conversation.settings.max_tokens or DEFAULT_MAX_TOKENS


def _messages(said: Sequence[Turn], plan: Plan, model: Model, call: Call) -> list[Block]:
    messages, name = content.messages_of(said, call.links), call.conversation.name_of("messages")
    if not messages:
        raise InvalidField(field=name, reason="needs at least one message with content")
    if messages[-1]["role"] == "assistant":
        _end_prefill(messages[-1]["content"], model, name, thinks=plan.thought.on)
    if plan.instruction:
        instruction = Text(text=f"<system>\n{plan.instruction}\n</system>")
        messages += content.messages_of([Turn("user", (instruction,))], {})
    return messages


def _end_prefill(blocks: list[Block], model: Model, name: str, *, thinks: bool) -> None:
    """The beginning of the answer, put in the assistant's mouth; it must not end in white space."""
    for block in blocks:
        if block["type"] == "tool_use":
            raise InvalidField(field=name, reason=f"the tool call {block['id']!r} has no result")
    if not model.takes_prefill or thinks:
        reason = "this model does not continue an assistant message; the last one must be the user's"
        raise unsupported(name, reason)
    if blocks[-1]["type"] == "text":
        blocks[-1]["text"] = blocks[-1]["text"].rstrip()


def _thinking(conversation: Conversation, model: Model, plan: Plan) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if plan.thought.setting:
        fields["thinking"] = plan.thought.setting
    output: dict[str, Any] = {"effort": plan.thought.effort} if plan.thought.effort else {}
    if shape := formats.output_format(conversation, model):
        output["format"] = shape
    return {**fields, "output_config": output} if output else fields


def _labels(conversation: Conversation) -> dict[str, Any]:
    settings = conversation.settings
    labels: dict[str, Any] = {}
    if settings.service_tier:
        if settings.service_tier not in _TIERS:
            reason = f"anthropic has no such tier as {settings.service_tier!r}"
            raise unsupported(conversation.name_of("service_tier"), reason)
        labels["service_tier"] = _TIERS[settings.service_tier]
    if settings.user:
        labels["metadata"] = {"user_id": settings.user[:_USER_ID_LENGTH]}
    return labels
