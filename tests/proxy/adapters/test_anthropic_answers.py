"""Anthropic's usage and messages as the caller and the ledger see them."""

import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.anthropic.finish import FINISH_REASONS, finish_reason_from
from proxy.adapters.anthropic.usage import usage_from, variant_from
from proxy.adapters.base import Answer, ErrorClass, VendorError
from proxy.adapters.registry import adapter_for
from tests.proxy.adapters.anthropic_events import MODEL, message
from tests.proxy.adapters.drive import call, target


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param({"input_tokens": 13, "output_tokens": 4}, Usage(input=13, output=4), id="plain"),
        pytest.param(
            {"input_tokens": 3914, "cache_read_input_tokens": 16298, "output_tokens": 1},
            Usage(input=3914, cache_read=16298, output=1),
            id="cached tokens are beside the input",
        ),
        pytest.param(
            {
                "input_tokens": 5,
                "cache_creation_input_tokens": 1_000_000,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 600_000,
                    "ephemeral_1h_input_tokens": 400_000,
                },
                "output_tokens": 1,
            },
            Usage(input=5, cache_write_5m=600_000, cache_write_1h=400_000, output=1),
            id="writes by time to live",
        ),
        pytest.param(
            {"input_tokens": 5, "output_tokens": 100, "output_tokens_details": {"thinking_tokens": 90}},
            Usage(input=5, output=10, reasoning=90),
            id="thinking is inside the output",
        ),
        pytest.param(
            {"input_tokens": 5, "output_tokens": 10, "output_tokens_details": {"thinking_tokens": 90}},
            Usage(input=5, reasoning=10),
            id="thinking never exceeds the output",
        ),
        pytest.param(
            {
                "input_tokens": 5,
                "output_tokens": 1,
                "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 9},
            },
            Usage(input=5, output=1, requests=2),
            id="web searches are billed per request, fetches are free",
        ),
        pytest.param({"input_tokens": 0, "output_tokens": 0}, Usage(), id="explicit zeros are usage"),
        pytest.param(
            {
                "input_tokens": 162,
                "output_tokens": 11,
                "iterations": [
                    {"type": "compaction", "input_tokens": 99_195, "output_tokens": 81},
                    {"type": "message", "input_tokens": 162, "output_tokens": 11},
                ],
            },
            Usage(input=99_357, output=92),
            id="compaction is billed on top of the top level",
        ),
    ],
)
def test_buckets(raw: dict[str, Any], expected: Usage) -> None:
    assert usage_from(raw, MODEL) == (expected, ())


@pytest.mark.parametrize("raw", [None, {}, [], {"service_tier": "standard"}])
def test_what_was_not_told_is_unknown_not_zero(raw: object) -> None:
    assert usage_from(raw, MODEL) == (None, ())


def test_writes_without_a_split_are_short_and_flagged() -> None:
    raw = {"input_tokens": 6, "cache_creation_input_tokens": 159_217, "output_tokens": 2745}
    assert usage_from(raw, MODEL) == (Usage(input=6, cache_write_5m=159_217, output=2745), ("ttl_unknown",))


def test_a_split_that_falls_short_of_the_total_loses_no_token() -> None:
    split = {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}
    raw = {"cache_creation_input_tokens": 100, "cache_creation": split}
    assert usage_from(raw, MODEL) == (Usage(cache_write_5m=80, cache_write_1h=20), ("ttl_unknown",))


def test_another_models_iteration_is_counted_and_flagged() -> None:
    advisor = {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 10, "output_tokens": 5}
    own = {"type": "message", "input_tokens": 1, "output_tokens": 2}
    raw = {"input_tokens": 1, "output_tokens": 2, "iterations": [own, advisor]}
    assert usage_from(raw, MODEL) == (Usage(input=11, output=7), ("other_model_usage",))


