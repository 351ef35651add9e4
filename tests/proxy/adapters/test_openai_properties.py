"""Whatever callers of messages say, OpenAI is sent what its own types allow; however a stream is cut up, the
caller reads the same."""

import contextlib
import dataclasses
import itertools
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter

from proxy.adapters.base import InvalidField, UnsupportedField, VendorError
from proxy.adapters.openai.chat import passed as chat_passed
from proxy.adapters.openai.chat import written as chat_written
from proxy.adapters.openai.responses import passed as responses_passed
from proxy.adapters.openai.responses import written as responses_written
from proxy.adapters.openai.verbs import Verbs
from proxy.dialects.registry import CHAT, MESSAGES
from proxy.interchange import signatures
from proxy.interchange.dialect import Call
from tests.proxy.adapters.drive import call, sse, target
from tests.proxy.adapters.test_openai_told import blocks

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
MARKER = st.sampled_from([{}, {"cache_control": {"type": "ephemeral"}}])


def marked(block: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda made, marker: {**made, **marker}, block, MARKER)


TEXT = marked(st.builds(lambda text: {"type": "text", "text": text}, WORDS))
SOURCES = st.sampled_from(
    [
        {"type": "base64", "media_type": "image/png", "data": "cG5n"},
        {"type": "url", "url": "https://example.com/a.png"},
    ]
)
IMAGE = marked(SOURCES.map(lambda source: {"type": "image", "source": source}))
DOCUMENT = marked(
    st.sampled_from(
        [
            {"type": "base64", "media_type": "application/pdf", "data": "cGRm"},
            {"type": "text", "media_type": "text/plain", "data": "milk"},
        ]
    ).map(lambda source: {"type": "document", "title": "t", "source": source})
)
THINKING = st.builds(
    lambda text, item: {
        "type": "thinking",
        "thinking": text,
        "signature": signatures.sealed("openai", item, "gAAA"),
    },
    WORDS,
    st.sampled_from(["rs_1", "rs_2"]),
)
OWN_THINKING = WORDS.map(lambda text: {"type": "thinking", "thinking": text, "signature": "sig"})
INPUTS = st.dictionaries(WORDS, st.none() | st.integers(-9, 9) | WORDS, max_size=2)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Messages of a user and an assistant, each tool call answered in the next message."""
    numbers = itertools.count()
    messages = [
        {"role": "user", "content": draw(WORDS | st.lists(TEXT | IMAGE | DOCUMENT, min_size=1, max_size=3))}
    ]
    for _ in range(draw(st.integers(0, 3))):
        said = draw(st.lists(TEXT | THINKING | OWN_THINKING, max_size=3))
        uses = [
            {"type": "tool_use", "id": f"toolu_{next(numbers)}", "name": "f", "input": given}
            for given in draw(st.lists(INPUTS, max_size=3))
        ]
        results = [
            {
                "type": "tool_result",
                "tool_use_id": use["id"],
                "content": draw(WORDS | st.lists(TEXT | IMAGE | DOCUMENT, max_size=2)),
                "is_error": draw(st.booleans()),
            }
            for use in uses
        ]
        also = draw(st.lists(TEXT, max_size=2)) or ([] if results else [{"type": "text", "text": "go on"}])
        messages.append({"role": "assistant", "content": [*said, *uses]})
        messages.append({"role": "user", "content": draw(st.permutations([*results, *also]))})
    return messages


TOOLS = st.fixed_dictionaries(
    {
        "tools": st.just(
            [{"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}]
        )
    },
    optional={
        "tool_choice": st.sampled_from(
            [{"type": "auto"}, {"type": "any"}, {"type": "none"}, {"type": "tool", "name": "f"}]
        )
    },
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "system": WORDS | st.lists(TEXT, min_size=1, max_size=2),
        "tool_choice": st.sampled_from([{"type": "auto"}, {"type": "none"}]),
        "thinking": st.sampled_from([{"type": "disabled"}, {"type": "enabled", "budget_tokens": 5000}]),
        "output_config": st.sampled_from(
            [{"effort": "max"}, {"format": {"type": "json_schema", "schema": {}}}]
        ),
        "metadata": st.builds(lambda user: {"user_id": user}, st.text("ab", max_size=80)),
        "max_tokens": st.integers(16, 10**6),
    },
)
EXTRAS = SETTINGS | st.builds(lambda settings, tools: {**settings, **tools}, SETTINGS, TOOLS)

CHAT_BODY: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsNonStreaming)
RESPONSES_BODY: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsNonStreaming)


def whole(value: Any) -> Any:
    """What pydantic read, with its lazy lists read to their end."""
    if isinstance(value, dict):
        return {name: whole(held) for name, held in value.items()}
    return value if value is None or isinstance(value, str | int | float) else [whole(item) for item in value]


def body_of(verbs: Verbs, ours: Call, model: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(verbs.request_for(ours, target("openai", model=model)).body)
    return decoded


@given(conversations(), EXTRAS)
@settings(max_examples=150, deadline=None)
def test_chat_bodies_are_what_openais_own_types_allow(messages: list[Any], extras: dict[str, Any]) -> None:
    body = body_of(chat_written.VERBS, call(dialect=MESSAGES, messages=messages, **extras), "gpt-5.2")
    assert whole(CHAT_BODY.validate_python(body)) == body


@given(conversations(), EXTRAS)
@settings(max_examples=150, deadline=None)
def test_responses_bodies_are_what_openais_own_types_allow(
    messages: list[Any], extras: dict[str, Any]
) -> None:
    body = body_of(responses_written.VERBS, call(dialect=MESSAGES, messages=messages, **extras), "gpt-5.6")
    assert whole(RESPONSES_BODY.validate_python(body)) == body


@given(conversations(), EXTRAS, st.sampled_from(["llama", "claude-sonnet-4.6"]))
@settings(max_examples=100, deadline=None)
def test_every_call_is_answered_right_after_it(
    messages: list[Any], extras: dict[str, Any], model: str
) -> None:
    ours = call(dialect=MESSAGES, messages=messages, **extras)
    aimed = target("openai_compatible", model=model)
    sent = json.loads(chat_written.VERBS.request_for(ours, aimed).body)["messages"]
    for position, message in enumerate(sent):
        ids = [made["id"] for made in message.get("tool_calls", [])]
        answers = sent[position + 1 : position + 1 + len(ids)]
        assert sorted(answer["tool_call_id"] for answer in answers) == sorted(ids)
    assert sum(message["role"] == "tool" for message in sent) == sum(
        len(message.get("tool_calls", [])) for message in sent
    )


@given(conversations(), EXTRAS)
@settings(max_examples=60, deadline=None)
def test_the_callers_body_is_not_mutated_and_gives_the_same_bytes(
    messages: list[Any], extras: dict[str, Any]
) -> None:
    ours = call(dialect=MESSAGES, messages=messages, **extras)
    before = json.dumps(ours.body)
    for verbs in (chat_written.VERBS, responses_written.VERBS):
        requests = {verbs.request_for(ours, target("openai", model="gpt-5.6")).body for _ in range(2)}
        assert len(requests) == 1
    assert json.dumps(ours.body) == before


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["user", "text", "image_url", "tool"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "tool_calls", "id", "function", "image_url", "url"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(ODD, max_size=3) | ODD, st.sampled_from([chat_written.VERBS, responses_written.VERBS]))
@settings(max_examples=200, deadline=None)
def test_any_request_goes_out_or_is_refused_by_name(messages: Any, verbs: Verbs) -> None:
    ours = call(dialect=CHAT, messages=messages)
    with contextlib.suppress(InvalidField, UnsupportedField):
        assert isinstance(body_of(verbs, ours, "gpt-5.6"), dict)


NAMES = st.sampled_from(
    """
    id type model choices delta content role finish_reason index usage error code tool_calls function name
    arguments reasoning_content reasoning refusal annotations logprobs executed_tools x_groq service_tier
    output_index summary_index item response status output incomplete_details reason summary text call_id
    encrypted_content annotation url_citation tool_usage input_tokens output_tokens prompt_tokens
    """.split()  # noqa: SIM905  # a list of as many lines as words says no more
)
KINDS = st.sampled_from(
    """
    response.created response.in_progress response.output_item.added response.output_item.done
    response.output_text.delta response.function_call_arguments.delta response.reasoning_summary_text.delta
    response.refusal.delta response.output_text.annotation.added response.completed response.incomplete
    response.failed error function_call reasoning message output_text completed failed stop tool_calls
    """.split()  # noqa: SIM905
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)
DELTAS = st.dictionaries(
    st.sampled_from(["content", "reasoning", "tool_calls", "refusal", "annotations", "function_call"]), VALUES
)
CHUNKS = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {"delta": DELTAS, "finish_reason": VALUES, "index": st.none() | st.integers(0, 2)}
            ),
            max_size=2,
        )
    },
    optional={"usage": VALUES, "x_groq": VALUES},
)
EVENTS = st.builds(
    lambda kind, more: {**more, "type": kind}, KINDS, st.dictionaries(NAMES, VALUES, max_size=6)
)
ALL_VERBS = (chat_passed.VERBS, chat_written.VERBS, responses_passed.VERBS, responses_written.VERBS)


@given(st.sampled_from(ALL_VERBS), st.lists(CHUNKS | EVENTS | VALUES, max_size=6), st.integers(1, 60))
@settings(max_examples=500, deadline=None)
def test_whatever_arrives_in_a_stream_is_survived(verbs: Verbs, events: list[Any], step: int) -> None:
    reader = verbs.chunks_from(Call(dialect=MESSAGES, body={}, stream=True), target("openai"))
    stream = sse(*(json.dumps(event) for event in events), "[DONE]")
    for at in range(0, len(stream), step):
        assert all(frame.endswith(b"\n\n") for frame in reader.feed(stream[at : at + step]))
    assert not (reader.state.complete and reader.state.error)
    if reader.state.complete:
        assert b"".join(reader.close()).endswith(b"\n\n")


@given(st.sampled_from(ALL_VERBS), VALUES | st.dictionaries(NAMES, VALUES, max_size=6))
@settings(max_examples=300, deadline=None)
def test_whatever_is_answered_is_read_or_the_vendors_failure(verbs: Verbs, body: Any) -> None:
    with contextlib.suppress(VendorError):
        ours = Call(dialect=MESSAGES, body={})
        answer = verbs.response_from(json.dumps(body).encode(), {}, ours, target("openai"))
        assert isinstance(json.loads(answer.body), dict)


@st.composite
def streamed_calls(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    """(name, arguments) of some calls, and chunks that tell them in pieces, interleaved."""
    calls = [("f", json.dumps(given)) for given in draw(st.lists(INPUTS, min_size=1, max_size=3))]
    waiting = []
    for index, (_, arguments) in enumerate(calls):
        cut = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=3)))
        bounds = [0, *cut, len(arguments)]
        waiting.append([(index, arguments[a:b]) for a, b in itertools.pairwise(bounds)])
    order = [index for index, pieces in enumerate(waiting) for _ in pieces]
    chunks = [
        tool_chunk(index, {"id": f"c{index}", "type": "function", "function": {"name": "f", "arguments": ""}})
        for index in range(len(calls))
    ]
    for index in draw(st.permutations(order)):
        _, piece = waiting[index].pop(0)
        chunks.append(tool_chunk(index, {"function": {"arguments": piece}}))
    return calls, chunks


def tool_chunk(index: int, piece: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"tool_calls": [{"index": index, **piece}]}, "finish_reason": None}
    return {"id": "c1", "model": "m1", "choices": [choice]}


FINISH = {"id": "c1", "model": "m1", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}


@given(streamed_calls(), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_interleaved_calls_are_told_whole_however_the_bytes_are_cut(
    told: tuple[list[tuple[str, str]], list[dict[str, Any]]], step: int
) -> None:
    calls, chunks = told
    stream = sse(*chunks, FINISH, "[DONE]")
    ours = dataclasses.replace(call(dialect=MESSAGES, messages=[], max_tokens=9), stream=True)
    reader = chat_written.VERBS.chunks_from(ours, target("openai"))
    frames = [frame for at in range(0, len(stream), step) for frame in reader.feed(stream[at : at + step])]
    read = blocks(frames + reader.close())
    assert [(block["name"], block["input"]) for block in read] == [
        (name, json.loads(arguments)) for name, arguments in calls
    ]
