"""Whatever a caller's valid request says, what goes to Gemini is what Google's own types take."""

import json
from typing import Any

from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.base import UnsupportedField, VendorRequest
from proxy.adapters.gemini.adapter import GeminiAdapter
from proxy.dialects.chat.dialect import CHAT
from proxy.interchange.dialect import Call
from tests.proxy.adapters.drive import call, sse, target
from tests.proxy.adapters.gemini_words import candidate, of

MODELS = (
    "gemini-2.0-flash",
    "gemini-2.5-flash",
    "gemini-2.5-pro",
    "gemini-3-flash-preview",
    "gemini-3-pro-preview",
)
GEMINI = GeminiAdapter()

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
images = st.sampled_from(
    ["data:image/png;base64,AAAA", "https://example.com/a.jpg", "https://example.com/b.webp"]
)
parts = st.one_of(
    words.map(lambda text: {"type": "text", "text": text}),
    images.map(lambda url: {"type": "image_url", "image_url": {"url": url}}),
)
content = st.one_of(words, st.none(), st.lists(parts, max_size=3))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def tool_steps(draw: st.DrawFn, number: int = 0) -> list[dict[str, Any]]:
    """An assistant's calls and all their results, in any order."""
    ids = [f"{draw(st.uuids())}" for _ in range(draw(st.integers(1, 3)))]
    signed = draw(st.sampled_from(["", "__sig_c2ln"]))
    arguments = st.one_of(st.just(""), st.dictionaries(words, values, max_size=2).map(json.dumps))
    made = [
        {"id": call_id + signed, "type": "function", "function": {"name": "f", "arguments": draw(arguments)}}
        for call_id in ids
    ]
    results = [{"role": "tool", "tool_call_id": call_id, "content": draw(content)} for call_id in ids]
    return [
        {"role": "assistant", "content": draw(st.none() | words), "tool_calls": made},
        *draw(st.permutations(results)),
    ]


def said(role: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    texts = content if role == "user" else words
    return texts.map(lambda text: [{"role": role, "content": text}])


histories = st.lists(
    st.one_of(said("user"), said("assistant"), said("system"), said("developer"), tool_steps()), max_size=6
).map(lambda steps: [{"role": "user", "content": "begin"}, *(message for step in steps for message in step)])

wishes = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(1, 9999),
        "stop": st.one_of(words, st.lists(words, max_size=5)),
        "n": st.integers(1, 8),
        "logprobs": st.booleans(),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"]),
        "response_format": st.sampled_from([{"type": "text"}, {"type": "json_object"}]),
        "tools": st.just([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]),
        "tool_choice": st.sampled_from(["auto", "none"]),
        "parallel_tool_calls": st.booleans(),
        "service_tier": st.sampled_from(["auto", "flex"]),
    },
)


@settings(max_examples=100, deadline=None)
@given(history=histories, wish=wishes, model=st.sampled_from(MODELS))
def test_requests_are_what_googles_types_take(
    history: list[dict[str, Any]], wish: dict[str, Any], model: str
) -> None:
    before = json.dumps([history, wish])
    request = _accepted(history, wish, model)
    if request is None:
        return
    body = json.loads(request.body)
    contents = [types.Content.model_validate(turn) for turn in body["contents"]]
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))
    [types.Tool.model_validate(tool) for tool in body.get("tools", [])]
    _check_turns(contents)
    _check_signatures(contents, model)
    assert json.dumps([history, wish]) == before


def _accepted(history: list[dict[str, Any]], wish: dict[str, Any], model: str) -> VendorRequest | None:
    """The request, or None where a wish (never the history) is more than the model can do."""
    asked = Call(dialect=CHAT, body={"messages": history, **wish})
    try:
        return GEMINI.request_for(asked, target("gemini", model=model))
    except UnsupportedField as refusal:
        if refusal.field not in wish:
            raise
        return None


def _check_turns(contents: list[types.Content]) -> None:
    """The user begins, the sides alternate, and every call is answered in the next turn."""
    roles = [content.role for content in contents]
    assert roles == [("user", "model")[at % 2] for at in range(len(roles))]
    for turn, following in zip(contents, [*contents[1:], types.Content(parts=[])], strict=True):
        assert turn.parts
        calls = [part.function_call for part in turn.parts if part.function_call]
        results = [part.function_response for part in following.parts or [] if part.function_response]
        assert len(calls) == len(results)
        assert sorted(str(call.id) for call in calls) == sorted(str(result.id) for result in results)


def _check_signatures(contents: list[types.Content], model: str) -> None:
    if not model.startswith("gemini-3"):
        return
    for content in contents:
        first = next((part for part in content.parts or [] if part.function_call), None)
        assert first is None or first.thought_signature


texts = words.map(lambda text: {"text": text})
answer_parts = st.one_of(
    texts,
    words.map(lambda text: {"text": text, "thought": True}),
    st.dictionaries(words, values, max_size=2).map(
        lambda args: {"functionCall": {"name": "f", "args": args}}
    ),
    st.just({"text": "", "thoughtSignature": "c2ln"}),
    st.just({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
)


@settings(max_examples=100, deadline=None)
@given(given_parts=st.lists(answer_parts, max_size=6), cut=st.integers(0, 6), step=st.integers(1, 200))
def test_streamed_and_plain_answers_say_the_same(
    given_parts: list[dict[str, Any]], cut: int, step: int
) -> None:
    asked, aimed = call(), target("gemini")
    plain = GEMINI.response_from(json.dumps(of(candidate(*given_parts))).encode(), {}, asked, aimed)
    (choice,) = json.loads(plain.body)["choices"]

    reader = GEMINI.chunks_from(call(stream=True), aimed)
    events = sse(of(candidate(*given_parts[:cut], finish=None)), of(candidate(*given_parts[cut:])))
    frames = [frame for at in range(0, len(events), step) for frame in reader.feed(events[at : at + step])]
    frames += reader.close()
    chunks = [json.loads(frame[6:]) for frame in frames if frame != b"data: [DONE]\n\n"]
    deltas = [one["delta"] for chunk in chunks for one in chunk["choices"]]

    message = choice["message"]
    assert _joined(deltas, "content") == (message["content"] or "")
    assert _joined(deltas, "reasoning_content") == message.get("reasoning_content", "")
    assert _calls(deltas) == [
        (made["id"], made["function"]["arguments"]) for made in message.get("tool_calls", [])
    ]
    assert (reader.state.finish_reason, reader.state.flags) == (choice["finish_reason"], plain.flags)
    assert (reader.state.usage, reader.state.complete) == (plain.usage, True)


def _joined(deltas: list[dict[str, Any]], field: str) -> str:
    return "".join(delta.get(field) or "" for delta in deltas)


def _calls(deltas: list[dict[str, Any]]) -> list[tuple[str, str]]:
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls", [])]
    return [
        (
            first["id"],
            "".join(
                each["function"].get("arguments", "") for each in pieces if each["index"] == first["index"]
            ),
        )
        for first in pieces
        if "id" in first
    ]
