"""What was said, as Anthropic's messages."""

import json
from typing import Any

import pytest

from proxy.adapters.registry import adapter_for
from proxy.interchange.errors import InvalidField
from tests.proxy.adapters.anthropic_calls import (
    MARK,
    called,
    dropped,
    function,
    image,
    invalid,
    result,
    text,
    to,
    tool_use,
    user,
)
from tests.proxy.adapters.drive import USER, call, target

SIGNED = {"type": "thinking", "thinking": "2 and 2", "signature": "sig=="}
SILENT = {"type": "thinking", "thinking": "", "signature": "only"}
REDACTED = {"type": "redacted_thinking", "data": "enc"}


def test_leading_system_and_developer_messages_become_the_system_prompt() -> None:
    messages = [{"role": "system", "content": "a"}, {"role": "developer", "content": text("b", "c")}, *USER]
    body = to(messages=messages)
    assert body["system"] == text("a", "b", "c")
    assert body["messages"] == [user(*text("hi"))]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_later_system_messages_stay_in_place_as_tagged_user_text(role: str) -> None:
    """Present once, in order, never the assistant's, and the prefix unchanged (checks K13)."""
    said = {"role": "assistant", "content": "yes"}
    messages = [{"role": "system", "content": "a"}, *USER, said, {"role": role, "content": "be brief"}, *USER]
    body = to(messages=messages)
    assert body["system"] == text("a")
    assert body["messages"] == [
        user(*text("hi")),
        {"role": "assistant", "content": text("yes")},
        user(*text("<system>\nbe brief\n</system>", "hi")),
    ]


def test_a_longer_conversation_extends_the_shorter_one() -> None:
    """checks K11"""
    shorter = [{"role": "system", "content": "a"}, *USER, called("weather"), result("weather")]
    longer = [*shorter, {"role": "assistant", "content": "b"}, {"role": "system", "content": "c"}, *USER]
    before, after = to(messages=shorter), to(messages=longer)
    assert after["system"] == before["system"]
    assert after["messages"][: len(before["messages"])] == before["messages"]


EMPTY = {
    "null": None,
    "an empty string": "",
    "white space": " \n",
    "no parts": [],
    "an empty part": text(""),
    "blank parts": text(" ", ""),
}


@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_a_message_without_text_is_left_out(role: str, empty: Any) -> None:
    """Anthropic refuses empty and blank text blocks (checks K12)."""
    body = to(messages=[*USER, {"role": role, "content": empty}, *USER])
    assert "system" not in body
    assert body["messages"] == [user(*text("hi", "hi"))]


@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
def test_empty_text_beside_a_tool_call_is_left_out(empty: Any) -> None:
    body = to(messages=[*USER, called("weather", content=empty), result("weather")])
    assert body["messages"][1] == {"role": "assistant", "content": [tool_use("weather")]}


@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
def test_an_empty_result_has_no_content(empty: Any) -> None:
    body = to(messages=[*USER, called("weather"), result("weather", empty)])
    assert body["messages"][2] == user({"type": "tool_result", "tool_use_id": "WEATHER"})


@pytest.mark.parametrize("messages", [[], [user(*text(""))], [{"role": "system", "content": "a"}]])
def test_a_conversation_without_user_text_is_invalid(messages: list[Any]) -> None:
    assert invalid(messages=messages).field == "messages"


def test_the_user_must_speak_first() -> None:
    assert invalid(messages=[{"role": "assistant", "content": "a"}, *USER]).field == "messages"


def test_an_earlier_refusal_is_what_the_assistant_said() -> None:
    said = {"role": "assistant", "content": None, "refusal": "I will not."}
    assert to(messages=[*USER, said, *USER])["messages"][1]["content"] == text("I will not.")


def test_thinking_with_anthropics_proof_goes_back_first_and_unchanged() -> None:
    """Also empty thinking with a signature, and redacted blocks (checks K8)."""
    blocks = [SIGNED, SILENT, REDACTED]
    messages = [*USER, called("weather", content="Let me see.", thinking_blocks=blocks), result("weather")]
    assert to(messages=messages)["messages"][1]["content"] == [
        *blocks,
        *text("Let me see."),
        tool_use("weather"),
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"reasoning_content": "hmm"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hmm"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hmm", "signature": "tallygate:gemini::sig"}]},
    ],
)
def test_thoughts_without_anthropics_proof_are_left_out(said: dict[str, Any]) -> None:
    messages = [*USER, {"role": "assistant", "content": "a", **said}, *USER]
    assert to(messages=messages)["messages"][1]["content"] == text("a")
    only = [*USER, {"role": "assistant", "content": "", **said}, *USER]
    assert to(messages=only)["messages"] == [user(*text("hi")), user(*text("hi"))]


