"""Recorded answers of every vendor, told to a caller of the Responses API: valid by OpenAI's own types."""

import json

import pytest
from openai.types.responses import Response

from proxy.adapters.base import Target
from proxy.adapters.registry import adapter_for
from proxy.dialects.responses.dialect import RESPONSES
from proxy.interchange.conversation import ToolUse
from proxy.interchange.dialect import Call
from tests.proxy.adapters.recordings import Recording, those
from tests.proxy.dialects.responses.drive import ASKED, conversation, events_of

TRANSLATED = {"chat", "messages", "generateContent", "streamGenerateContent"}


def is_whole(recording: Recording) -> bool:
    """Azure's refusal of a prompt is an error inside a 200."""
    answered = recording.endpoint in TRANSLATED and recording.status == 200 and not recording.streamed
    return answered and "error" not in recording.json


def is_stream(recording: Recording) -> bool:
    return recording.endpoint in TRANSLATED and recording.status == 200 and recording.streamed


def asked(recording: Recording, *, stream: bool) -> tuple[Call, Target]:
    target = Target(kind=recording.kind, base_url="https://vendor.example", model="m", api_key="k")
    return Call(dialect=RESPONSES, body=ASKED, stream=stream), target


@pytest.mark.parametrize("recording", those(is_stream))
def test_a_recorded_stream(recording: Recording) -> None:
    call, target = asked(recording, stream=True)
    reader = adapter_for(recording.kind).chunks_from(call, target)
    frames = reader.feed(recording.stream)
    state = reader.state
    ended_well = state.complete and state.error is None

    events = events_of(b"".join(frames + (reader.close() if ended_well else [])))

    kinds = [event["type"] for event in events]
    assert ended_well == (kinds[-1:] in (["response.completed"], ["response.incomplete"]))
    if ended_well:
        final = events[-1]["response"]
        assert (final["usage"] is None) == (state.usage is None)


@pytest.mark.parametrize("recording", those(is_whole))
def test_a_recorded_answer(recording: Recording) -> None:
    call, target = asked(recording, stream=False)

    answer = adapter_for(recording.kind).response_from(recording.body, recording.headers, call, target)

    response = Response.model_validate_json(answer.body, strict=True)
    assert response.output_text == answer.text
    assert (response.usage is None) == (answer.usage is None)


@pytest.mark.parametrize("recording", those(is_whole))
def test_a_recorded_answer_may_come_back(recording: Recording) -> None:
    call, target = asked(recording, stream=False)
    answer = adapter_for(recording.kind).response_from(recording.body, recording.headers, call, target)
    output = json.loads(answer.body)["output"]

    turns = conversation(*output).turns

    called = [part.name for turn in turns for part in turn.parts if isinstance(part, ToolUse)]
    assert called == [item["name"] for item in output if item["type"] == "function_call"]
