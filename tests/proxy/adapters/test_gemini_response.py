"""Gemini's whole answers as the caller and the ledger see them."""

import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import ErrorClass, VendorError
from proxy.adapters.gemini.finish import finish_from, native_of
from tests.proxy.adapters.drive import call
from tests.proxy.adapters.gemini_words import COUNTED, answered, called, candidate, message_of, of, reply


@pytest.mark.parametrize(
    ("reason", "called_tools", "expected"),
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
def test_the_finish_reasons(reason: str, called_tools: bool, expected: str) -> None:
    assert finish_from(reason, called_tools=called_tools) == (expected, ())


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "OTHER", "NO_IMAGE", "BRAND_NEW"])
def test_a_models_fault_is_a_stop_with_its_native_reason(reason: str) -> None:
    assert finish_from(reason, called_tools=False) == ("stop", (f"native_finish:{reason}",))


@pytest.mark.parametrize(("reason", "native"), [(1, "STOP"), (2, "MAX_TOKENS"), (99, "99"), (None, "")])
def test_a_reason_may_be_the_enums_number(reason: object, native: str) -> None:
    assert native_of(reason) == native


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
    assert "service_tier" not in body
    assert (answer.text, answer.finish_reason, answer.usage) == ("Hello", "stop", COUNTED)


def test_function_calls_get_stable_ids_and_keep_their_signatures() -> None:
    answer = answered(reply(called("f", "c2ln", args={"a": 1}), called("g", id="own")))
    message = json.loads(answer.body)["choices"][0]["message"]
    assert answer.finish_reason == "tool_calls"
    assert message["content"] is None
    assert message["tool_calls"] == [
        {
            "id": "call_r1_0__sig_c2ln",
            "type": "function",
            "function": {"name": "f", "arguments": '{"a":1}'},
            "extra_content": {"google": {"thought_signature": "c2ln"}},
        },
        {"id": "own", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([{"thoughtSignature": "c2ln"}, called("f"), called("g")], id="before"),
        pytest.param([{"text": "", "thoughtSignature": "c2ln"}, called("f"), called("g")], id="empty text"),
        pytest.param([called("f"), {"text": "", "thoughtSignature": "c2ln"}, called("g")], id="after"),
    ],
)
def test_a_signature_on_a_part_of_its_own_is_the_first_calls(parts: list[dict[str, Any]]) -> None:
    """checks K9"""
    ids = [call["id"] for call in message_of(reply(*parts))["tool_calls"]]
    assert ids == ["call_r1_0__sig_c2ln", "call_r1_1"]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([{"text": "a", "thoughtSignature": "c2ln"}], id="on the text"),
        pytest.param([{"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}], id="after it"),
    ],
)
def test_the_signature_of_text(parts: list[dict[str, Any]]) -> None:
    message = message_of(reply(*parts))
    assert (message["content"], message["extra_content"]) == (
        "a",
        {"google": {"thought_signature": "c2ln"}},
    )


def test_the_signature_of_a_thought() -> None:
    message = message_of(reply({"text": "hmm", "thought": True, "thoughtSignature": "c2ln"}, {"text": "a"}))
    assert message["reasoning_content"] == "hmm"
    assert message["thinking_blocks"] == [
        {"type": "thinking", "thinking": "hmm", "signature": "tallygate:gemini::c2ln"}
    ]


def test_a_caller_of_one_tool_at_a_time_is_given_the_first_call() -> None:
    answer = answered(reply(called("f"), called("g")), call(parallel_tool_calls=False))
    (made,) = json.loads(answer.body)["choices"][0]["message"]["tool_calls"]
    assert (made["function"]["name"], answer.flags) == ("f", ("left_out:functionCall",))


def test_several_choices_in_their_order() -> None:
    second = candidate(called("f"), index=1)
    body = json.loads(answered(of(second, candidate({"text": "a"}, finish="MAX_TOKENS"))).body)
    assert [(choice["index"], choice["finish_reason"]) for choice in body["choices"]] == [
        (0, "length"),
        (1, "tool_calls"),
    ]
    assert body["choices"][0]["message"]["content"] == "a"
    assert body["choices"][1]["message"]["tool_calls"][0]["id"] == "call_r1_1_0"


def test_log_probabilities() -> None:
    result = {
        "chosenCandidates": [
            {"token": "é", "tokenId": 9, "logProbability": -0.5},
            {"token": "!", "logProbability": -1.5},
        ],
        "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.5}]}],
    }
    body = json.loads(answered(reply({"text": "é!"}, logprobsResult=result)).body)
    assert body["choices"][0]["logprobs"] == {
        "content": [
            {
                "token": "é",
                "logprob": -0.5,
                "bytes": [195, 169],
                "top_logprobs": [{"token": "é", "logprob": -0.5, "bytes": [195, 169]}],
            },
            {"token": "!", "logprob": -1.5, "bytes": [33], "top_logprobs": []},
        ],
        "refusal": None,
    }


GROUNDING = {
    "webSearchQueries": ["x", "y"],
    "groundingChunks": [
        {"web": {"uri": "https://a.example/1", "title": "A"}},
        {"web": {"uri": "https://b.example"}},
    ],
    "groundingSupports": [
        {"segment": {"endIndex": 6, "text": "Grüße"[:4]}, "groundingChunkIndices": [0, 7]},
        {"segment": {"startIndex": 8, "endIndex": 12, "text": "Welt"}, "groundingChunkIndices": [0, 1]},
    ],
}


def test_sources_are_annotations_that_count_characters() -> None:
    message = message_of(reply({"text": "Grüße Welt"}, groundingMetadata=GROUNDING))
    assert message["content"] == "Grüße Welt"
    assert message["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"start_index": start, "end_index": end, "url": url, "title": title},
        }
        for start, end, url, title in [
            (0, 4, "https://a.example/1", "A"),
            (6, 10, "https://a.example/1", "A"),
            (6, 10, "https://b.example", "https://b.example"),
        ]
    ]


def test_searches_are_requests() -> None:
    grounded = reply({"text": "a"}, groundingMetadata={"webSearchQueries": ["x", "y"]})
    assert answered(grounded).usage == Usage(input=20, output=151, reasoning=382, requests=1)


@pytest.mark.parametrize(
    ("part", "flags"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, ("left_out:inlineData",)),
        ({"executableCode": {"code": "1"}}, ("left_out:executableCode",)),
        ({"toolCall": {"toolType": "GOOGLE_SEARCH_WEB"}, "thoughtSignature": "c2ln"}, ()),
    ],
)
def test_what_the_caller_cannot_be_given_is_flagged(part: dict[str, Any], flags: tuple[str, ...]) -> None:
    answer = answered(reply(part, {"text": "a"}))
    assert (answer.text, answer.flags) == ("a", flags)


@pytest.mark.parametrize(
    ("told", "tier", "variant"),
    [
        ({"serviceTier": "standard"}, "default", "standard"),
        ({"serviceTier": "priority"}, "priority", "priority"),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex", "flex"),
    ],
)
def test_the_tier_that_served(told: dict[str, str], tier: str, variant: str) -> None:
    answer = answered(reply({"text": "a"}, usage={"promptTokenCount": 4, "totalTokenCount": 4, **told}))
    assert (json.loads(answer.body)["service_tier"], answer.variant) == (tier, variant)


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
