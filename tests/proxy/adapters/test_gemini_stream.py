"""Gemini's streams as the caller and the ledger see them."""

import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import ErrorClass
from proxy.adapters.gemini.adapter import GeminiAdapter
from tests.proxy.adapters.drive import Read, call, sse, target
from tests.proxy.adapters.gemini_words import COUNTED, called, calls_in, candidate, of, reply, stream
from tests.proxy.adapters.test_gemini_response import GROUNDING


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
    assert (found.state.native_finish, found.state.service_tier) == ("STOP", "default")
    assert (found.state.usage, found.state.complete, found.state.flags) == (COUNTED, True, ())
    assert found.usage_chunks[0]["usage"]["total_tokens"] == 553
    assert found.closed[-1] == b"data: [DONE]\n\n"


def test_any_split_of_the_bytes_is_the_same_stream() -> None:
    chunks = [reply({"text": "Grüße"}, finish=None), reply(called("f", "c2ln")), reply({"text": ""})]
    whole = stream(*chunks)
    for step in (1, 7, 64):
        assert stream(*chunks, step=step).deltas == whole.deltas


def test_comments_are_heartbeats() -> None:
    reader = GeminiAdapter().chunks_from(call(stream=True), target("gemini"))
    assert reader.feed(b": keepalive\r\n\r\n") == [b": keepalive\n\n"]
    assert reader.state.content_started is False


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


def test_a_finish_reason_on_every_chunk_is_written_once() -> None:
    found = stream(reply({"text": "a"}), reply({"text": "b"}), reply({"text": "c"}, finish="MAX_TOKENS"))
    assert (found.text, found.finish_reasons) == ("abc", ["length"])


def test_calls_are_numbered_and_get_stable_ids() -> None:
    found = stream(reply(called("f"), called("g", args={"x": []})), reply({"text": ""}))
    calls = calls_in(found)
    assert [(call["index"], call["id"], call["function"]["arguments"]) for call in calls] == [
        (0, "call_r1_0", "{}"),
        (1, "call_r1_1", '{"x":[]}'),
    ]


def test_a_call_that_is_signed_is_told_at_once() -> None:
    found = stream(reply(called("f", "c2ln"), finish=None))
    assert [call["id"] for call in calls_in(found)] == ["call_r1_0__sig_c2ln"]


def test_an_unsigned_one_waits_for_the_part_after_it() -> None:
    """See Note [Signatures on parts of their own] in ``gemini.parts``."""
    assert calls_in(stream(reply(called("f"), finish=None))) == []
    found = stream(reply(called("f"), finish=None), reply({"text": "", "thoughtSignature": "c2ln"}))
    (made,) = calls_in(found)
    assert made["id"] == "call_r1_0__sig_c2ln"
    assert made["extra_content"] == {"google": {"thought_signature": "c2ln"}}


def test_a_signature_before_the_call_is_the_calls() -> None:
    lone = reply({"thoughtSignature": "c2ln"}, finish=None)
    found = stream(lone, reply(called("f"), called("g"), finish=None), reply({"text": ""}))
    assert [call["id"] for call in calls_in(found)] == ["call_r1_0__sig_c2ln", "call_r1_1"]


def test_a_signature_after_text_is_the_texts() -> None:
    found = stream(reply({"text": "a"}, finish=None), reply({"text": "", "thoughtSignature": "c2ln"}))
    assert {"extra_content": {"google": {"thought_signature": "c2ln"}}} in found.deltas


def test_a_signed_thought_is_given_to_those_who_give_it_back() -> None:
    thoughts = [{"text": "h", "thought": True}, {"text": "m", "thought": True, "thoughtSignature": "c2ln"}]
    found = stream(*(reply(thought, finish=None) for thought in thoughts), reply({"text": "a"}))
    assert found.thoughts == "hm"
    (block,) = [block for delta in found.deltas for block in delta.get("thinking_blocks", [])]
    assert (block["thinking"], block["signature"]) == ("hm", "tallygate:gemini::c2ln")


