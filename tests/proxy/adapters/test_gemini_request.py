"""What goes to Gemini for a conversation: the address, the turns, the system text."""

import itertools
from typing import Any

import pytest

from proxy.adapters.base import InvalidField
from proxy.adapters.gemini.adapter import GeminiAdapter
from tests.proxy.adapters.drive import USER, call, sent, target

FLASH, THREE = "gemini-2.5-flash", "gemini-3-flash-preview"


def to(model: str = FLASH, **body: Any) -> dict[str, Any]:
    return sent("gemini", model=model, **body)


def contents(*messages: dict[str, Any], model: str = FLASH) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = to(model, messages=list(messages))["contents"]
    return found


def test_the_whole_request() -> None:
    request = GeminiAdapter().request_for(call(), target("gemini"))
    assert request.url == "https://vendor.test/v1beta/models/gemini-2.5-flash:generateContent"
    assert request.headers == {"Content-Type": "application/json", "x-goog-api-key": "canary-key"}
    assert request.body == b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
    assert request.dropped == ()


def test_the_key_is_never_in_the_url() -> None:
    for stream in (True, False):
        assert "canary" not in GeminiAdapter().request_for(call(stream=stream), target("gemini")).url


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("tunedModels/mine", "tunedModels/mine"),
        ("gemini-x?key=1#", "models/gemini-x%3Fkey%3D1%23"),
    ],
)
def test_the_model_is_in_the_path(model: str, path: str) -> None:
    request = GeminiAdapter().request_for(call(stream=True), target("gemini", model=model))
    assert request.url == f"https://vendor.test/v1beta/{path}:streamGenerateContent?alt=sse"


def test_system_messages_lead_and_later_ones_are_tagged_user_text() -> None:
    body = to(
        messages=[
            {"role": "system", "content": "a"},
            {"role": "developer", "content": "b"},
            *USER,
            {"role": "assistant", "content": "yes"},
            {"role": "system", "content": "c"},
            *USER,
        ]
    )
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"text": "yes"}]},
        {"role": "user", "parts": [{"text": "<system>\nc\n</system>"}, {"text": "hi"}]},
    ]


def test_turns_of_one_side_in_a_row_become_one() -> None:
    found = contents(
        *USER, *USER, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}
    )
    assert found == [
        {"role": "user", "parts": [{"text": "hi"}, {"text": "hi"}]},
        {"role": "model", "parts": [{"text": "a"}, {"text": "b"}]},
    ]


@pytest.mark.parametrize("empty", ["", " ", [], None, [{"type": "text", "text": ""}]])
def test_messages_without_text_are_left_out(empty: Any) -> None:
    nothing = [{"role": role, "content": empty} for role in ("system", "user", "assistant")]
    assert to(messages=[*nothing, *USER, *nothing]) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}]
    }


def test_the_user_must_speak_first() -> None:
    with pytest.raises(InvalidField) as refusal:
        contents({"role": "assistant", "content": "a"}, *USER)
    assert refusal.value.field == "messages"


def test_thoughts_that_gemini_does_not_vouch_for_stay_here() -> None:
    """A turn of thoughts alone leaves no hole: the user's turns around it are one."""
    thinking = {"role": "assistant", "content": None, "reasoning_content": "hmm"}
    assert contents(*USER, thinking, *USER) == [{"role": "user", "parts": [{"text": "hi"}, {"text": "hi"}]}]


def test_geminis_own_signed_thought_goes_back() -> None:
    block = {"type": "thinking", "thinking": "hmm", "signature": "tallygate:gemini::c2ln"}
    answer = {"role": "assistant", "content": "a", "thinking_blocks": [block]}
    assert contents(*USER, answer)[1]["parts"] == [
        {"text": "hmm", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "a"},
    ]


def test_the_proof_of_another_vendors_thought_does_not() -> None:
    block = {"type": "thinking", "thinking": "hmm", "signature": "EqRk"}
    answer = {"role": "assistant", "content": "a", "thinking_blocks": [block]}
    assert contents(*USER, answer)[1]["parts"] == [{"text": "a"}]


def test_the_signature_of_text_goes_back_on_it() -> None:
    answer = {
        "role": "assistant",
        "content": "a",
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    }
    assert contents(*USER, answer)[1]["parts"] == [{"text": "a", "thoughtSignature": "c2ln"}]


def test_what_is_lost_is_named() -> None:
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
    function = {"name": "f", "strict": True, "parameters": {"type": "object"}}
    asked = call(
        messages=[{"role": "user", "content": [marked, image]}],
        tools=[{"type": "function", "function": function}],
        user="ann",
        metadata={"a": "b"},
    )
    request = GeminiAdapter().request_for(asked, target("gemini"))
    assert request.dropped == ("user", "metadata", "cache_control", "detail", "strict")
    assert b"cache_control" not in request.body


def test_the_same_call_is_the_same_bytes() -> None:
    """checks K11"""
    body: dict[str, Any] = {"temperature": 0.5, "reasoning_effort": "low", "stop": ["x"], "n": 2}
    adapter = GeminiAdapter()
    assert len({adapter.request_for(call(**body), target("gemini")).body for _ in range(3)}) == 1


def test_a_longer_conversation_begins_like_the_shorter_one() -> None:
    """checks K11: nothing that was sent changes, tool steps of another model included."""
    history: list[dict[str, Any]] = [
        {"role": "system", "content": "s"},
        *USER,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "assistant", "content": "one"},
        {"role": "system", "content": "later"},
        {"role": "user", "content": "and now?"},
        {"role": "assistant", "content": "two"},
        *USER,
    ]
    ends = (2, 4, 7, 9)  # after a user's turn each
    sizes = [contents(*history[:end], model=THREE) for end in ends]
    for shorter, longer in itertools.pairwise(sizes):
        assert longer[: len(shorter)] == shorter