def test_parallel_results_are_one_turn_and_come_first() -> None:
    """checks K5"""
    messages = [*USER, called("a", "b", "c"), result("c"), result("a"), result("b"), *USER]
    results = [{"type": "tool_result", "tool_use_id": name, "content": "ok"} for name in "CAB"]
    assert to(messages=messages)["messages"][1:] == [
        {"role": "assistant", "content": [tool_use("a"), tool_use("b"), tool_use("c")]},
        user(*results, *text("hi")),
    ]


@pytest.mark.parametrize(
    "messages",
    [
        [*USER, called("a", "b"), result("a")],
        [*USER, called("b"), *USER],
        [*USER, called("b")],
        [*USER, result("b")],
    ],
)
def test_a_call_without_result_or_a_result_without_call_is_invalid(messages: list[Any]) -> None:
    assert "'B'" in invalid(messages=messages).reason


@pytest.mark.parametrize(
    ("arguments", "given"),
    [('{"city":"Paris"}', b'{"city":"Paris"}'), ("", b"{}"), ('{ "n": 1.0e2 }', b'{ "n": 1.0e2 }')],
)
def test_arguments_keep_their_bytes(arguments: str, given: bytes) -> None:
    """And none at all are an empty object (checks K3)."""
    message = called("weather")
    message["tool_calls"][0]["function"]["arguments"] = arguments
    asked = call(messages=[*USER, message, result("weather")])
    assert b'"input":' + given in adapter_for("anthropic").request_for(asked, target("anthropic")).body


def test_another_vendors_ids_are_written_in_letters_that_anthropic_takes() -> None:
    """The same one for a call and its result, and different ones for different ids."""
    first, second = called("weather"), called("weather")
    first["tool_calls"][0]["id"], second["tool_calls"][0]["id"] = "functions.weather:0", "functions.weather.0"
    first["tool_calls"] += second["tool_calls"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in first["tool_calls"]]
    body = to(messages=[*USER, first, *results])
    ids = [block["id"] for block in body["messages"][1]["content"]]
    assert ids == ["functions_weather_0_c8cf4471", "functions_weather_0_d22e1f9a"]
    assert [block["tool_use_id"] for block in body["messages"][2]["content"]] == ids


def test_cache_markers_arrive_where_they_were() -> None:
    """On system, tools, text, image, assistant, call and result, time to live included (checks K10)."""

    def marked(part: dict[str, Any]) -> dict[str, Any]:
        return {**part, "cache_control": MARK}

    call_ = called("weather")
    call_["tool_calls"][0]["cache_control"] = MARK
    link = image("https://example.com/a.png")
    body = to(
        messages=[
            {"role": "system", "content": [marked(text("s")[0])]},
            user(marked(text("u")[0]), marked(link)),
            marked({"role": "assistant", "content": "a"}),
            user(*text("v")),
            call_,
            marked(result("weather")),
        ],
        tools=[marked(function())],
    )
    assert body["system"] == [marked(text("s")[0])]
    assert body["tools"][0]["cache_control"] == MARK
    source = {"type": "url", "url": "https://example.com/a.png"}
    assert body["messages"][0]["content"] == [
        marked(text("u")[0]),
        marked({"type": "image", "source": source}),
    ]
    assert body["messages"][1]["content"] == [marked(text("a")[0])]
    assert body["messages"][3]["content"] == [marked(tool_use("weather"))]
    found = marked({"type": "tool_result", "tool_use_id": "WEATHER", "content": "ok"})
    assert body["messages"][4]["content"] == [found]


def test_a_marker_inside_a_result_stays_inside() -> None:
    part = {**text("ok")[0], "cache_control": MARK}
    body = to(messages=[*USER, called("weather"), result("weather", [part])])
    assert body["messages"][2]["content"][0]["content"] == [part]


def test_a_marker_that_is_lost_with_its_text_is_named() -> None:
    blank = {**text("")[0], "cache_control": MARK}
    assert dropped(messages=[user(*text("hi"), blank)]) == ("cache_control",)
    assert dropped(messages=[user({**text("hi")[0], "cache_control": MARK})]) == ()


def test_the_callers_body_is_not_touched() -> None:
    """A fallback target gets the same one."""
    asked = call(messages=[*USER, called("weather"), result("weather")], tools=[function(strict=True)])
    before = json.dumps(asked.body)
    adapter_for("anthropic").request_for(asked, target("anthropic"))
    assert json.dumps(asked.body) == before


@pytest.mark.parametrize("message", [{"role": "narrator", "content": "x"}, "hi", user({"type": "hologram"})])
def test_what_no_chat_allows_is_invalid(message: Any) -> None:
    with pytest.raises(InvalidField, match=r"messages\[1\]"):
        to(messages=[*USER, message])
