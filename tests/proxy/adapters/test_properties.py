"""Whatever arrives: adapters answer, refuse by name, or report the vendor's failure; they never break."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.usage import Usage
from proxy.adapters.anthropic import usage as anthropic_usage
from proxy.adapters.base import InvalidField, UnsupportedField, VendorError
from proxy.adapters.gemini import usage as gemini_usage
from proxy.adapters.openai import usage as openai_usage
from proxy.adapters.registry import ADAPTERS, adapter_for
from proxy.dialects.chat.fields import FIELDS as CHAT_FIELDS
from tests.proxy.adapters.drive import call, chunk_in, read, sse, target
from tests.proxy.adapters.test_contract import SITUATIONS, WIRES

# Words of all three wires, so that random objects come close to real ones.
NAMES = st.sampled_from(
    """
    id type model choices delta message content text role finish_reason index usage error code tool_calls
    function name arguments reasoning_content service_tier x_groq annotations content_block partial_json
    stop_reason thinking input output_tokens input_tokens iterations cache_creation candidates parts
    functionCall args partialArgs jsonPath stringValue willContinue finishReason usageMetadata
    promptTokenCount totalTokenCount promptFeedback blockReason groundingMetadata webSearchQueries
    modelVersion responseId thought prompt_tokens completion_tokens total_tokens prompt_tokens_details
    completion_tokens_details cached_tokens status details reason retryDelay violations quotaId speed
    trafficType candidatesTokensDetails modality tokenCount
    """.split()  # noqa: SIM905  # a list of as many lines as words says no more
)
WORDS = st.sampled_from(
    """
    message_start content_block_start content_block_delta content_block_stop message_delta message_stop
    error text text_delta thinking tool_use input_json_delta stop STOP end_turn AUDIO $.a[0].b $[99999999]
    {} fast 5s user assistant system tool none high
    """.split()  # noqa: SIM905
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | WORDS
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=5)
KIND = st.sampled_from(sorted(ADAPTERS))


@given(KIND, VALUES | OBJECTS)
@settings(max_examples=200, deadline=None)
def test_any_json_is_an_answer_or_the_vendors_failure(kind: str, body: Any) -> None:
    with contextlib.suppress(VendorError):
        answer = adapter_for(kind).response_from(json.dumps(body).encode(), {}, call(), target(kind))
        assert isinstance(json.loads(answer.body), dict)


@given(KIND, st.binary(max_size=60))
def test_any_bytes_are_the_vendors_failure(kind: str, body: bytes) -> None:
    with pytest.raises(VendorError):
        adapter_for(kind).response_from(body, {}, call(), target(kind))


@given(
    KIND,
    st.integers(300, 599),
    st.binary(max_size=60) | (VALUES | OBJECTS).map(lambda body: json.dumps(body).encode()),
)
@settings(max_examples=200, deadline=None)
def test_any_error_body_is_classified(kind: str, status: int, body: bytes) -> None:
    error = adapter_for(kind).error_from(status, {"retry-after": body[:8].decode("latin-1")}, body)
    assert error.status == status
    assert error.message
    assert error.retry_after is None or 0 <= error.retry_after <= 86_400


@given(KIND, st.lists(OBJECTS, max_size=6), st.integers(0, 40), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_events_are_frames_or_an_error(
    kind: str, events: list[Any], step: int, include_usage: bool
) -> None:
    stream = b"".join(sse(json.dumps(event)) for event in events)
    found = read(kind, stream, step=step, include_usage=include_usage)
    for frame in found.fed + found.closed:
        chunk_in(frame)
    assert not (found.state.complete and found.state.error)


DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "content": VALUES,
        "reasoning_content": VALUES,
        "annotations": VALUES,
        "tool_calls": st.lists(st.dictionaries(st.sampled_from(["index", "id", "type", "function"]), VALUES))
        | VALUES,
    },
)


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"a":' * 100_000], ids=["lists", "objects"])
def test_bottomless_nesting_is_the_vendors_failure(kind: str, nested: bytes) -> None:
    with pytest.raises(VendorError):
        adapter_for(kind).response_from(nested, {}, call(), target(kind))
    assert adapter_for(kind).error_from(500, {}, nested).message
    assert read(kind, b"data: " + nested + b"\n\n").state.error is not None


SMALL = st.none() | st.integers(0, 3)
CHUNKS = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"delta": DELTAS, "finish_reason": VALUES, "index": SMALL}))},
    optional={"usage": VALUES, "x_groq": VALUES, "service_tier": VALUES, "error": VALUES},
)
BLOCKS = st.fixed_dictionaries(
    {"type": WORDS, "content_block": OBJECTS, "delta": OBJECTS, "message": OBJECTS, "usage": OBJECTS}
)
CANDIDATES = st.fixed_dictionaries(
    {
        "candidates": st.lists(
            st.fixed_dictionaries(
                {"content": st.fixed_dictionaries({"parts": st.lists(OBJECTS, max_size=3)})},
                optional={"finishReason": VALUES, "groundingMetadata": OBJECTS},
            ),
            max_size=1,
        )
    },
    optional={"usageMetadata": OBJECTS, "promptFeedback": OBJECTS, "responseId": VALUES},
)
SHAPES = {"openai": CHUNKS, "openai_compatible": CHUNKS, "anthropic": BLOCKS, "gemini": CANDIDATES}


@pytest.mark.parametrize("kind", SHAPES)
@settings(max_examples=60, deadline=None)
@given(data=st.data(), step=st.integers(0, 40))
def test_odd_values_in_the_vendors_own_shapes_are_survived(kind: str, data: st.DataObject, step: int) -> None:
    events = data.draw(st.lists(SHAPES[kind], max_size=5))
    found = read(kind, b"".join(sse(json.dumps(event)) for event in events), step=step)
    for frame in found.fed + found.closed:
        chunk_in(frame)


@given(KIND, st.binary(max_size=80), st.integers(0, 9))
def test_any_bytes_of_a_stream_are_survived(kind: str, stream: bytes, step: int) -> None:
    assert not read(kind, stream, step=step).state.complete


@given(KIND, st.sampled_from(sorted(SITUATIONS)), st.lists(st.integers(1, 200), min_size=1, max_size=20))
def test_the_split_of_a_stream_changes_nothing(kind: str, situation: str, steps: list[int]) -> None:
    _, stream = WIRES[kind](SITUATIONS[situation])
    whole = read(kind, stream)
    reader = adapter_for(kind).chunks_from(call(stream=True, include_usage=True), target(kind))
    fed: list[bytes] = []
    at, turn = 0, 0
    while at < len(stream):
        step = steps[turn % len(steps)]
        fed += reader.feed(stream[at : at + step])
        at, turn = at + step, turn + 1

    def without_time(frames: list[bytes]) -> list[Any]:
        return [{**(chunk_in(frame) or {}), "created": 0} for frame in frames]

    assert without_time(fed) == without_time(whole.fed)
    assert reader.state == whole.state


MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]) | VALUES},
        optional={
            "content": st.text(max_size=4) | st.lists(st.dictionaries(NAMES, VALUES, max_size=3), max_size=2)
        },
    )
    | VALUES,
    max_size=4,
)
FIELDS = st.dictionaries(
    st.sampled_from(sorted(CHAT_FIELDS)),
    VALUES,
    max_size=3,
)
MODELS = st.sampled_from(
    ["claude-sonnet-4-5", "claude-opus-4-8", "gemini-2.5-pro", "gemini-3-flash", "x", "claude-", ""]
)


@given(KIND, MESSAGES, FIELDS, MODELS, st.none() | st.integers(1, 10**6), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_request_goes_out_or_is_refused_by_name(
    kind: str, messages: list[Any], fields: dict[str, Any], model: str, ceiling: int | None, stream: bool
) -> None:
    asked = call(**{**fields, "messages": messages, "stream": stream})
    aimed = target(kind, model=model or None, max_output_tokens=ceiling)
    before = json.dumps(asked.body)
    with contextlib.suppress(UnsupportedField, InvalidField):
        request = adapter_for(kind).request_for(asked, aimed)
        assert isinstance(json.loads(request.body), dict)
        assert request.body == adapter_for(kind).request_for(asked, aimed).body
        assert b"canary-key" not in request.body
        assert "canary-key" not in request.url
    assert json.dumps(asked.body) == before


COUNTS = st.integers(0, 10**6)


def counts(*names: str, **nested: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, st.SearchStrategy[Any]] = {**dict.fromkeys(names, COUNTS), **nested}
    return st.fixed_dictionaries({}, optional=optional)


OPENAI_COUNTS = counts(
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    prompt_tokens_details=counts("cached_tokens", "cache_write_tokens", "audio_tokens"),
    completion_tokens_details=counts("reasoning_tokens", "audio_tokens"),
)


@given(OPENAI_COUNTS)
@settings(max_examples=200, deadline=None)
def test_openais_buckets_add_up_to_the_greater_of_total_and_parts(raw: dict[str, Any]) -> None:
    usage, _ = openai_usage.usage_from(raw)
    if usage is not None:
        parts = raw.get("prompt_tokens", 0) + raw.get("completion_tokens", 0)
        assert usage.total_tokens == max(raw.get("total_tokens", 0), parts)


@given(
    counts(
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        output_tokens_details=counts("thinking_tokens"),
    )
)
def test_anthropics_buckets_add_up_to_the_counts(raw: dict[str, Any]) -> None:
    usage, _ = anthropic_usage.usage_from(raw, "m")
    told = {name: count for name, count in raw.items() if isinstance(count, int)}
    assert (usage or Usage()).total_tokens == sum(told.values())


@given(
    counts(
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "toolUsePromptTokenCount",
        "cachedContentTokenCount",
    )
)
def test_geminis_buckets_add_up_to_the_counts(raw: dict[str, int]) -> None:
    usage, _ = gemini_usage.usage_from(raw)
    if usage is not None:
        assert usage.total_tokens == sum(raw.values()) - raw.get("cachedContentTokenCount", 0)
