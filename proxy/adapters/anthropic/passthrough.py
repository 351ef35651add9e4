"""Anthropic's own dialect to Anthropic: the caller's bytes, aimed at one target.

Only what must change does: the model, a ceiling that is lower than asked, fields that would redirect our
credential or take another model, and proofs of other vendors that travelled in Anthropic's fields. Every
other value keeps its bytes, known to us or not (checks K8, L1); but tools that may name models go as we read
them.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters import faults
from proxy.adapters.anthropic import finish, passed_links, response, usage
from proxy.adapters.anthropic.headers import headers_for
from proxy.adapters.anthropic.thinking import SMALLEST_BUDGET
from proxy.adapters.base import Answer, Target, VendorRequest
from proxy.interchange import forwarding, named_models, signatures, wire
from proxy.interchange.dialect import Call

Fields = dict[str, msgspec.Raw]

_PATHS = {"messages": "/v1/messages", "count_tokens": "/v1/messages/count_tokens"}

_NEVER = forwarding.NEVER_FORWARDED | forwarding.KEPT

_fields = msgspec.json.Decoder(Fields)


def request_for(call: Call, target: Target) -> VendorRequest:
    """The caller's request with our model, ceiling and credential."""
    given = _fields.decode(call.raw)
    fields = forwarding.forwarded(given, never=_NEVER)
    fields["model"] = _raw(target.model)
    if call.dialect.name == "messages":
        _lower_ceiling(fields, call.body, target)
    _set_tools(fields, call)
    messages = call.body.get("messages")
    if signatures.may_hold(call.raw) or signatures.may_be_sealed(call.raw):
        messages = _without_foreign_proofs(messages)
    if links_for(call, target):
        messages = passed_links.with_content(messages, call.links)
    if messages is not call.body.get("messages"):
        fields["messages"] = _raw(messages)
    if _lost_its_thinking(messages, call.body.get("thinking")):
        fields.pop("thinking", None)
    return VendorRequest(
        url=target.base_url + _PATHS[call.dialect.name],
        headers=headers_for(target, call.headers),
        body=wire.encode(fields),
        dropped=tuple(name for name in given if name not in fields),
    )


def _set_tools(fields: Fields, call: Call) -> None:
    """What was read and checked in place of bytes in which a model's name may stand twice."""
    if "tools" in fields and named_models.may_name(bytes(fields["tools"])):
        fields["tools"] = _raw(call.body["tools"])
    if named_models.adds(call.body, call.raw) and named_models.may_name(bytes(fields["messages"])):
        fields["messages"] = _raw(call.body["messages"])


def links_for(call: Call, target: Target) -> tuple[str, ...]:
    """The links to fetch: none where the endpoint follows them, as Anthropic's own does."""
    return () if target.follows_links else passed_links.urls_in(call.body.get("messages"))


def response_from(body: bytes, headers: Mapping[str, str], target: Target) -> Answer:
    """The answer's bytes, with what the ledger needs read from them. Raises VendorError."""
    message = response.message_from(body, headers)
    raw = message.get("usage")
    model = wire.text(message.get("model")) or target.model
    counts, flags = usage.usage_from(raw, model)
    variant, tier_flags = usage.variant_from(raw)
    reason, finish_flags = finish.finish_reason_from(message.get("stop_reason"))
    blocks = wire.objects(message.get("content"))
    return Answer(
        body=body,
        usage=counts,
        raw_usage=raw if isinstance(raw, dict) and raw else None,
        finish_reason=reason,
        text="".join(wire.text(block.get("text")) for block in blocks if block.get("type") == "text"),
        model=model,
        upstream_id=wire.text(message.get("id")) or wire.header(headers, "request-id") or "",
        variant=variant,
        flags=flags + tier_flags + finish_flags,
        parts=usage.parts_from(raw, model),
    )


def count_from(body: bytes, headers: Mapping[str, str], target: Target) -> Answer:
    """A count of tokens: an answer that is never billed. Raises VendorError.

    No request has none: clients that are told 0 never shorten their conversation (checks L2).
    """
    if not wire.count(response.object_from(body, headers).get("input_tokens")):
        raise faults.malformed("the answer is not a count of tokens")
    return Answer(
        body=body,
        usage=None,
        raw_usage=None,
        finish_reason=None,
        text="",
        model=target.model,
        upstream_id=wire.header(headers, "request-id") or "",
    )


def _lower_ceiling(fields: Fields, body: Mapping[str, Any], target: Target) -> None:
    """The gateway's ceiling where the caller asked for more, and a thinking budget that fits below it."""
    ceiling, asked = target.max_output_tokens, body.get("max_tokens")
    if ceiling is None or not isinstance(asked, int) or asked <= ceiling:
        return
    fields["max_tokens"] = _raw(ceiling)
    thinking = wire.mapping(body.get("thinking"))
    budget = thinking.get("budget_tokens")
    if isinstance(budget, int) and SMALLEST_BUDGET < ceiling <= budget:
        fitting = max(ceiling * 3 // 4, SMALLEST_BUDGET)
        fields["thinking"] = _raw({**thinking, "budget_tokens": fitting})


def _lost_its_thinking(messages: object, thinking: object) -> bool:
    """Whether a tool loop was begun by another vendor (a route's fallback between two turns), so that its
    turn has no thinking of Anthropic's: with a budget for thinking the API would only refuse it."""
    said = wire.objects(messages)
    if wire.mapping(thinking).get("type") != "enabled" or len(said) < 2:
        return False
    answers = wire.objects(said[-1].get("content"))
    if said[-1].get("role") != "user" or not any(part.get("type") == "tool_result" for part in answers):
        return False
    called = next((turn for turn in reversed(said) if turn.get("role") == "assistant"), wire.EMPTY)
    blocks = wire.objects(called.get("content"))
    return bool(blocks) and blocks[0].get("type") not in ("thinking", "redacted_thinking")


def _without_foreign_proofs(messages: object) -> object:
    """The messages without Gemini's signatures in ids and without other vendors' thinking."""
    if not isinstance(messages, list):
        return messages
    kept = [_message(message) for message in messages]
    return signatures.without([message for message in kept if message is not None])


def _message(message: Any) -> Any:
    """None for a message that only held another vendor's thinking."""
    content = wire.mapping(message).get("content")
    if not isinstance(content, list):
        return message
    own = [block for block in content if not (isinstance(block, dict) and signatures.is_sealed(block))]
    if len(own) == len(content):
        return message
    return {**message, "content": own} if own else None


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(wire.encode(value))
