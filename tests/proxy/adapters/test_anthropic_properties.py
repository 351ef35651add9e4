"""Whatever a caller may write: it is refused by name, or the vendor would take it."""

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.anthropic import request
from proxy.adapters.base import UnsupportedField
from proxy.dialects.messages.dialect import MESSAGES
from proxy.interchange import wire
from proxy.interchange.dialect import Call
from proxy.sandbox import anthropic_requests
from proxy.sandbox.anthropic_thinking import block as thinking_block
from proxy.sandbox.anthropic_thinking import redacted
from tests.proxy.adapters.anthropic_calls import check_shape, read
from tests.proxy.adapters.drive import call, sse, target

MODELS = st.sampled_from(
    """
    claude-3-haiku-20240307 claude-3-7-sonnet-latest claude-sonnet-4-0 claude-opus-4-1 claude-sonnet-4-5
    claude-haiku-4-5-20251001 claude-opus-4-6 claude-sonnet-4-6 claude-opus-4-8 claude-opus-5-5
    claude-sonnet-5-5 claude-fable-5-1
    """.split()  # noqa: SIM905  # a list of as many lines as words says no more
)
PNG = "iVBORw0KGgo="
WORDS = st.text(max_size=8)
SAID = st.text(min_size=1, max_size=8).map(lambda text: f"a{text}z")  # not blank, no space at its ends
NAMES = st.sampled_from(["weather", "mail", "now"])
JSON = st.dictionaries(WORDS, st.none() | st.integers() | WORDS | st.lists(st.booleans()), max_size=2)
IDS = st.text("abc0._-:|", min_size=1, max_size=5)

TEXT = st.builds(lambda text: {"type": "text", "text": text}, WORDS)
IMAGE = st.sampled_from(
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}},
    ]
)
FILE = st.sampled_from(
    [
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk=", "filename": "a.txt"}},
    ]
)
CONTENT = WORDS | st.lists(TEXT | IMAGE | FILE, max_size=3)
THINKING = st.lists(WORDS.map(lambda text: thinking_block(text, "m")) | st.just(redacted("m")), max_size=2)


@st.composite
def exchanges(draw: st.DrawFn) -> list[dict[str, Any]]:
    """An assistant's message, the results of its calls, and what the user or the system says then."""
    said: dict[str, Any] = {"role": "assistant", "content": draw(st.none() | CONTENT.filter(_only_text))}
    said["thinking_blocks"] = draw(THINKING)
    ids = draw(st.lists(IDS, unique=True, max_size=3))
    if ids:
        arguments = JSON.map(lambda value: wire.encode(value).decode()) | st.just("")
        said["tool_calls"] = [
            {"id": one, "type": "function", "function": {"name": draw(NAMES), "arguments": draw(arguments)}}
            for one in ids
        ]
    results = [
        {"role": "tool", "tool_call_id": one, "content": draw(CONTENT)} for one in draw(st.permutations(ids))
    ]
    others = st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system", "developer"]), "content": WORDS}
    )
    return [said, *results, *draw(st.lists(others, max_size=2)), {"role": "user", "content": draw(SAID)}]


def _only_text(content: Any) -> bool:
    return isinstance(content, str) or all(part["type"] == "text" for part in content)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Such as any chat client may have had, with any vendors."""
    system = draw(st.lists(st.builds(lambda text: {"role": "system", "content": text}, WORDS), max_size=2))
    rest = [message for exchange in draw(st.lists(exchanges(), max_size=3)) for message in exchange]
    first = {"role": "user", "content": draw(SAID)}
    messages = [*system, first, *rest]
    in_loop = bool(rest) and draw(st.booleans())
    return messages[:-1] if in_loop and messages[-2]["role"] == "tool" else messages


TOOLS = st.lists(NAMES, unique=True, min_size=1).flatmap(
    lambda names: st.tuples(
        *[
            st.builds(
                lambda name, strict: {
                    "type": "function",
                    "function": {"name": name, "strict": strict, "parameters": {"properties": {"a": {}}}},
                },
                st.just(name),
                st.none() | st.booleans(),
            )
            for name in names
        ]
    )
)
CHOICES = st.none() | st.sampled_from(["auto", "none", "required"])
SCHEMAS = st.sampled_from(
    [
        {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"minimum": 1}}}}},
        {"type": "object", "additionalProperties": {"type": "string"}},
    ]
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(1, 8_000),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "stop": WORDS | st.lists(WORDS, max_size=3),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"]),
        "thinking": st.builds(lambda n: {"type": "enabled", "budget_tokens": n}, st.integers(1, 9_000)),
        "response_format": st.builds(
            lambda schema: {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}, SCHEMAS
        ),
        "parallel_tool_calls": st.booleans(),
        "service_tier": st.sampled_from(["auto", "default"]),
        "user": WORDS,
    },
)


@given(MODELS, conversations(), SETTINGS, st.none() | TOOLS, CHOICES)
@settings(max_examples=300, deadline=None)
def test_what_goes_out_for_a_chat_is_what_anthropic_takes(
    model: str, messages: list[Any], asked: dict[str, Any], tools: Any, choice: str | None
) -> None:
    """By the SDK's types, and by the sandbox's rules, which are Anthropic's as far as we know them."""
    offered: dict[str, Any] = {"tools": list(tools), "tool_choice": choice} if tools else {}
    with contextlib.suppress(UnsupportedField):
        request = _sent(call(messages=messages, **asked, **offered), model)
        check_shape(request)
        anthropic_requests.read(request, "2023-06-01")


