"""A whole ``GenerateContentResponse`` as a reply."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from metering.usage import Usage
from proxy.adapters import answers, faults
from proxy.adapters.base import Answer, Target
from proxy.adapters.gemini import errors, finish, grounding, logprobs, usage
from proxy.adapters.gemini.parts import LeftOut, PartReader, Said, Thought
from proxy.interchange import wire
from proxy.interchange.conversation import Text
from proxy.interchange.dialect import Call
from proxy.interchange.reply import Block, Choice, Cited, Reply

# OpenAI's words for the price variants that Gemini names.
_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}


def response_from(body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
    """Raises VendorError: PROVIDER on an answer that cannot be read, and what an error inside a 200 means."""
    answer = decoded(body)
    candidates = candidates_in(answer)
    if not candidates and not finish.block_reason(answer):
        raise faults.malformed("the answer has no candidates")
    raw, served = answer.get("usageMetadata"), wire.header(headers, "x-gemini-service-tier")
    model = wire.text(answer.get("modelVersion")) or target.model
    counts, count_flags = usage.usage_from(raw)
    variant, tier_flags = usage.variant_from(raw, served)
    choices, choice_flags = _choices(answer, candidates, one_call=wants_one_call(call))
    reply = Reply(
        id=wire.text(answer.get("responseId")),
        model=model,
        choices=choices,
        usage=with_searches(counts, sum(usage.searches_in(candidate, model) for candidate in candidates)),
        service_tier=tier_word(raw, variant, served),
    )
    fees = tuple(flag for candidate in candidates for flag in usage.unpriced_in(candidate))
    flags = tuple(dict.fromkeys(count_flags + tier_flags + fees + choice_flags))
    return answers.answer_of(reply, call, raw_usage=raw, variant=variant, flags=flags)


def decoded(body: bytes) -> Mapping[str, Any]:
    """The answer's object. Raises VendorError."""
    try:
        answer = msgspec.json.decode(body)
    except wire.UNREADABLE as reason:
        raise faults.malformed(f"the answer is not JSON: {reason}") from None
    if in_error(answer):
        raise errors.in_band(answer)
    return wire.mapping(answer)


def in_error(answer: object) -> bool:
    """Whether a decoded answer or chunk is an error, bare or in a list."""
    first = next(iter(wire.objects(answer)), wire.EMPTY) if isinstance(answer, list) else wire.mapping(answer)
    return bool(first.get("error"))


def candidates_in(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """In the order of their indices; none when the prompt was blocked."""
    return sorted(wire.objects(answer.get("candidates")), key=index_of)


def index_of(candidate: Mapping[str, Any]) -> int:
    return wire.count(candidate.get("index"))


def parts_of(candidate: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return wire.objects(wire.mapping(candidate.get("content")).get("parts"))


def wants_one_call(call: Call) -> bool:
    """Whether the caller can do with one tool call at a time alone. Gemini cannot be told."""
    return call.conversation.settings.parallel_tool_calls is False


def call_prefix(upstream_id: str, index: int) -> str:
    """What the ids of a candidate's calls begin with, where the vendor gave them none."""
    return f"call_{upstream_id}_{index}" if index else f"call_{upstream_id}"


def with_searches(counts: Usage | None, searches: int) -> Usage | None:
    if counts is None or not searches:
        return counts
    return msgspec.structs.replace(counts, requests=searches)


def tier_word(raw: object, variant: str, served: str | None = None) -> str:
    """OpenAI's word for the tier that served; empty when the vendor said nothing."""
    told = wire.mapping(raw)
    return _TIERS.get(variant, "") if told.get("serviceTier") or told.get("trafficType") or served else ""


def flag_of(left_out: LeftOut) -> str:
    """How the cost entry says that something of a billed answer did not reach the caller."""
    return f"left_out:{left_out.kind[:40]}"


def _choices(
    answer: Mapping[str, Any], candidates: list[Mapping[str, Any]], *, one_call: bool
) -> tuple[tuple[Choice, ...], tuple[str, ...]]:
    if not candidates:
        blocked = Choice(blocks=(), finish="content_filter", native=finish.block_reason(answer))
        return (blocked,), ()
    upstream_id = wire.text(answer.get("responseId"))
    made = [
        _choice(candidate, PartReader(call_prefix(upstream_id, index), one_call=one_call))
        for index, candidate in enumerate(candidates)
    ]
    return tuple(choice for choice, _ in made), sum((flags for _, flags in made), ())


def _choice(candidate: Mapping[str, Any], reader: PartReader) -> tuple[Choice, tuple[str, ...]]:
    said = [each for part in parts_of(candidate) for each in reader.read(part)] + reader.end()
    native = finish.native_of(candidate.get("finishReason"))
    word, flags = finish.finish_from(native, called_tools=reader.calls > 0)
    choice = Choice(
        blocks=_cited(_blocks(said), candidate),
        finish=word,
        native=native,
        logprobs=logprobs.logprobs_of(candidate),
    )
    return choice, flags + tuple(flag_of(each) for each in said if isinstance(each, LeftOut))


def _blocks(said: Iterable[Said]) -> list[Block]:
    """Pieces of text in a row are one block, which its signature ends."""
    blocks: list[Block] = []
    for each in said:
        if isinstance(each, Thought | LeftOut):
            continue
        last = blocks[-1] if blocks else None
        if isinstance(each, Text) and isinstance(last, Text) and not last.signature:
            blocks[-1] = Text(text=last.text + each.text, signature=each.signature)
        elif not isinstance(each, Text) or each.text:
            blocks.append(each)
    return blocks


def _cited(blocks: list[Block], candidate: Mapping[str, Any]) -> tuple[Block, ...]:
    """The sources stand beside the last text, whose indices count from the beginning of all text."""
    text = "".join(block.text for block in blocks if isinstance(block, Text))
    notes = grounding.annotations_of(candidate.get("groundingMetadata"), text)
    at = max((at for at, block in enumerate(blocks) if isinstance(block, Text)), default=None)
    if not notes or at is None:
        return tuple(blocks)
    cited = blocks[at]
    assert isinstance(cited, Text)
    return (
        *blocks[:at],
        Cited(text=cited.text, annotations=notes, signature=cited.signature),
        *blocks[at + 1 :],
    )
