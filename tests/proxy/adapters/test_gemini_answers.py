"""Gemini's usage, answers and streams as the caller and the ledger see them."""

import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import Answer, ErrorClass, VendorError
from proxy.adapters.gemini.response import finish_reason_from
from proxy.adapters.gemini.usage import searches_in, usage_from, variant_from
from proxy.adapters.registry import adapter_for
from tests.proxy.adapters.drive import Read, read, sse, target

USAGE = {
    "promptTokenCount": 20,
    "candidatesTokenCount": 151,
    "thoughtsTokenCount": 382,
    "totalTokenCount": 553,
}
COUNTED = Usage(input=20, output=151, reasoning=382)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(USAGE, COUNTED, id="thoughts are beside the candidates"),
        pytest.param(
            {"promptTokenCount": 9, "thoughtsTokenCount": 50, "totalTokenCount": 59},
            Usage(input=9, reasoning=50),
            id="only thoughts: the candidates are absent",
        ),
        pytest.param(
            {
                "promptTokenCount": 20212,
                "cachedContentTokenCount": 16298,
                "candidatesTokenCount": 1,
                "totalTokenCount": 20213,
            },
            Usage(input=3914, cache_read=16298, output=1),
            id="cached tokens are inside the prompt",
        ),
        pytest.param(
            {
                "promptTokenCount": 10,
                "toolUsePromptTokenCount": 100,
                "candidatesTokenCount": 5,
                "totalTokenCount": 115,
            },
            Usage(input=110, output=5),
            id="tool-use prompts are beside the prompt",
        ),
        pytest.param(
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 40,
                "candidatesTokenCount": 12,
                "totalTokenCount": 112,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 30},
                    {"modality": "AUDIO", "tokenCount": 70},
                ],
                "cacheTokensDetails": [
                    {"modality": "AUDIO", "tokenCount": 25},
                    {"modality": "TEXT", "tokenCount": 15},
                ],
                "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}],
            },
            Usage(input=15, cache_read=40, audio_input=45, output=2, audio_output=10),
            id="audio apart, but for what was cached",
        ),
        pytest.param(
            {"candidatesTokenCount": 23, "thoughtsTokenCount": 67},
            Usage(output=23, reasoning=67),
            id="partial",
        ),
        pytest.param({"promptTokenCount": 0, "totalTokenCount": 0}, Usage(), id="explicit zeros are usage"),
    ],
)
def test_buckets(raw: dict[str, Any], expected: Usage) -> None:
    assert usage_from(raw) == (expected, ())


@pytest.mark.parametrize("raw", [None, {}, [], {"trafficType": "ON_DEMAND"}])
def test_what_was_not_told_is_unknown_not_zero(raw: object) -> None:
    assert usage_from(raw) == (None, ())


def test_a_total_that_does_not_add_up_is_flagged() -> None:
    assert usage_from({**USAGE, "totalTokenCount": 171}) == (COUNTED, ("usage_mismatch",))


def test_more_cached_than_prompted_is_clamped_and_flagged() -> None:
    raw = {"promptTokenCount": 5, "cachedContentTokenCount": 9, "totalTokenCount": 5}
    assert usage_from(raw) == (Usage(cache_read=5), ("usage_clamped",))


@pytest.mark.parametrize(
    ("raw", "header", "expected"),
    [
        ({}, None, ("standard", ())),
        ({"serviceTier": "flex"}, None, ("flex", ())),
        ({"serviceTier": "PRIORITY"}, None, ("priority", ())),
        ({"trafficType": "ON_DEMAND"}, None, ("standard", ())),
        ({"trafficType": "ON_DEMAND_FLEX"}, None, ("flex", ())),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, None, ("priority", ())),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, None, ("standard", ("provisioned_throughput",))),
        ({"trafficType": "ON_DEMAND_OFFPEAK"}, None, ("standard", ("unknown_service_tier",))),
        ({"trafficType": "TRAFFIC_TYPE_UNSPECIFIED"}, None, ("standard", ())),
        ({}, "priority", ("priority", ())),
    ],
)
def test_the_variant_that_was_served(
    raw: dict[str, Any], header: str | None, expected: tuple[str, tuple[str, ...]]
) -> None:
    assert variant_from(raw, header) == expected


@pytest.mark.parametrize(
    ("model", "queries", "expected"),
    [
        ("gemini-2.5-flash", ["a", "b"], 1),
        ("gemini-3.5-flash", ["a", "", "b"], 2),
        ("gemini-2.5-flash", [], 0),
    ],
)
def test_searches_are_billed_per_prompt_and_from_gemini_3_per_query(
    model: str, queries: list[str], expected: int
) -> None:
    assert searches_in({"groundingMetadata": {"webSearchQueries": queries}}, model) == expected