@pytest.mark.parametrize("terminated", [True, False])
def test_arguments_that_come_in_pieces_are_put_together(terminated: bool) -> None:
    def piece(path: str, **value: Any) -> dict[str, Any]:
        return reply(
            {"functionCall": {"partialArgs": [{"jsonPath": path, **value}], "willContinue": True}},
            finish=None,
        )

    found = stream(
        reply({"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "c2ln"}, finish=None),
        piece("$.city", stringValue="Par"),
        piece("$.city", stringValue="is"),
        piece("$.list[0].price", numberValue=0.5),
        piece("$.list[1]['on sale']", boolValue=True),
        piece("$.nothing", nullValue="NULL_VALUE"),
        *([reply({"functionCall": {}}, finish=None)] if terminated else []),
        reply({"text": ""}),
    )
    (made,) = calls_in(found)
    assert made["function"]["name"] == "f"
    assert json.loads(made["function"]["arguments"]) == {
        "city": "Paris",
        "list": [{"price": 0.5}, {"on sale": True}],
        "nothing": None,
    }
    assert made["extra_content"] == {"google": {"thought_signature": "c2ln"}}


def test_a_caller_of_one_tool_at_a_time_is_given_the_first_call() -> None:
    reader = GeminiAdapter().chunks_from(call(stream=True, parallel_tool_calls=False), target("gemini"))
    fed = reader.feed(sse(reply(called("f"), called("g"), finish=None), reply({"text": ""})))
    found = Read(fed, reader.close(), reader.state)
    assert [made["function"]["name"] for made in calls_in(found)] == ["f"]
    assert found.state.flags == ("left_out:functionCall",)


def test_several_choices_end_each_for_itself() -> None:
    found = stream(
        of(candidate({"text": "a"}, finish=None), candidate({"text": "x"}, finish=None, index=1)),
        of(candidate({"text": "b"})),
        of(candidate(called("f"), finish="STOP", index=1)),
        n=2,
    )
    choices = [choice for chunk in found.chunks for choice in chunk["choices"]]
    said = {
        index: "".join(one["delta"].get("content") or "" for one in choices if one["index"] == index)
        for index in (0, 1)
    }
    assert said == {0: "ab", 1: "x"}
    assert {one["index"]: one["finish_reason"] for one in choices if one["finish_reason"]} == {
        0: "stop",
        1: "tool_calls",
    }


def test_a_stream_is_not_complete_while_a_choice_goes_on() -> None:
    found = stream(of(candidate({"text": "a"}), candidate({"text": "x"}, finish=None, index=1)), n=2)
    assert found.state.complete is False


def test_log_probabilities_come_with_their_text() -> None:
    result = {"chosenCandidates": [{"token": "a", "logProbability": -0.5}]}
    found = stream(reply({"text": "a"}, logprobsResult=result))
    told = [choice["logprobs"] for chunk in found.chunks for choice in chunk["choices"] if choice["logprobs"]]
    assert told == [
        {
            "content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}],
            "refusal": None,
        }
    ]


def test_the_sources_come_last_and_count_characters_of_the_whole_text() -> None:
    found = stream(
        reply({"text": "Grüße "}, finish=None), reply({"text": "Welt"}, groundingMetadata=GROUNDING)
    )
    (notes,) = [delta["annotations"] for delta in found.deltas if "annotations" in delta]
    places = [(note["url_citation"]["start_index"], note["url_citation"]["end_index"]) for note in notes]
    assert places == [(0, 4), (6, 10), (6, 10)]


def test_a_blocked_prompt_ends_the_stream_well() -> None:
    found = stream({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}})
    assert (found.finish_reasons, found.state.complete, found.state.usage) == (
        ["content_filter"],
        True,
        Usage(input=4),
    )
    assert found.state.native_finish == "SAFETY"


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
