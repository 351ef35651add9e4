"""pydantic-ai's agents on every surface, with models of all vendors: tools, structured output, thinking."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pydantic_ai
import pytest
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.messages import ModelMessage, ModelResponse, ThinkingPart
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel, OpenAIResponsesModelSettings
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from tests.live.clients import models
from tests.live.clients.models import EACH_VENDOR
from tests.live.clients.prompts import CITY, TWO_AT_ONCE, TWO_IN_TURN, City
from tests.live.house import House

pytestmark = pytest.mark.live
CONFIGURATION = models.CONFIGURATION

EFFORT = OpenAIResponsesModelSettings(openai_reasoning_effort="low", openai_reasoning_summary="auto")
BUDGET = AnthropicModelSettings(
    max_tokens=4096, anthropic_thinking={"type": "enabled", "budget_tokens": 1024}
)
THINKING: list[tuple[str, str, ModelSettings]] = [
    ("chat", "claude-haiku-4-5", EFFORT),
    ("chat", "gemini-3-flash", EFFORT),
    ("responses", "gpt-5.6-luna", EFFORT),
    ("responses", "claude-haiku-4-5", EFFORT),
    ("responses", "gemini-3-flash", EFFORT),
    ("messages", "claude-haiku-4-5", BUDGET),
    ("messages", "gemini-3-flash", BUDGET),
]
NATIVE = ModelProfile(supports_json_schema_output=True)
ON_EACH_SURFACE = pytest.mark.parametrize("surface", ["chat", "responses", "messages"])
OF_EACH_VENDOR = pytest.mark.parametrize("name", EACH_VENDOR)


@contextlib.asynccontextmanager
async def model_on(house: House, surface: str, name: str) -> AsyncIterator[Model[Any]]:
    """pydantic-ai's model for ``name``, over the vendors' own clients."""
    if surface == "messages":
        async with anthropic.AsyncAnthropic(base_url=house.url, api_key=house.key, max_retries=0) as client:
            # Told, as it would refuse natively structured output of models that it does not know.
            yield AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client), profile=NATIVE)
        return
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as client:
        provider = OpenAIProvider(openai_client=client)
        kind = OpenAIChatModel if surface == "chat" else OpenAIResponsesModel
        yield kind(name, provider=provider)


class Counting:
    """An agent with two tools, and how they were called."""

    def __init__(self, model: Model[Any], settings: ModelSettings | None = None, output: Any = str) -> None:
        self.calls: list[tuple[str, int, int]] = []
        self.agent: Agent[None, Any] = Agent(model, model_settings=settings, output_type=output)
        self.agent.tool_plain(self.add)
        self.agent.tool_plain(self.multiply)

    def add(self, a: int, b: int) -> int:
        """The sum of two numbers."""
        self.calls.append(("add", a, b))
        return a + b

    def multiply(self, a: int, b: int) -> int:
        """The product of two numbers."""
        self.calls.append(("multiply", a, b))
        return a * b


def city(native: bool) -> Any:
    return NativeOutput(City) if native else City


def thoughts(messages: list[ModelMessage]) -> list[ThinkingPart]:
    return [
        part
        for message in messages
        if isinstance(message, ModelResponse)
        for part in message.parts
        if isinstance(part, ThinkingPart)
    ]


def total(house: House, column: str) -> int:
    """A sum over the rows of the calls that the vendors saw in this test."""
    calls = len(house.vendors.calls())
    found = house.sql("SELECT * FROM metering_costentry ORDER BY id DESC LIMIT %s", calls)
    assert all(row["cost"] is not None for row in found)
    return sum(row[column] for row in found)


@ON_EACH_SURFACE
@OF_EACH_VENDOR
class TestTwoTools:
    async def test_run(self, house: House, surface: str, name: str) -> None:
        async with model_on(house, surface, name) as model:
            counting = Counting(model)
            result = await counting.agent.run(TWO_IN_TURN)
        assert counting.calls == [("add", 2, 3), ("multiply", 5, 4)]
        assert result.output == "The tool answered: 20"
        assert result.usage.requests == len(house.vendors.calls()) == 3
        assert result.usage.output_tokens == total(house, "output") + total(house, "reasoning")

    async def test_run_stream(self, house: House, surface: str, name: str) -> None:
        async with model_on(house, surface, name) as model:
            counting = Counting(model)
            async with counting.agent.run_stream(TWO_IN_TURN) as result:
                pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
        assert counting.calls == [("add", 2, 3), ("multiply", 5, 4)]
        assert "".join(pieces) == "The tool answered: 20"
        assert len(pieces) > 1
        assert result.usage.requests == len(house.vendors.calls()) == 3
        assert result.usage.output_tokens == total(house, "output") + total(house, "reasoning")

    async def test_in_parallel(self, house: House, surface: str, name: str) -> None:
        async with model_on(house, surface, name) as model:
            counting = Counting(model)
            await counting.agent.run(TWO_AT_ONCE)
            async with counting.agent.run_stream(TWO_AT_ONCE) as result:
                await result.get_output()
        assert sorted(counting.calls) == [("add", 2, 3)] * 2 + [("multiply", 5, 4)] * 2
        assert len(house.vendors.calls()) == 4

    async def test_tools_and_then_a_structured_answer(self, house: House, surface: str, name: str) -> None:
        """The answer is a third tool, and the client demands a call in each turn."""
        async with model_on(house, surface, name) as model:
            counting = Counting(model, output=City)
            result = await counting.agent.run(TWO_IN_TURN)
        assert counting.calls == [("add", 2, 3), ("multiply", 5, 4)]
        assert result.output == CITY


@ON_EACH_SURFACE
@OF_EACH_VENDOR
@pytest.mark.parametrize("native", [False, True], ids=["by tool", "natively"])
class TestStructuredOutput:
    async def test_run(self, house: House, surface: str, name: str, native: bool) -> None:
        async with model_on(house, surface, name) as model:
            result = await Agent(model, output_type=city(native)).run("Name a city.")
        assert result.output == CITY

    async def test_run_stream(self, house: House, surface: str, name: str, native: bool) -> None:
        async with (
            model_on(house, surface, name) as model,
            Agent(model, output_type=city(native)).run_stream("Name a city.") as result,
        ):
            assert await result.get_output() == CITY


@pytest.mark.parametrize(("surface", "name", "settings"), THINKING, ids=[f"{s}-{n}" for s, n, _ in THINKING])
class TestThinking:
    """The fakes refuse a turn that comes back without the thoughts and signatures that they gave."""

    async def test_loop_and_another_turn(
        self, house: House, surface: str, name: str, settings: ModelSettings
    ) -> None:
        async with model_on(house, surface, name) as model:
            counting = Counting(model, settings)
            first = await counting.agent.run(TWO_IN_TURN)
            assert counting.calls == [("add", 2, 3), ("multiply", 5, 4)]
            assert any(part.content for part in thoughts(first.all_messages()))
            second = await counting.agent.run("Well done.", message_history=first.all_messages())
        assert second.output == "The sandbox was asked: Well done."

    async def test_streamed_loop_and_another_turn(
        self, house: House, surface: str, name: str, settings: ModelSettings
    ) -> None:
        async with model_on(house, surface, name) as model:
            counting = Counting(model, settings)
            async with counting.agent.run_stream(TWO_IN_TURN) as first:
                await first.get_output()
            assert counting.calls == [("add", 2, 3), ("multiply", 5, 4)]
            assert any(part.content for part in thoughts(first.all_messages()))
            second = await counting.agent.run("Well done.", message_history=first.all_messages())
        assert second.output == "The sandbox was asked: Well done."


async def test_an_unknown_model_is_named(house: House) -> None:
    async with model_on(house, "chat", "nothing") as model:
        with pytest.raises(pydantic_ai.ModelHTTPError) as unknown:
            await Agent(model).run("hi")
    assert (unknown.value.status_code, unknown.value.model_name) == (404, "nothing")
