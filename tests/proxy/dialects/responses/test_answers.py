"""Answers to clients of the Responses API, whole and streamed, by OpenAI's own types and SDK."""

import json
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseErrorEvent

from proxy import errors
from proxy.dialects.responses.dialect import RESPONSES
from proxy.interchange import signatures
from proxy.interchange.conversation import Text, Thinking, ToolUse
from proxy.interchange.dialect import Call
from proxy.interchange.reply import Choice, Cited, Refusal
from proxy.interchange.writing import Told
from tests.proxy.dialects.responses.drive import (
    EVENT,
    choice_of,
    closed,
    conversation,
    events_of,
    final_of,
    sdk,
    started,
    timeless,
    told,
    whole,
)

TEXT = choice_of(Text(text="Hello"))
THOUGHT = Thinking(text="hm", signature="c2ln", origin="anthropic")
TOOLS = choice_of(
    THOUGHT,
    Text(text="Let me see."),
    ToolUse(id="c1", name="weather", arguments='{"city":"Bern"}'),
    ToolUse(id="c2", name="clock", arguments="{}", signature="c2ln"),
    finish="tool_calls",
)
PLACE: dict[str, Any] = {"start_index": 2, "end_index": 5, "url": "https://a.example"}
WEB = {"type": "url_citation", "url_citation": PLACE}
LOGPROBS = {"content": [{"token": "Hello", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}


def test_text() -> None:
    response = whole(TEXT)

    assert response["output"] == [
        {
            "id": "msg_tallygate_x1_0",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
        }
    ]
    assert (response["id"], response["object"], response["model"]) == ("resp_tallygate_x1", "response", "m1")
    assert (response["status"], response["error"], response["incomplete_details"]) == (
        "completed",
        None,
        None,
    )


def test_thinking_text_and_calls_in_their_order() -> None:
    thought, message, first, second = whole(TOOLS)["output"]

    assert thought == {
        "id": "rs_tallygate_x1_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": 'tallygate:["anthropic","","c2ln",""]',
    }
    assert message["content"][0]["text"] == "Let me see."
    assert first == {
        "id": "fc_tallygate_x1_2",
        "type": "function_call",
        "call_id": "c1",
        "name": "weather",
        "arguments": '{"city":"Bern"}',
        "status": "completed",
    }
    assert second["call_id"] == signatures.in_id("c2", "c2ln")


def test_what_is_answered_may_come_back_and_is_the_same() -> None:
    asked = conversation({"role": "user", "content": "hi"}, *whole(TOOLS)["output"])

    [_, assistant] = asked.turns
    thought, text, first, second = assistant.parts
    assert thought == Thinking(text="hm", signature="c2ln", origin="anthropic", path="input[1]")
    assert isinstance(text, Text)
    assert text.text == "Let me see."
    assert first == ToolUse(id="c1", name="weather", arguments='{"city":"Bern"}', path="input[3]")
    assert second == ToolUse(id="c2", name="clock", signature="c2ln", path="input[4]")


def test_a_signature_on_text_comes_back_too() -> None:
    [assistant] = conversation(*whole(choice_of(Text(text="Hello", signature="c2ln")))["output"]).turns

    [text] = assistant.parts
    assert isinstance(text, Text)
    assert (text.text, text.signature) == ("Hello", "c2ln")


def test_redacted_thinking_has_no_summary() -> None:
    [thought] = whole(choice_of(Thinking(redacted="blob", origin="anthropic")))["output"]

    assert (thought["summary"], thought["encrypted_content"]) == ([], 'tallygate:["anthropic","","","blob"]')


def test_thinking_that_nobody_vouches_for_is_a_summary_alone() -> None:
    [thought] = whole(choice_of(Thinking(text="hm")))["output"]

    assert thought == {
        "id": "rs_tallygate_x1_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
    }


def test_refusals_are_parts_of_their_own() -> None:
    [message] = whole(choice_of(Text(text="Well. "), Refusal(text="No.")))["output"]

    assert message["content"][1] == {"type": "refusal", "refusal": "No."}


def test_sources_stand_where_the_part_has_them() -> None:
    choice = choice_of(
        Cited(text="As A says.", annotations=(WEB, {"type": "file_citation"})),
        ToolUse(id="c1", name="n"),
        Cited(text="B too.", annotations=({**WEB, "url_citation": PLACE | {"end_index": 14}},)),
    )
    [first, _, second] = whole(choice)["output"]

    cited = {"type": "url_citation", "url": "https://a.example", "title": ""}
    assert first["content"][0]["annotations"] == [cited | {"start_index": 2, "end_index": 5}]
    assert second["content"][0]["annotations"] == [cited | {"start_index": 0, "end_index": 4}]


def test_log_probabilities() -> None:
    [message] = whole(choice_of(Text(text="Hello"), logprobs=LOGPROBS))["output"]

    assert message["content"][0]["logprobs"] == [
        {"token": "Hello", "logprob": -0.1, "bytes": [72, 101, 108, 108, 111], "top_logprobs": []}
    ]


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_broke_off_says_why(finish: str, reason: str) -> None:
    response = whole(choice_of(Text(text="Hel"), finish=finish))

    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": reason})
    assert (response["completed_at"], response["output"][0]["status"]) == (None, "incomplete")


def test_a_call_that_broke_off_is_incomplete() -> None:
    call = ToolUse(id="c1", name="weather", arguments='{"city":')

    response = whole(choice_of(call, finish="length"))

    assert response["output"][0]["status"] == "incomplete"


def test_usage_is_inclusive() -> None:
    assert whole(TEXT)["usage"] == {
        "input_tokens": 18,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
        "output_tokens": 6,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 24,
    }


def test_unknown_usage_is_null() -> None:
    assert whole(TEXT, usage=None)["usage"] is None


def test_the_requests_settings_are_repeated() -> None:
    tools = [{"type": "function", "name": "n", "parameters": {}, "strict": True}]
    asked: dict[str, Any] = {
        "model": "m",
        "input": "hi",
        "instructions": "Be brief.",
        "temperature": 0.5,
        "tools": tools,
        "tool_choice": {"type": "function", "name": "n"},
        "parallel_tool_calls": False,
        "metadata": {"a": "b"},
        "reasoning": {"effort": "high"},
        "text": {"format": {"type": "json_object"}},
        "max_output_tokens": 50,
        "top_p": None,
    }

    response = whole(TEXT, asked)

    assert {name: response[name] for name in asked if name not in ("model", "input")} == {
        **{name: asked[name] for name in asked if name not in ("model", "input")},
        "reasoning": {"effort": "high", "summary": None},
        "text": {"format": {"type": "json_object"}, "verbosity": "medium"},
        "top_p": 1.0,
    }


def test_nothing_is_kept() -> None:
    response = whole(TEXT, {"model": "m", "input": "hi", "store": True})

    assert (response["store"], response["previous_response_id"]) == (False, None)


@pytest.mark.parametrize("upstream_id", ["msg_01X", "resp_1", "chat cmpl/ö", "x" * 300])
def test_no_answer_has_an_id_that_the_ledger_would_find(upstream_id: str) -> None:
    """The ledger has the vendor's id; a continuation is looked up by the id that the caller was given."""
    response = whole(TEXT, id=upstream_id)

    assert response["id"].startswith("resp_tallygate_")
    assert response["id"] != upstream_id
    assert all(len(item["id"]) <= 64 for item in response["output"])


def test_the_same_answer_has_the_same_id() -> None:
    assert whole(TEXT, id="x" * 300)["id"] == whole(TEXT, id="x" * 300)["id"]
    assert whole(TEXT, id="")["id"] != whole(TEXT, id="")["id"]


def test_the_events_of_a_text() -> None:
    assert [event["type"] for event in events_of(told(TEXT))] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_the_events_of_thinking_and_calls() -> None:
    kinds = [event["type"].removeprefix("response.") for event in events_of(told(TOOLS))]

    assert kinds[2:9] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    assert kinds[-6:-1] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]


def test_the_pieces_of_parallel_calls_may_interleave() -> None:
    writer = started()
    frames = writer.tool_call(0, call_id="c1", name="a") + writer.tool_call(1, call_id="c2", name="b")
    frames += writer.arguments(0, '{"x"') + writer.arguments(1, '{"y"')
    frames += writer.arguments(0, ":1}") + writer.arguments(1, ":2}")

    stream = b"".join(frames + closed(writer, "tool_calls"))

    deltas = [event for event in events_of(stream) if event["type"].endswith("arguments.delta")]
    assert [(event["output_index"], event["delta"]) for event in deltas] == [
        (0, '{"x"'),
        (1, '{"y"'),
        (0, ":1}"),
        (1, ":2}"),
    ]
    assert [item["arguments"] for item in final_of(stream)["output"]] == ['{"x":1}', '{"y":2}']


def test_a_call_without_arguments_has_none() -> None:
    writer = started()
    frames = writer.tool_call(0, call_id="c1", name="a")

    assert final_of(b"".join(frames + closed(writer)))["output"][0]["arguments"] == "{}"


def test_a_call_without_an_id_is_given_one() -> None:
    assert whole(choice_of(ToolUse(id="", name="a")))["output"][0]["call_id"] == "call_tallygate_x1_0"


def test_a_heartbeat_is_an_event_once_the_answer_has_begun() -> None:
    """Codex gives up a stream that has had no event for five minutes, and does not count comments."""
    writer = started()
    assert writer.heartbeat() == [b": keepalive\n\n"]

    frames = writer.text("Hel") + writer.heartbeat() + writer.text("lo") + closed(writer)

    assert [event["type"] for event in events_of(b"".join(frames))][5:7] == [
        "response.in_progress",
        "response.output_text.delta",
    ]
    with sdk(b"".join(frames)) as client, client.responses.stream(model="m", input="hi") as stream:
        assert stream.get_final_response().output_text == "Hello"


def test_further_choices_are_left_out() -> None:
    writer = started()
    frames = writer.text("one") + writer.text("two", choice=1) + writer.thoughts("hm", choice=1)

    [message] = final_of(b"".join(frames + closed(writer)))["output"]
    assert message["content"][0]["text"] == "one"


def test_a_stream_without_content_is_a_whole_one() -> None:
    writer = started()

    assert final_of(b"".join(closed(writer)))["output"] == []


def test_the_id_of_a_stream_does_not_change() -> None:
    writer = RESPONSES.writer(Told(), Call(dialect=RESPONSES, body={}))
    frames = writer.text("Hello")
    writer.told.upstream_id = "late"
    frames += writer.close()

    assert len({event["response"]["id"] for event in events_of(b"".join(frames)) if "response" in event}) == 1


@pytest.mark.parametrize(
    "choice",
    [
        TEXT,
        TOOLS,
        choice_of(Text(text="Hel"), finish="length"),
        choice_of(Text(text="Well. "), Refusal(text="No."), finish="content_filter"),
        choice_of(Cited(text="As A says.", annotations=(WEB,)), logprobs=LOGPROBS),
        choice_of(Text(text="Hello", signature="c2ln"), ToolUse(id="c1", name="a"), Text(text="Bye")),
        choice_of(Thinking(redacted="blob", origin="anthropic"), Thinking(), Text(text="Hello")),
        choice_of(),
    ],
)
def test_a_stream_ends_as_the_whole_answer(choice: Choice) -> None:
    assert timeless(final_of(told(choice))) == timeless(whole(choice))


@pytest.mark.parametrize("choice", [TEXT, TOOLS, choice_of(Refusal(text="No."))])
def test_the_sdks_own_accumulator_comes_to_the_same_answer(choice: Choice) -> None:
    with sdk(told(choice)) as client, client.responses.stream(model="m", input="hi") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()

    found = json.loads(final.model_dump_json(exclude_unset=True))
    for item in found["output"]:  # what the SDK adds of its own
        item.pop("parsed_arguments", None)
        for part in item.get("content") or []:
            part.pop("parsed", None)
    assert timeless(found) == timeless(whole(choice))
    assert kinds[-1] == "response.completed"


def test_the_sdk_reads_a_whole_answer() -> None:
    body = json.dumps(whole(TEXT)).encode()

    with sdk(body, "application/json") as client:
        response = client.responses.create(model="m", input="hi")

    assert isinstance(response, Response)
    assert response.output_text == "Hello"


def test_an_error_in_a_stream_is_raised_by_the_sdk() -> None:
    error = errors.UpstreamFailed("The vendor broke off.", code="upstream_error")
    frame = RESPONSES.error_frames(error, request_id="r1")
    writer = started()
    stream = b"".join([*writer.text("Hel"), frame])

    with sdk(stream) as client, pytest.raises(openai.APIError, match="The vendor broke off") as raised:
        list(client.responses.create(model="m", input="hi", stream=True))

    assert raised.value.code == "upstream_error"


def test_an_error_event_has_the_sdks_own_shape_too() -> None:
    error = errors.BadRequest("Wrong.", code="invalid_value", param="input")
    frame = RESPONSES.error_frames(error, request_id="r1")

    event = EVENT.validate_json(frame.decode().partition("data: ")[2], strict=True)

    assert isinstance(event, ResponseErrorEvent)
    assert (event.message, event.code, event.param) == ("Wrong.", "invalid_value", "input")
    assert frame.startswith(b"event: error\ndata: ")


def test_an_error_before_the_stream_is_openais_envelope() -> None:
    error = errors.BadRequest("Wrong.", code="invalid_value", param="input")

    assert json.loads(RESPONSES.error_body(error, request_id="r1")) == {
        "error": {
            "message": "Wrong.",
            "type": "invalid_request_error",
            "param": "input",
            "code": "invalid_value",
        }
    }
