"""``Idempotency-Key`` through the vendors' own clients: three dialects, whole and streamed, byte by byte.

And streams whose callers leave, or whose vendors break off.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import anthropic
import openai
import pytest
from openai import OpenAI

from tests.live.house import QUESTION, House, Row, until
from tests.live.repeating import (
    REPLAYED,
    fresh,
    is_kept,
    left_after_the_first_bytes,
    left_waiting,
    question,
    send,
    text_of,
    told,
)

pytestmark = pytest.mark.live

Ask = Callable[..., AbstractContextManager[Any]]
ASKED: Any = [{"role": "user", "content": QUESTION}]
MODELS = ("gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash")


@pytest.fixture
def chat(house: House) -> Iterator[OpenAI]:
    with house.sdk(max_retries=0) as client:
        yield client


@pytest.fixture
def messages(house: House) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=house.url, api_key=house.key, max_retries=0) as client:
        yield client


@pytest.fixture
def asks(chat: OpenAI, messages: anthropic.Anthropic) -> dict[str, tuple[Any, Row]]:
    """By dialect: the SDK's method, and what a short question needs."""
    return {
        "chat": (chat.chat.completions, {"messages": ASKED}),
        "messages": (messages.messages, {"messages": ASKED, "max_tokens": 300}),
        "responses": (chat.responses, {"input": QUESTION}),
    }


def header(key: str) -> Row:
    return {"extra_headers": {"Idempotency-Key": key}}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_the_same_bytes_again(
    house: House, asks: dict[str, tuple[Any, Row]], dialect: str, stream: bool, model: str
) -> None:
    resource, fields = asks[dialect]
    fields = {**fields, "model": model, "stream": stream, **header(str(uuid.uuid4()))}
    seen = []
    for _ in range(2):
        with resource.with_streaming_response.create(**fields) as answer:
            seen.append((answer.read() if not stream else b"".join(answer.iter_bytes()), answer.headers))

    understood = resource.create(**fields)
    answer = list(understood) if stream else understood

    (first, told), (again, told_again) = seen
    assert again == first
    assert (told_again["idempotent-replayed"], told.get("idempotent-replayed")) == ("true", None)
    for name in ("content-type", "x-request-id", "x-tallygate-model", "x-tallygate-attempts"):
        assert told_again[name] == told[name]
    assert "Paris" in str(answer)
    assert len(house.vendors.calls()) == 1
    assert house.entry(told["x-request-id"])["cost"] > 0


def test_embeddings_too(house: House, chat: OpenAI) -> None:
    ask = {"model": "llama", "input": "one text", **header(str(uuid.uuid4()))}

    first, again = chat.embeddings.create(**ask), chat.embeddings.create(**ask)

    assert again == first
    assert len(house.vendors.calls()) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_an_sdk_that_finds_it_in_flight_waits_and_has_the_answer(house: House, stream: bool) -> None:
    house.vendors.behave({"latency": 0.8, "text": "Paris."})
    ask = {"model": "gpt-4o", "messages": ASKED, "stream": stream, **header(str(uuid.uuid4()))}
    answers: list[Any] = []

    def call() -> None:
        with house.sdk(max_retries=2) as client:
            answer: Any = client.chat.completions.create(**ask)
            answers.append(list(answer) if stream else answer)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert len(answers) == 3
    assert answers[0] == answers[1] == answers[2]
    assert len(house.vendors.calls()) == 1