def _sent(asked: Call, model: str) -> dict[str, Any]:
    body: dict[str, Any] = wire.maybe_decoded(
        request.request_for(asked, target("anthropic", model=model)).body
    )
    return body


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(
                """
                message_start content_block_start content_block_delta content_block_stop message_delta
                message_stop ping error new
                """.split()  # noqa: SIM905
            )
        },
        optional={
            "index": st.integers(0, 2) | WORDS,
            "message": st.fixed_dictionaries({}, optional={"id": WORDS, "model": WORDS, "usage": JSON}),
            "content_block": st.fixed_dictionaries(
                {"type": st.sampled_from(["text", "thinking", "tool_use", "redacted_thinking", "new"])},
                optional={"text": WORDS, "input": JSON, "name": WORDS, "data": WORDS, "citations": WORDS},
            ),
            "delta": st.fixed_dictionaries(
                {},
                optional={
                    "type": st.sampled_from(["text_delta", "thinking_delta", "input_json_delta"]),
                    "text": WORDS,
                    "thinking": WORDS,
                    "partial_json": WORDS,
                    "stop_reason": WORDS | st.none(),
                },
            ),
            "usage": st.fixed_dictionaries({}, optional={"output_tokens": st.integers(0, 9) | WORDS}),
        },
    ),
    max_size=8,
)


@given(EVENTS, st.integers(0, 30))
@settings(max_examples=300, deadline=None)
def test_a_stream_that_is_passed_is_billed_like_one_that_is_told(events: list[Any], step: int) -> None:
    """Whatever comes: the same usage, finish and failure, and the vendor's bytes."""
    stream = sse(*events)
    told = read(stream, call(stream=True), step=step).state
    passed = read(stream, Call(dialect=MESSAGES, body={}, raw=b"{}", stream=True), step=step)
    for name in ("usage", "finish_reason", "native_finish", "complete", "flags", "parts", "model"):
        assert getattr(passed.state, name) == getattr(told, name)
    assert (passed.state.error is None) == (told.error is None)
    found = b"".join(passed.fed + passed.closed)
    assert stream.startswith(found) if passed.state.error else found == stream


MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def marked(blocks: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda block, mark: {**block, **(MARK if mark else {})}, blocks, st.booleans())


BLOCK = marked(SAID.map(lambda text: {"type": "text", "text": text}))
PICTURE = marked(
    st.sampled_from(
        [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}},
        ]
    )
)
PAPER = marked(
    st.sampled_from(
        [
            {"type": "document", "source": {"type": "url", "url": "https://a.test/b.pdf"}, "title": "b"},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                "context": "c",
                "citations": {"enabled": True},
            },
        ]
    )
)
RESULT = SAID | st.lists(BLOCK | PICTURE, min_size=2, max_size=3)


@st.composite
def anthropic_exchanges(draw: st.DrawFn) -> list[dict[str, Any]]:
    """In the form that we write: results first, thinking first, everything in blocks."""
    ids = draw(st.lists(st.text("ab0_-", min_size=1, max_size=4), unique=True, max_size=2))
    uses = [
        draw(
            marked(
                st.builds(
                    lambda one, given: {"type": "tool_use", "id": one, "name": "f", "input": given},
                    st.just(one),
                    JSON,
                )
            )
        )
        for one in ids
    ]
    results = [
        draw(
            marked(
                st.builds(
                    lambda one, said: {"type": "tool_result", "tool_use_id": one, "content": said},
                    st.just(one),
                    RESULT,
                )
            )
        )
        for one in ids
    ]
    said = [*draw(THINKING), *draw(st.lists(BLOCK, min_size=0 if ids else 1, max_size=2)), *uses]
    then = draw(st.lists(BLOCK | PICTURE | PAPER, min_size=0 if ids else 1, max_size=2))
    return [{"role": "assistant", "content": said}, {"role": "user", "content": [*results, *then]}]


@given(
    st.lists(BLOCK, max_size=2),
    st.lists(BLOCK | PICTURE, min_size=1, max_size=2),
    st.lists(anthropic_exchanges(), max_size=3),
    st.sampled_from([{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "f"}, {"type": "none"}]),
)
@settings(max_examples=200, deadline=None)
def test_anthropics_own_words_come_back_as_they_were(
    system: list[Any], first: list[Any], exchanges: list[Any], choice: dict[str, str]
) -> None:
    """Through the neutral conversation and back: nothing is lost on the way (checks K8, K10)."""
    messages = [{"role": "user", "content": first}, *(message for one in exchanges for message in one)]
    body = {
        "model": "claude-opus-4-8",
        "max_tokens": 9000,
        "messages": messages,
        **({"system": system} if system else {}),
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}, **MARK}],
        "tool_choice": choice,
        "stop_sequences": ["END"],
    }
    assert _sent(Call(dialect=MESSAGES, body=body), "claude-opus-4-8") == body