@pytest.mark.parametrize(
    ("reason", "called", "expected"),
    [
        ("STOP", False, "stop"),
        ("STOP", True, "tool_calls"),
        ("MAX_TOKENS", True, "length"),
        ("CONTINUATION", False, "length"),
        *[
            (reason, False, "content_filter")
            for reason in (
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
        ],
    ],
)
def test_the_finish_reasons(reason: str, called: bool, expected: str) -> None:
    assert finish_reason_from(reason, called_tools=called) == (expected, ())


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "OTHER", "NO_IMAGE", "BRAND_NEW", None])
def test_a_models_fault_is_a_stop_with_its_native_reason(reason: str | None) -> None:
    assert finish_reason_from(reason, called_tools=False) == ("stop", (f"native_finish:{reason}",))


def reply(
    *parts: dict[str, Any], finish: str | None = "STOP", usage: Any = USAGE, **more: Any
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate | more],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    }


def answered(body: Any) -> Answer:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return adapter_for("gemini").response_from(encoded, {}, target("gemini"))


def test_the_callers_completion() -> None:
    answer = answered(reply({"text": "hmm", "thought": True}, {"text": "Hel"}, {"text": "lo"}))
    body = json.loads(answer.body)
    assert (body["id"], body["object"], body["model"]) == ("r1", "chat.completion", "gemini-2.5-flash")
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Hello",
        "reasoning_content": "hmm",
        "refusal": None,
    }
    assert body["usage"]["completion_tokens"] == 533
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 382
    assert (answer.text, answer.finish_reason, answer.usage) == ("Hello", "stop", COUNTED)


def test_function_calls_get_stable_ids_and_keep_their_signatures() -> None:
    first = {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "sig"}
    answer = answered(reply(first, {"functionCall": {"name": "g", "id": "own"}}))
    message = json.loads(answer.body)["choices"][0]["message"]
    assert answer.finish_reason == "tool_calls"
    assert message["content"] is None
    assert message["tool_calls"] == [
        {
            "id": "call_r1_0",
            "type": "function",
            "function": {"name": "f", "arguments": '{"a":1}'},
            "extra_content": {"google": {"thought_signature": "sig"}},
        },
        {"id": "own", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_searches_are_requests() -> None:
    grounded = reply({"text": "a"}, groundingMetadata={"webSearchQueries": ["x", "y"]})
    assert answered(grounded).usage == Usage(input=20, output=151, reasoning=382, requests=1)


def test_a_blocked_prompt_is_a_billed_answer_with_empty_content() -> None:
    answer = answered({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}})
    assert (answer.finish_reason, answer.text, answer.usage) == ("content_filter", "", Usage(input=4))
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == ""


@pytest.mark.parametrize("body", [b"", b"<html>", {}, [], 7, {"candidates": []}, {"candidates": [None]}])
def test_an_answer_that_cannot_be_read_is_the_vendors_failure(body: Any) -> None:
    with pytest.raises(VendorError) as failure:
        answered(body)
    assert failure.value.error_class is ErrorClass.PROVIDER


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_error_inside_a_200_is_raised_for_what_it_is(wrapped: bool) -> None:
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    with pytest.raises(VendorError) as failure:
        answered([error] if wrapped else error)
    assert failure.value.error_class is ErrorClass.OVERLOADED


def test_a_disabled_account_is_the_credentials_failure() -> None:
    with pytest.raises(VendorError) as failure:
        answered(reply(finish="PUP_LIMITED_DISABLED"))
    assert failure.value.error_class is ErrorClass.CREDENTIAL


def stream(*chunks: Any, **how: Any) -> Read:
    return read("gemini", sse(*chunks).replace(b"\n", b"\r\n"), **how)


def test_the_callers_stream() -> None:
    found = stream(
        reply(
            {"text": "hmm", "thought": True}, finish=None, usage={"promptTokenCount": 8, "totalTokenCount": 8}
        ),
        reply({"text": "Hello"}, finish=None, usage={"trafficType": "ON_DEMAND"}),
        reply({"text": ""}),
    )
    assert found.deltas == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "hmm"},
        {"content": "Hello"},
        {},
    ]
    assert (found.finish_reasons, found.state.finish_reason) == (["stop"], "stop")
    assert (found.state.usage, found.state.complete, found.state.flags) == (COUNTED, True, ())
    assert found.usage_chunks[0]["usage"]["total_tokens"] == 553
    assert found.closed[-1] == b"data: [DONE]\n\n"


