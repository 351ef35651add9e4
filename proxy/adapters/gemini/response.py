"""A whole ``GenerateContentResponse`` as an OpenAI ``chat.completion``."""

from collections.abc import Mapping
from typing import Any

import msgspec

from metering.usage import Usage
from proxy.adapters import completion, faults, wire
from proxy.adapters.base import Answer, Target
from proxy.adapters.gemini import errors, usage

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


def finish_reason_from(reason: object, *, called_tools: bool) -> tuple[str, tuple[str, ...]]:
    """OpenAI's word for Gemini's finish reason, and a flag where that word says less.

    Gemini has no reason for tool calls: it stops. Model faults (a malformed call, OTHER) stop too, often
    without text.
    """
    name = _NUMBERS.get(reason) if isinstance(reason, int) else reason
    known = FINISH_REASONS.get(name) if isinstance(name, str) else None
    if known == "stop" and called_tools:
        return "tool_calls", ()
    return (known, ()) if known else ("stop", (f"native_finish:{str(reason)[:40]}",))


def response_from(body: bytes, headers: Mapping[str, str], target: Target) -> Answer:
    """Raises VendorError: PROVIDER on an answer that cannot be read, and what an error inside a 200 means."""
    answer = _answer(body)
    candidate = candidate_in(answer)
    upstream_id = wire.text(answer.get("responseId"))
    model = wire.text(answer.get("modelVersion")) or target.model
    parts = parts_of(candidate)
    tool_calls = [
        tool_call(part, f"call_{upstream_id}_{number}")
        for number, part in enumerate(
            part for part in parts if wire.mapping(part.get("functionCall")).get("name")
        )
    ]
    finish_reason, finish_flags = finish_of(answer, candidate, called_tools=bool(tool_calls))
    raw = answer.get("usageMetadata")
    counts, flags = usage.usage_from(raw)
    counts = with_searches(counts, usage.searches_in(candidate, model))
    variant, tier_flags = usage.variant_from(raw, wire.header(headers, "x-gemini-service-tier"))
    text = "".join(wire.text(part.get("text")) for part in parts if not part.get("thought"))
    return Answer(
        body=completion.body(
            upstream_id=upstream_id,
            model=model,
            text=text,
            thoughts="".join(wire.text(part.get("text")) for part in parts if part.get("thought")),
            tool_calls=tool_calls,
            finish_reason=finish_reason,
            usage=counts,
        ),
        usage=counts,
        raw_usage=raw if isinstance(raw, dict) and raw else None,
        finish_reason=finish_reason,
        text=text,
        model=model,
        upstream_id=upstream_id,
        variant=variant,
        flags=flags + tier_flags + finish_flags,
    )


def candidate_in(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one candidate, or an empty object when the prompt was blocked."""
    return next(iter(wire.objects(answer.get("candidates"))), wire.EMPTY)


def parts_of(candidate: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return wire.objects(wire.mapping(candidate.get("content")).get("parts"))


def blocked(answer: Mapping[str, Any]) -> bool:
    """Whether the prompt was refused before a model saw it."""
    return bool(wire.mapping(answer.get("promptFeedback")).get("blockReason"))


def finish_of(
    answer: Mapping[str, Any], candidate: Mapping[str, Any], *, called_tools: bool
) -> tuple[str, tuple[str, ...]]:
    """Raises VendorError (CREDENTIAL) when the account was disabled."""
    if not candidate and blocked(answer):
        return "content_filter", ()
    reason = candidate.get("finishReason")
    if reason == ACCOUNT_DISABLED:
        raise errors.account_disabled(ACCOUNT_DISABLED)
    return finish_reason_from(reason, called_tools=called_tools)


def tool_call(part: Mapping[str, Any], fallback_id: str) -> dict[str, Any]:
    """A functionCall part as a tool call.

    Its thought signature travels where Google's own compatible endpoint puts it.
    """
    called = wire.mapping(part.get("functionCall"))
    call = completion.tool_call(
        call_id=wire.text(called.get("id")) or fallback_id,
        name=wire.text(called.get("name")),
        arguments=wire.encode(called.get("args") or {}).decode(),
    )
    signature = part.get("thoughtSignature")
    if signature:
        call["extra_content"] = {"google": {"thought_signature": signature}}
    return call


def with_searches(counts: Usage | None, searches: int) -> Usage | None:
    if counts is None or not searches:
        return counts
    return msgspec.structs.replace(counts, requests=searches)


def _answer(body: bytes) -> Mapping[str, Any]:
    try:
        answer = msgspec.json.decode(body)
    except wire.UNREADABLE as reason:
        raise faults.malformed(f"the answer is not JSON: {reason}") from None
    if in_error(answer):
        raise errors.in_band(answer)
    if not candidate_in(wire.mapping(answer)) and not blocked(wire.mapping(answer)):
        raise faults.malformed("the answer has no candidates")
    return wire.mapping(answer)


def in_error(answer: object) -> bool:
    """Whether a decoded answer or chunk is an error, bare or in a list."""
    first = next(iter(wire.objects(answer)), wire.EMPTY) if isinstance(answer, list) else wire.mapping(answer)
    return bool(first.get("error"))
