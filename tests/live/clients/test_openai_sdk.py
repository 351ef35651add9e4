"""OpenAI's own client on chat completions, Responses, embeddings and models (checks.md L4)."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.responses import FunctionToolParam, ParsedResponseFunctionToolCall, ResponseInputItemParam

from tests.live.clients import models
from tests.live.clients.models import EACH_VENDOR
from tests.live.clients.prompts import (
    CALLS_AT_ONCE,
    CITY,
    DESCRIBE,
    DESCRIBED,
    IMAGE_URL,
    NUMBERS,
    TWO_AT_ONCE,
    City,
)
from tests.live.house import QUESTION, House

pytestmark = pytest.mark.live
CONFIGURATION = models.CONFIGURATION

OF_EACH_VENDOR = pytest.mark.parametrize("model", EACH_VENDOR)
TOOLS: list[ChatCompletionToolParam] = [
    {"type": "function", "function": {"name": name, "parameters": NUMBERS}} for name in ("add", "multiply")
]
FUNCTIONS: list[FunctionToolParam] = [
    {"type": "function", "name": name, "parameters": NUMBERS, "strict": True} for name in ("add", "multiply")
]
LEAVING = {"chunk_delay": 0.02, "chunks": 12, "output_tokens": 24, "reasoning_tokens": 0}


@pytest.fixture
def client(house: House) -> Iterator[openai.OpenAI]:
    with house.sdk(max_retries=0) as client:
        yield client


@OF_EACH_VENDOR
class TestChatCompletions:
    def test_parallel_tools_and_their_results(self, client: openai.OpenAI, model: str) -> None:
        told: list[ChatCompletionMessageParam] = [{"role": "user", "content": TWO_AT_ONCE}]
        create = client.chat.completions.create
        [choice] = create(model=model, messages=told, tools=TOOLS).choices
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
        calls = [call for call in choice.message.tool_calls or [] if call.type == "function"]
        assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == CALLS_AT_ONCE
        told.append(choice.message.model_dump(exclude_none=True))  # type: ignore[arg-type]
        told += [{"role": "tool", "tool_call_id": call.id, "content": "done"} for call in calls]
        [choice] = create(model=model, messages=told, tools=TOOLS).choices
        assert (choice.message.content, choice.finish_reason) == ("The tool answered: done done", "stop")

    def test_parallel_tools_streamed(self, client: openai.OpenAI, model: str) -> None:
        told: list[ChatCompletionMessageParam] = [{"role": "user", "content": TWO_AT_ONCE}]
        with client.chat.completions.stream(model=model, messages=told, tools=TOOLS) as stream:
            done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
            final = stream.get_final_completion()
        assert [(event.name, json.loads(event.arguments)) for event in done] == CALLS_AT_ONCE
        calls = final.choices[0].message.tool_calls or []
        assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == CALLS_AT_ONCE
        assert final.choices[0].finish_reason == "tool_calls"

    def test_parsed(self, client: openai.OpenAI, model: str) -> None:
        told: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Name a city."}]
        plain = client.chat.completions.parse(model=model, messages=told, response_format=City)
        assert plain.choices[0].message.parsed == CITY
        with client.chat.completions.stream(model=model, messages=told, response_format=City) as stream:
            assert stream.get_final_completion().choices[0].message.parsed == CITY

    def test_image(self, client: openai.OpenAI, model: str) -> None:
        told: list[ChatCompletionMessageParam] = [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": DESCRIBE},
                    {"type": "image_url", "image_url": {"url": IMAGE_URL}},
                ],
            }
        ]
        answer = client.chat.completions.create(model=model, messages=told)
        assert answer.choices[0].message.content == DESCRIBED

    def test_left_mid_stream(self, house: House, client: openai.OpenAI, model: str) -> None:
        house.vendors.behave(LEAVING)
        told: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
        with client.chat.completions.create(model=model, messages=told, stream=True) as stream:
            request_id = leave(stream)
        entry = house.entry_soon(request_id)
        assert (entry["outcome"], entry["usage_source"], entry["output"]) == ("client_closed", "drained", 24)


@OF_EACH_VENDOR
class TestResponses:
    def test_text(self, client: openai.OpenAI, model: str) -> None:
        answer = client.responses.create(model=model, input=QUESTION, instructions="Be brief.")
        assert (answer.output_text, answer.status, answer.object) == ("Paris.", "completed", "response")
        assert answer.usage is not None
        thought = 108 if model == "gemini-2.5-flash" else 0
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (16, 4 + thought)
        assert answer.usage.output_tokens_details.reasoning_tokens == thought

    def test_text_streamed(self, client: openai.OpenAI, model: str) -> None:
        with client.responses.stream(model=model, input=QUESTION) as stream:
            text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
            final = stream.get_final_response()
        assert text == final.output_text == "Paris."
        assert final.usage is not None
        assert final.usage.output_tokens >= 4

    def test_parallel_tools_and_their_results(self, client: openai.OpenAI, model: str) -> None:
        answer = client.responses.create(model=model, input=TWO_AT_ONCE, tools=FUNCTIONS)
        calls = [item for item in answer.output if item.type == "function_call"]
        assert [(call.name, json.loads(call.arguments)) for call in calls] == CALLS_AT_ONCE
        told: list[Any] = [{"role": "user", "content": TWO_AT_ONCE}]
        told += [item.model_dump(exclude_none=True) for item in answer.output]
        told += [
            {"type": "function_call_output", "call_id": call.call_id, "output": "done"} for call in calls
        ]
        again = client.responses.create(model=model, input=told, tools=FUNCTIONS)
        assert again.output_text == "The tool answered: done done"

    def test_parallel_tools_streamed(self, client: openai.OpenAI, model: str) -> None:
        with client.responses.stream(model=model, input=TWO_AT_ONCE, tools=FUNCTIONS) as stream:
            final = stream.get_final_response()
        calls = [item for item in final.output if isinstance(item, ParsedResponseFunctionToolCall)]
        assert [(call.name, json.loads(call.arguments)) for call in calls] == CALLS_AT_ONCE

    def test_parsed(self, client: openai.OpenAI, model: str) -> None:
        assert client.responses.parse(model=model, input="A city?", text_format=City).output_parsed == CITY
        with client.responses.stream(model=model, input="A city?", text_format=City) as stream:
            assert stream.get_final_response().output_parsed == CITY

    def test_image(self, client: openai.OpenAI, model: str) -> None:
        told: list[ResponseInputItemParam] = [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": DESCRIBE},
                    {"type": "input_image", "image_url": IMAGE_URL, "detail": "auto"},
                ],
            }
        ]
        assert client.responses.create(model=model, input=told).output_text == DESCRIBED

    def test_left_mid_stream(self, house: House, client: openai.OpenAI, model: str) -> None:
        house.vendors.behave(LEAVING)
        with client.responses.create(model=model, input="hello", stream=True) as stream:
            request_id = leave(stream)
        entry = house.entry_soon(request_id)
        assert (entry["outcome"], entry["usage_source"], entry["output"]) == ("client_closed", "drained", 24)


def leave(stream: "openai.Stream[Any]") -> str:
    """Read a few events and go; gives the request's id."""
    for _ in range(3):
        next(stream)
    stream.close()
    return stream.response.headers["x-request-id"]


