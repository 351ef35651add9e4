"""Anthropic's own client on messages, token counts and models (checks.md L4)."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam

from tests.live.clients import models
from tests.live.clients.models import EACH_VENDOR
from tests.live.clients.prompts import (
    CALLS_AT_ONCE,
    CITY,
    DESCRIBE,
    DESCRIBED,
    IMAGE_BASE64,
    NUMBERS,
    TWO_AT_ONCE,
    City,
)
from tests.live.house import QUESTION, House

pytestmark = pytest.mark.live
CONFIGURATION = models.CONFIGURATION

OF_EACH_VENDOR = pytest.mark.parametrize("model", EACH_VENDOR)
TOOLS: list[ToolParam] = [{"name": name, "input_schema": NUMBERS} for name in ("add", "multiply")]
ASKED: list[MessageParam] = [{"role": "user", "content": QUESTION}]


@pytest.fixture
def client(house: House) -> Iterator[anthropic.Anthropic]:
    with client_of(house, house.key) as client:
        yield client


def client_of(house: House, key: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=house.url, api_key=key, max_retries=0)


def texts(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def called(message: Any) -> list[tuple[str, Any]]:
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


@OF_EACH_VENDOR
class TestMessages:
    def test_text(self, client: anthropic.Anthropic, model: str) -> None:
        message = client.messages.create(model=model, max_tokens=400, messages=ASKED, system="Be brief.")
        assert (texts(message), message.stop_reason, message.role) == ("Paris.", "end_turn", "assistant")
        thought = 108 if model == "gemini-2.5-flash" else 0
        assert (message.usage.input_tokens, message.usage.output_tokens) == (16, 4 + thought)

    def test_text_streamed(self, client: anthropic.Anthropic, model: str) -> None:
        """A16: the input tokens are those of the vendor, wherever in its stream they come."""
        with client.messages.stream(model=model, max_tokens=400, messages=ASKED) as stream:
            text = "".join(stream.text_stream)
            message = stream.get_final_message()
        assert text == texts(message) == "Paris."
        assert message.stop_reason == "end_turn"
        thought = 108 if model == "gemini-2.5-flash" else 0
        assert (message.usage.input_tokens, message.usage.output_tokens) == (13, 4 + thought)

    def test_parallel_tools_and_their_results(self, client: anthropic.Anthropic, model: str) -> None:
        told: list[MessageParam] = [{"role": "user", "content": TWO_AT_ONCE}]
        message = client.messages.create(model=model, max_tokens=400, messages=told, tools=TOOLS)
        assert (called(message), message.stop_reason) == (CALLS_AT_ONCE, "tool_use")
        told.append({"role": "assistant", "content": message.content})
        told.append({"role": "user", "content": results_of(message)})
        again = client.messages.create(model=model, max_tokens=400, messages=told, tools=TOOLS)
        assert (texts(again), again.stop_reason) == ("The tool answered: done done", "end_turn")

    def test_parallel_tools_streamed(self, client: anthropic.Anthropic, model: str) -> None:
        told: list[MessageParam] = [{"role": "user", "content": TWO_AT_ONCE}]
        pieces: dict[int, str] = {}
        with client.messages.stream(model=model, max_tokens=400, messages=told, tools=TOOLS) as stream:
            for event in stream:
                if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                    pieces[event.index] = pieces.get(event.index, "") + event.delta.partial_json
            message = stream.get_final_message()
        assert called(message) == CALLS_AT_ONCE
        assert [json.loads(piece) for piece in pieces.values()] == [given for _, given in CALLS_AT_ONCE]

    def test_one_tool_that_is_forced(self, client: anthropic.Anthropic, model: str) -> None:
        message = client.messages.create(
            model=model,
            max_tokens=400,
            messages=ASKED,
            tools=TOOLS,
            tool_choice={"type": "tool", "name": "multiply"},
        )
        assert called(message) == [("multiply", {"a": 1, "b": 1})]

    def test_parsed(self, client: anthropic.Anthropic, model: str) -> None:
        told: list[MessageParam] = [{"role": "user", "content": "Name a city."}]
        message = client.messages.parse(model=model, max_tokens=400, messages=told, output_format=City)
        assert message.parsed_output == CITY

    def test_image(self, client: anthropic.Anthropic, model: str) -> None:
        told: list[MessageParam] = [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": DESCRIBE},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": IMAGE_BASE64},
                    },
                ],
            }
        ]
        assert texts(client.messages.create(model=model, max_tokens=400, messages=told)) == DESCRIBED

    def test_left_mid_stream(self, house: House, client: anthropic.Anthropic, model: str) -> None:
        house.vendors.behave({"chunk_delay": 0.02, "chunks": 12, "output_tokens": 24, "reasoning_tokens": 0})
        with client.messages.create(model=model, max_tokens=400, messages=ASKED, stream=True) as stream:
            for _ in range(4):
                next(stream)
            stream.close()
            request_id = stream.response.headers["x-request-id"]
        entry = house.entry_soon(request_id)
        assert (entry["outcome"], entry["usage_source"], entry["output"]) == ("client_closed", "drained", 24)


def results_of(message: anthropic.types.Message) -> Any:
    uses = [block for block in message.content if block.type == "tool_use"]
    return [{"type": "tool_result", "tool_use_id": use.id, "content": "done"} for use in uses]


class TestCountTokens:
    """L2: asked of the vendor where it can count, refused where it cannot; never zero, never metered."""

    @OF_EACH_VENDOR
    def test_counted_by_the_vendor(self, house: House, client: anthropic.Anthropic, model: str) -> None:
        assert client.messages.count_tokens(model=model, messages=ASKED).input_tokens == 13
        assert not house.open_holds()

    def test_a_vendor_that_cannot_count(self, client: anthropic.Anthropic) -> None:
        with pytest.raises(anthropic.NotFoundError) as refused:
            client.messages.count_tokens(model="llama", messages=ASKED)
        assert refused.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]


class TestErrors:
    def test_each_is_of_the_class_that_the_sdk_has_for_it(
        self, house: House, client: anthropic.Anthropic
    ) -> None:
        with pytest.raises(anthropic.NotFoundError) as unknown:
            client.messages.create(model="nothing", max_tokens=4, messages=ASKED)
        assert error_type(unknown.value) == "not_found_error"
        assert unknown.value.request_id is not None
        with pytest.raises(anthropic.BadRequestError) as wrong:
            client.messages.create(model="gpt-4o", max_tokens=4, messages=[])
        assert error_type(wrong.value) == "invalid_request_error"
        with client_of(house, "tg_wrong") as stranger, pytest.raises(anthropic.AuthenticationError) as denied:
            stranger.messages.create(model="gpt-4o", max_tokens=4, messages=ASKED)
        assert error_type(denied.value) == "authentication_error"

    @OF_EACH_VENDOR
    def test_a_vendor_that_fails(self, house: House, client: anthropic.Anthropic, model: str) -> None:
        house.vendors.behave({"status": 500})
        with pytest.raises(anthropic.InternalServerError) as failed:
            client.messages.create(model=model, max_tokens=4, messages=ASKED)
        assert error_type(failed.value) in ("api_error", "overloaded_error")

    @OF_EACH_VENDOR
    def test_a_vendor_that_fails_mid_stream(
        self, house: House, client: anthropic.Anthropic, model: str
    ) -> None:
        house.vendors.behave({"error_in_stream_after": 2, "chunks": 4})
        with (
            pytest.raises(anthropic.APIStatusError),
            client.messages.stream(model=model, max_tokens=400, messages=ASKED) as stream,
        ):
            stream.get_final_message()

    @OF_EACH_VENDOR
    def test_a_vendor_at_its_limit(self, house: House, client: anthropic.Anthropic, model: str) -> None:
        house.vendors.behave({"status": 429, "retry_after": 7})
        with pytest.raises(anthropic.RateLimitError) as limited:
            client.messages.create(model=model, max_tokens=4, messages=ASKED)
        assert error_type(limited.value) == "rate_limit_error"
        assert float(limited.value.response.headers["retry-after"]) >= 6


def error_type(error: anthropic.APIStatusError) -> str:
    body: Any = error.body
    assert body["type"] == "error"
    kind: str = body["error"]["type"]
    return kind


class TestModels:
    def test_listed_in_anthropics_shape(self, client: anthropic.Anthropic) -> None:
        listed = {model.id: model for model in client.models.list(limit=1000)}
        assert listed.keys() >= set(EACH_VENDOR)
        assert listed["gpt-4o"].type == "model"

    def test_one_is_retrieved_by_its_name(self, client: anthropic.Anthropic) -> None:
        assert client.models.retrieve("gpt-4o").id == "gpt-4o"
        with pytest.raises(anthropic.NotFoundError):
            client.models.retrieve("nothing")

    def test_only_what_the_key_may_call(self, house: House) -> None:
        with client_of(house, house.new_key(models=("gpt-4o",))) as client:
            assert {model.id for model in client.models.list()} <= {"gpt-4o", "openai/gpt-4o"}