class TestConflicts:
    """As the SDKs raise them; none is tried again by itself."""

    def test_openai(self, house: House, chat: OpenAI) -> None:
        key = header(str(uuid.uuid4()))
        first = chat.chat.completions.with_raw_response.create(model="gpt-4o", messages=ASKED, **key)
        with house.sdk(max_retries=2) as client:
            with pytest.raises(openai.UnprocessableEntityError) as reused:
                client.chat.completions.create(model="gpt-4o", messages=ASKED, seed=1, **key)
            with pytest.raises(openai.ConflictError) as streamed:
                client.chat.completions.create(model="gpt-4o", messages=ASKED, stream=True, **key)

        assert (reused.value.code, streamed.value.code) == ("idempotency_key_reused", "not_replayable")
        assert reused.value.body["first_request_id"] == first.headers["x-request-id"]  # type: ignore[index]

    def test_anthropic(self, house: House, messages: anthropic.Anthropic) -> None:
        ask: Row = {"model": "claude-haiku-4-5", "messages": ASKED, **header(str(uuid.uuid4()))}
        messages.messages.create(max_tokens=100, **ask)
        again = messages.with_options(max_retries=2).messages
        with pytest.raises(anthropic.UnprocessableEntityError) as reused:
            again.create(max_tokens=101, **ask)
        with pytest.raises(anthropic.ConflictError) as streamed:
            again.create(max_tokens=100, stream=True, **ask)

        assert [told.value.body["error"]["details"]["error_code"] for told in (reused, streamed)] == [
            "idempotency_key_reused",
            "not_replayable",
        ]
        assert streamed.value.type == "conflict_error"


class TestStreams:
    def test_the_other_form_is_refused_and_the_caller_told_how_to_ask(self, house: House) -> None:
        for streamed in (False, True):
            key = fresh()
            send(house, key, question(stream=streamed))
            other = send(house, key, question(stream=not streamed))
            assert told(other) == (409, "not_replayable")
            assert f"stream={str(streamed).lower()}" in other.json()["error"]["message"]
            assert send(house, key, question(stream=streamed)).headers[REPLAYED] == "true"
        assert len(house.vendors.calls()) == 2

    def test_one_that_the_vendor_broke_off_is_repeated_as_it_was(self, house: House) -> None:
        key = fresh()
        house.vendors.behave({"chunks": 6, "error_in_stream_after": 3})
        first = send(house, key, question(stream=True))
        house.vendors.behave()

        again = send(house, key, question(stream=True))

        assert b'"error"' in first.content
        assert b"[DONE]" not in first.content
        assert (again.content, again.headers[REPLAYED]) == (first.content, "true")
        assert len(house.vendors.calls()) == 1
        assert house.entry(first.headers["x-request-id"])["outcome"] == "cut"

    @pytest.mark.parametrize("model", ["gpt-4o", "claude-haiku-4-5"])
    def test_who_left_finds_it_in_flight_and_then_whole(self, house: House, model: str) -> None:
        house.vendors.behave({"text": "Paris, of course.", "chunks": 8, "chunk_delay": 0.15})
        key, body = fresh(), question(model, stream=True)
        request_id = left_after_the_first_bytes(house, key, body)

        meanwhile = send(house, key, body)
        until(lambda: is_kept(house, key), seconds=5, what="the stream is drained")
        again = send(house, key, body)

        assert told(meanwhile) == (409, "idempotency_in_flight")
        assert meanwhile.headers["retry-after"] == "1"
        assert (again.status_code, again.headers[REPLAYED]) == (200, "true")
        assert again.headers["x-request-id"] == request_id
        assert again.content.endswith(b"data: [DONE]\n\n")
        assert "".join(text_of(again.content)) == "Paris, of course."
        assert len(house.vendors.calls()) == 1
        assert house.entry(request_id)["usage_source"] == "drained"

    def test_who_left_before_the_first_content_finds_it_whole(self, house: House) -> None:
        house.vendors.behave({"latency": 0.4})
        key, body = fresh(), question(stream=True)
        left_waiting(house, key, body)
        until(lambda: is_kept(house, key), seconds=5, what="the stream is drained")

        again = send(house, key, body)

        assert ("".join(text_of(again.content)), again.headers[REPLAYED]) == ("Paris.", "true")
        assert again.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert len(house.vendors.calls()) == 1

    def test_what_was_cut_after_its_caller_left_does_not_look_whole(self, house: House) -> None:
        house.vendors.behave({"chunks": 8, "chunk_delay": 0.2, "cut_after": 5})
        key, body = fresh(), question(stream=True)
        left_after_the_first_bytes(house, key, body)
        until(lambda: is_kept(house, key), seconds=5, what="the stream is over")

        again = send(house, key, body)

        [*_, last] = again.content.split(b"\n\n")[:-1]
        assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "answer_incomplete"
        assert len(house.vendors.calls()) == 1