def test_a_region_that_multiplies_the_price_is_flagged() -> None:
    assert usage_from({"input_tokens": 1, "inference_geo": "us"}, MODEL)[1] == ("unpriced:inference_geo_us",)
    assert usage_from({"input_tokens": 1, "inference_geo": "not_available"}, MODEL)[1] == ()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, ("standard", ())),
        ({"service_tier": "standard"}, ("standard", ())),
        ({"service_tier": "priority"}, ("priority", ())),
        ({"service_tier": "batch"}, ("batch", ())),
        ({"service_tier": "priority", "speed": "fast"}, ("fast", ())),
        ({"service_tier": "express"}, ("unknown", ("unknown_service_tier",))),
    ],
)
def test_the_variant_that_was_served(raw: dict[str, Any], expected: tuple[str, tuple[str, ...]]) -> None:
    assert variant_from(raw) == expected


def test_the_finish_reasons() -> None:
    assert FINISH_REASONS == {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "pause_turn": "stop",
        "refusal": "content_filter",
        "compaction": "stop",
    }
    assert finish_reason_from("end_turn") == ("stop", ())
    assert finish_reason_from("pause_turn") == ("stop", ("native_finish:pause_turn",))
    assert finish_reason_from("brand_new") == ("stop", ("native_finish:brand_new",))


def answered(body: bytes) -> Answer:
    return adapter_for("anthropic").response_from(body, {}, call(), target("anthropic"))


def seen_by_caller(answer: Answer) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer.body)
    return body


def test_the_callers_completion() -> None:
    answer = answered(message({"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}))
    body = seen_by_caller(answer)
    assert isinstance(body.pop("created"), int)
    assert body == {
        "id": "msg_1",
        "object": "chat.completion",
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 15,
            "completion_tokens": 7,
            "total_tokens": 22,
            "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
    }
    assert (answer.text, answer.model, answer.upstream_id) == ("Hello", MODEL, "msg_1")


def test_thinking_and_tools() -> None:
    body = seen_by_caller(
        answered(
            message(
                {"type": "thinking", "thinking": "hmm", "signature": "s"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
                stop="tool_use",
            )
        )
    )
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["reasoning_content"] == "hmm"
    assert choice["message"]["thinking_blocks"] == [
        {"type": "thinking", "thinking": "hmm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
    ]
    assert choice["message"]["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "t2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


PAGE = {"type": "web_search_result_location", "url": "https://a.test", "title": "A", "cited_text": "c"}
CHAR = {"type": "char_location", "cited_text": "c", "document_index": 0}


def test_citations_of_web_pages_become_annotations_of_their_text() -> None:
    body = seen_by_caller(
        answered(
            message(
                {"type": "text", "text": "So: "},
                {"type": "text", "text": "rain", "citations": [PAGE, CHAR]},
                {"type": "text", "text": ".", "citations": [CHAR]},
            )
        )
    )
    said = body["choices"][0]["message"]
    assert said["content"] == "So: rain."
    cited = {"start_index": 4, "end_index": 8, "title": "A", "url": "https://a.test"}
    assert said["annotations"] == [{"type": "url_citation", "url_citation": cited}]


@pytest.mark.parametrize(
    ("tier", "said"), [("standard", "default"), ("priority", "priority"), ("batch", None), (None, None)]
)
def test_the_tier_in_openais_word(tier: str | None, said: str | None) -> None:
    usage = {"input_tokens": 1, "output_tokens": 1, "service_tier": tier}
    assert seen_by_caller(answered(message(usage=usage))).get("service_tier") == said


def test_a_refusal_is_a_billed_answer_with_empty_content() -> None:
    answer = answered(message(stop="refusal"))
    assert (answer.finish_reason, answer.text) == ("content_filter", "")
    assert seen_by_caller(answer)["choices"][0]["message"]["content"] == ""


def test_without_usage_there_is_none() -> None:
    answer = answered(message({"type": "text", "text": "a"}, usage=None))
    assert (answer.usage, answer.raw_usage) == (None, None)
    assert "usage" not in seen_by_caller(answer)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"7", b'{"content": null}'])
def test_an_answer_that_cannot_be_read_is_the_vendors_failure(body: bytes) -> None:
    with pytest.raises(VendorError) as failure:
        answered(body)
    assert failure.value.error_class is ErrorClass.PROVIDER


def test_an_error_inside_a_200_is_raised_for_what_it_is() -> None:
    with pytest.raises(VendorError) as failure:
        answered(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    assert failure.value.error_class is ErrorClass.OVERLOADED