class TestErrorsOfResponses:
    def test_each_is_of_the_class_that_the_sdk_has_for_it(self, house: House, client: openai.OpenAI) -> None:
        # 404 on chat completions, 400 here: as OpenAI has it.
        with pytest.raises(openai.BadRequestError) as unknown:
            client.responses.create(model="nothing", input="hi")
        assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.BadRequestError) as wrong:
            client.responses.create(model="gpt-4o", input=[])
        assert wrong.value.request_id is not None
        with house.sdk("tg_wrong") as stranger, pytest.raises(openai.AuthenticationError):
            stranger.responses.create(model="gpt-4o", input="hi")

    @OF_EACH_VENDOR
    def test_a_vendor_that_fails(self, house: House, client: openai.OpenAI, model: str) -> None:
        house.vendors.behave({"status": 500})
        with pytest.raises(openai.InternalServerError):
            client.responses.create(model=model, input="hi")

    @OF_EACH_VENDOR
    def test_a_vendor_that_fails_mid_stream(self, house: House, client: openai.OpenAI, model: str) -> None:
        house.vendors.behave({"error_in_stream_after": 2, "chunks": 4})
        kinds: list[str] = []
        with (
            client.responses.create(model=model, input="hi", stream=True) as stream,
            pytest.raises(openai.APIError) as failed,
        ):
            kinds.extend(event.type for event in stream)
        assert failed.value.code is not None
        assert kinds[0] == "response.created"
        assert "response.completed" not in kinds


class TestEmbeddings:
    def test_vectors(self, house: House, client: openai.OpenAI) -> None:
        """The client asks for base64 and decodes it."""
        raw = client.embeddings.with_raw_response.create(
            model="text-embedding-3-small", input=["one", "two"], dimensions=8
        )
        answer = raw.parse()
        assert [len(item.embedding) for item in answer.data] == [8, 8]
        assert answer.data[0].embedding != answer.data[1].embedding
        assert answer.usage.prompt_tokens == 2
        entry = house.entry_soon(raw.headers["x-request-id"])
        assert (entry["input"], entry["output"]) == (2, 0)
        assert entry["cost"] is not None

    def test_a_vendor_without_them_says_so(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(model="claude-haiku-4-5", input="one")


def test_one_model_is_retrieved_by_its_name(client: openai.OpenAI) -> None:
    assert client.models.retrieve("claude-haiku-4-5").owned_by == "anthropic"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing")
