"""Tool loops of several rounds, the same on every wire, whole and streamed."""

from typing import Any

import pytest

from tests.proxy.sandbox import loops
from tests.proxy.sandbox.clients import Sdks

every_wire = pytest.mark.parametrize("wire", loops.WIRES)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])

ADD = ("add", {"a": 2, "b": 3})
MULTIPLY = ("multiply", {"a": 5, "b": 4})


def quoted(result: str) -> str:
    """How the last answer quotes a result: Gemini's results are objects."""
    return f"The tool answered: {result}"


@every_wire
@both_ways
def test_then_waits_for_the_result(sdks: Sdks, wire: str, stream: bool) -> None:
    prompt = 'use tool add with {"a": 2, "b": 3} then use tool multiply with {"a": 5, "b": 4}'

    made = loops.run(sdks, wire, prompt, stream=stream)

    assert made.rounds == [[ADD], [MULTIPLY]]
    assert made.text == quoted("20")


@every_wire
@both_ways
def test_arguments_that_the_prompt_leaves_out_come_from_the_schema(
    sdks: Sdks, wire: str, stream: bool
) -> None:
    made = loops.run(sdks, wire, "use tool add then use tool multiply", stream=stream)

    assert made.rounds == [[("add", {"a": 1, "b": 1})], [("multiply", {"a": 1, "b": 1})]]
    assert made.text == quoted("1")


@every_wire
@both_ways
@pytest.mark.parametrize("headers", [{}, {"x-sandbox-interleave": "1"}], ids=["in order", "interleaved"])
def test_and_calls_both_at_once(sdks: Sdks, wire: str, stream: bool, headers: dict[str, str]) -> None:
    prompt = 'use tool add with {"a": 2, "b": 3} and use tool multiply with {"a": 5, "b": 4}'

    made = loops.run(sdks, wire, prompt, stream=stream, headers=headers)

    assert made.rounds == [[ADD, MULTIPLY]]
    both = "5 20"
    assert made.text == f"The tool answered: {both}"


@every_wire
@both_ways
def test_parallel_calls_and_then_one_more(sdks: Sdks, wire: str, stream: bool) -> None:
    prompt = "use tool add and use tool now, then use tool multiply"

    made = loops.run(sdks, wire, prompt, stream=stream)

    assert [[name for name, _ in calls] for calls in made.rounds] == [["add", "now"], ["multiply"]]


@every_wire
@both_ways
def test_a_call_without_arguments(sdks: Sdks, wire: str, stream: bool) -> None:
    made = loops.run(sdks, wire, "use tool now", stream=stream)

    assert made.rounds == [[("now", {})]]
    assert made.text == quoted("noon")


@every_wire
@both_ways
def test_a_text_before_the_calls(sdks: Sdks, wire: str, stream: bool) -> None:
    by_prompt = loops.run(sdks, wire, "say first, then use tool add and use tool now", stream=stream)
    by_knob = loops.run(
        sdks, wire, "use tool now", stream=stream, headers={"x-sandbox-preamble": "Moment%2C bitte."}
    )

    assert by_prompt.said == ["I will use add and now."]
    assert by_knob.said == ["Moment, bitte."]
    assert (len(by_prompt.rounds), len(by_knob.rounds)) == (1, 1)


@pytest.mark.parametrize(
    ("wire", "extra"),
    [
        ("chat", {"parallel_tool_calls": False}),
        ("responses", {"parallel_tool_calls": False}),
        ("messages", {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
    ],
)
def test_without_parallel_calls_they_come_one_by_one(sdks: Sdks, wire: str, extra: dict[str, Any]) -> None:
    made = loops.run(sdks, wire, "use tool add and use tool now", extra=extra)

    assert [[name for name, _ in calls] for calls in made.rounds] == [["add"], ["now"]]


@pytest.mark.parametrize(
    ("wire", "extra"),
    [
        ("chat", {"tool_choice": "none"}),
        ("responses", {"tool_choice": "none"}),
        ("messages", {"tool_choice": {"type": "none"}}),
        ("chat", {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
            {"type": "function", "function": {"name": "now"}}]}}}),
        ("responses", {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [
            {"type": "function", "name": "now"}]}}),
    ],
)  # fmt: skip
def test_a_tool_that_the_choice_leaves_out_is_not_called(
    sdks: Sdks, wire: str, extra: dict[str, Any]
) -> None:
    assert loops.run(sdks, wire, "use tool add", extra=extra).rounds == []


@pytest.mark.parametrize(
    ("wire", "extra"),
    [
        ("chat", {"tool_choice": {"type": "function", "function": {"name": "now"}}}),
        ("responses", {"tool_choice": {"type": "function", "name": "now"}}),
        ("messages", {"tool_choice": {"type": "tool", "name": "now"}, "thinking": {"type": "disabled"}}),
    ],
)
def test_the_tool_of_the_choice_wins_over_that_of_the_prompt(
    sdks: Sdks, wire: str, extra: dict[str, Any]
) -> None:
    assert loops.run(sdks, wire, "use tool add", extra=extra).rounds == [[("now", {})]]


@every_wire
def test_a_second_question_begins_a_new_loop(sdks: Sdks, wire: str) -> None:
    first = loops.run(sdks, wire, "use tool now")
    again = loops.run(sdks, wire, "use tool now")

    assert first == again


def test_responses_goes_on_from_a_stored_response(sdks: Sdks) -> None:
    tools: Any = [{"type": "function", "name": "now", "parameters": loops.SCHEMAS["now"], "strict": False}]
    asked = sdks.openai.responses.create(model="gpt-4o", input="use tool now", tools=tools)
    [call] = asked.output
    assert call.type == "function_call"
    followed = sdks.openai.responses.create(
        model="gpt-4o",
        previous_response_id=asked.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "noon"}],
        tools=tools,
    )

    assert followed.output_text == "The tool answered: noon"