def test_before_the_finish_usage_is_a_lower_bound() -> None:
    state = stream(
        reply({"text": "a"}, finish=None, usage={"promptTokenCount": 8, "totalTokenCount": 8})
    ).state
    assert (state.usage, state.flags, state.complete) == (Usage(input=8), ("partial_usage",), False)


def test_running_totals_are_not_added_and_may_fall() -> None:
    low = {"promptTokenCount": 427, "candidatesTokenCount": 0, "totalTokenCount": 427}
    high = {"promptTokenCount": 8, "candidatesTokenCount": 20, "totalTokenCount": 28}
    found = stream(reply({"text": "a"}, finish=None, usage=high), reply({"text": "b"}, usage=low))
    assert found.state.usage == Usage(input=427)


def test_a_call_and_its_stop_may_come_in_two_chunks() -> None:
    found = stream(reply({"functionCall": {"name": "f", "args": {"a": 1}}}, finish=None), reply({"text": ""}))
    assert found.finish_reasons == ["tool_calls"]


def test_a_finish_reason_on_every_chunk_is_written_once() -> None:
    found = stream(reply({"text": "a"}), reply({"text": "b"}), reply({"text": "c"}, finish="MAX_TOKENS"))
    assert (found.text, found.finish_reasons) == ("abc", ["length"])


def test_calls_are_numbered_and_get_stable_ids() -> None:
    found = stream(reply({"functionCall": {"name": "f"}}, {"functionCall": {"name": "g", "args": {"x": []}}}))
    calls = [call for delta in found.deltas for call in delta.get("tool_calls", [])]
    assert [(call["index"], call["id"], call["function"]["arguments"]) for call in calls] == [
        (0, "call_r1_0", "{}"),
        (1, "call_r1_1", '{"x":[]}'),
    ]


@pytest.mark.parametrize("terminated", [True, False])
def test_arguments_that_come_in_pieces_are_put_together(terminated: bool) -> None:
    def piece(path: str, **value: Any) -> dict[str, Any]:
        return reply(
            {"functionCall": {"partialArgs": [{"jsonPath": path, **value}], "willContinue": True}},
            finish=None,
        )

    found = stream(
        reply({"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "s"}, finish=None),
        piece("$.city", stringValue="Par"),
        piece("$.city", stringValue="is"),
        piece("$.list[0].price", numberValue=0.5),
        piece("$.list[1]['on sale']", boolValue=True),
        piece("$.nothing", nullValue="NULL_VALUE"),
        *([reply({"functionCall": {}}, finish=None)] if terminated else []),
        reply({"text": ""}),
    )
    (call,) = [call for delta in found.deltas for call in delta.get("tool_calls", [])]
    assert call["function"]["name"] == "f"
    assert json.loads(call["function"]["arguments"]) == {
        "city": "Paris",
        "list": [{"price": 0.5}, {"on sale": True}],
        "nothing": None,
    }
    assert call["extra_content"] == {"google": {"thought_signature": "s"}}


def test_a_blocked_prompt_ends_the_stream_well() -> None:
    found = stream({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}})
    assert (found.finish_reasons, found.state.complete, found.state.usage) == (
        ["content_filter"],
        True,
        Usage(input=4),
    )


def test_searches_are_counted_once() -> None:
    grounding = {"webSearchQueries": ["x"]}
    found = stream(reply({"text": "a"}, finish=None, groundingMetadata=grounding), reply({"text": ""}))
    assert found.state.usage == Usage(input=20, output=151, reasoning=382, requests=1)


@pytest.mark.parametrize(
    ("event", "error_class"),
    [
        ({"error": {"code": 503, "status": "UNAVAILABLE", "message": "x"}}, ErrorClass.OVERLOADED),
        ([{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x"}}], ErrorClass.RATE_LIMITED),
        ({"error": {"message": "no code"}}, ErrorClass.PROVIDER),
        ("{oops", ErrorClass.PROVIDER),
        ("5", ErrorClass.PROVIDER),
    ],
)
def test_an_error_inside_the_stream_ends_it(event: Any, error_class: ErrorClass) -> None:
    event = event if isinstance(event, str) else json.dumps(event)
    found = stream(reply({"text": "Hello"}, finish=None), event, reply({"text": "more"}))
    assert found.text == "Hello"
    assert found.state.error is not None
    assert (found.state.error.error_class, found.state.complete) == (error_class, False)


def test_a_disabled_account_inside_a_stream_is_the_credentials_failure() -> None:
    error = stream(reply(finish="PUP_LIMITED_DISABLED")).state.error
    assert error is not None
    assert error.error_class is ErrorClass.CREDENTIAL
