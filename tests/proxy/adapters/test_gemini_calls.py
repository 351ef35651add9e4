"""Tool calls and results in a conversation's history, as Gemini wants them back."""

from typing import Any

import pytest

from proxy.adapters.base import InvalidField
from proxy.adapters.gemini.adapter import GeminiAdapter
from proxy.dialects.messages.dialect import MESSAGES
from proxy.interchange.wire import maybe_decoded
from tests.proxy.adapters.drive import USER, call, sent, target

FLASH, THREE = "gemini-2.5-flash", "gemini-3-flash-preview"
SKIP = "skip_thought_signature_validator"
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def contents(*messages: dict[str, Any], model: str = THREE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sent("gemini", model=model, messages=[*USER, *messages])["contents"]
    return found


def calls(*made: tuple[str, str], arguments: str = "{}") -> dict[str, Any]:
    """An assistant's message that calls functions, each by its id and name."""
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for call_id, name in made
        ],
    }


def result(call_id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def test_a_call_and_its_result() -> None:
    found = contents(calls(("c1__sig_c2ln", "f"), arguments='{"a": 1}'), result("c1__sig_c2ln", "seven"))
    assert found[1:] == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}, "thoughtSignature": "c2ln"}
            ],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "f", "response": {"output": "seven"}, "id": "c1"}}],
        },
    ]


def test_before_gemini_3_there_are_neither_ids_nor_signatures_to_make_up() -> None:
    found = contents(calls(("c1", "f")), result("c1", "seven"), model=FLASH)
    assert found[1:] == [
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "seven"}}}]},
    ]


def test_a_signature_that_an_older_gemini_gave_goes_back_to_it() -> None:
    found = contents(calls(("c1__sig_c2ln", "f")), result("c1", "seven"), model=FLASH)
    assert found[1]["parts"][0]["thoughtSignature"] == "c2ln"


def test_the_signature_may_come_where_googles_own_endpoint_puts_it() -> None:
    message = calls(("c1", "f"))
    message["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    assert contents(message, result("c1", "seven"))[1]["parts"][0]["thoughtSignature"] == "c2ln"


def test_calls_of_another_model_are_signed_by_the_documented_stand_in() -> None:
    """On the first call of each step alone: parallel calls carry one signature."""
    found = contents(
        calls(("a", "f"), ("b", "g")),
        result("a", "1"),
        result("b", "2"),
        calls(("c", "f"), ("d", "g")),
        result("d", "4"),
        result("c", "3"),
    )
    signatures = [[part.get("thoughtSignature") for part in found[step]["parts"]] for step in (1, 3)]
    assert signatures == [[SKIP, None], [SKIP, None]]


def test_two_parallel_calls_of_which_the_first_is_signed_stay_so() -> None:
    found = contents(calls(("a__sig_c2ln", "f"), ("b", "g")), result("a", "1"), result("b", "2"))
    assert [part.get("thoughtSignature") for part in found[1]["parts"]] == ["c2ln", None]


def test_parallel_results_are_one_turn_in_the_callers_order() -> None:
    found = contents(calls(("a", "f"), ("b", "g")), result("b", "2"), result("a", "1"))
    assert [part["functionResponse"]["name"] for part in found[2]["parts"]] == ["g", "f"]


def test_arguments_go_back_to_the_letter() -> None:
    """Numbers beyond a double's would be rounded by decoding."""
    text = '{"id": 12345678901234567890123, "x": 1.0, "y": 1e300}'
    asked = call(messages=[*USER, calls(("a", "f"), arguments=text), result("a", "1")])
    assert text.encode() in GeminiAdapter().request_for(asked, target("gemini")).body


@pytest.mark.parametrize(
    ("content", "output"),
    [
        ("", ""),
        ('{"id": 12345678901234567890}', '{"id": 12345678901234567890}'),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
    ],
)
def test_a_result_is_the_text_that_the_tool_gave(content: Any, output: str) -> None:
    found = contents(calls(("a", "f")), result("a", content))
    assert found[2]["parts"][0]["functionResponse"]["response"] == {"output": output}


def test_an_image_in_a_result_is_part_of_the_response_from_gemini_3_on() -> None:
    found = contents(calls(("a", "f")), result("a", [{"type": "text", "text": "see"}, PNG]))
    assert found[2]["parts"] == [
        {
            "functionResponse": {
                "name": "f",
                "response": {"output": "see"},
                "id": "a",
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}],
            }
        }
    ]


def test_before_it_follows_the_response() -> None:
    found = contents(calls(("a", "f")), result("a", [PNG]), model=FLASH)
    assert found[2]["parts"] == [
        {"functionResponse": {"name": "f", "response": {"output": ""}}},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
    ]


def test_media_that_a_response_cannot_hold_follow_it() -> None:
    link = {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg"}}
    heic = {"type": "image_url", "image_url": {"url": "data:image/heic;base64,AAAA"}}
    parts = contents(calls(("a", "f")), result("a", [link, heic]))[2]["parts"]
    assert parts[1:] == [
        {"fileData": {"fileUri": "https://example.com/a.jpg", "mimeType": "image/jpeg"}},
        {"inlineData": {"mimeType": "image/heic", "data": "AAAA"}},
    ]


@pytest.mark.parametrize("history", [[calls(("a", "f"))], [result("a", "1")]])
def test_a_call_without_its_result_is_refused_by_its_id(history: list[dict[str, Any]]) -> None:
    """checks K5"""
    with pytest.raises(InvalidField) as refusal:
        contents(*history, *USER)
    assert "'a'" in refusal.value.reason


def test_an_anthropic_client_brings_signatures_back_in_ids_and_thinking_blocks() -> None:
    """What it was given and gives back, to the letter."""
    tool_use = {"type": "tool_use", "id": "call_r1_0__sig_c2ln", "name": "f", "input": {}}
    thinking = {"type": "thinking", "thinking": "hmm", "signature": "tallygate:gemini::c2ln"}
    results = {"type": "tool_result", "tool_use_id": "call_r1_0__sig_c2ln", "content": "no", "is_error": True}
    asked = call(
        dialect=MESSAGES,
        max_tokens=9,
        messages=[
            *USER,
            {"role": "assistant", "content": [thinking, tool_use]},
            {"role": "user", "content": [results]},
        ],
    )
    body = maybe_decoded(GeminiAdapter().request_for(asked, target("gemini", model=THREE)).body)
    assert body["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "hmm", "thought": True, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": "f", "args": {}, "id": "call_r1_0"}, "thoughtSignature": "c2ln"},
            ],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "f", "response": {"error": "no"}, "id": "call_r1_0"}}],
        },
    ]
