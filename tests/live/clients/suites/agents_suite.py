"""OpenAI's Agents SDK: a runner with two tools, on chat completions and on Responses, for each vendor."""

import os
from collections.abc import AsyncIterator, Callable

import pytest
from agents import (
    Agent,
    Model,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    RunResult,
    RunResultStreaming,
    function_tool,
)
from openai import AsyncOpenAI
from pydantic import BaseModel

GATEWAY, KEY = os.environ["GATEWAY_URL"], os.environ["GATEWAY_KEY"]
MODELS = ("gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash")
IN_TURN = 'use tool add with {"a": 2, "b": 3} then use tool multiply with {"a": 5, "b": 4}'
AT_ONCE = 'use tool add with {"a": 2, "b": 3} and use tool multiply with {"a": 5, "b": 4}'
# Traces would go to a vendor's host.
QUIET = RunConfig(tracing_disabled=True)
SURFACES = {"chat": OpenAIChatCompletionsModel, "responses": OpenAIResponsesModel}

Ask = Callable[[str], Agent[None]]


class City(BaseModel):
    name: str
    inhabitants: int


@pytest.fixture(params=SURFACES)
def surface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=MODELS)
async def model(request: pytest.FixtureRequest, surface: str) -> AsyncIterator[Model]:
    async with AsyncOpenAI(base_url=f"{GATEWAY}/v1", api_key=KEY, max_retries=0) as client:
        yield SURFACES[surface](model=request.param, openai_client=client)


class Tools:
    """Two tools that remember how they were called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def add(self, a: int, b: int) -> int:
        """The sum of two numbers."""
        self.calls.append(("add", a, b))
        return a + b

    def multiply(self, a: int, b: int) -> int:
        """The product of two numbers."""
        self.calls.append(("multiply", a, b))
        return a * b


@pytest.fixture
def tools() -> Tools:
    return Tools()


@pytest.fixture
def agent(model: Model, tools: Tools) -> Agent[None]:
    settings = ModelSettings(include_usage=True, parallel_tool_calls=True)
    offered = [function_tool(tools.add), function_tool(tools.multiply)]
    return Agent("Counts", instructions="Count.", model=model, model_settings=settings, tools=[*offered])


async def run(agent: Agent[None], prompt: str) -> RunResult:
    return await Runner.run(agent, prompt, run_config=QUIET)


async def run_streamed(agent: Agent[None], prompt: str) -> tuple[RunResultStreaming, list[str]]:
    """The result and the pieces of text as they came."""
    result = Runner.run_streamed(agent, prompt, run_config=QUIET)
    pieces = []
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            pieces.append(event.data.delta)
    return result, pieces


class TestTwoTools:
    async def test_run(self, agent: Agent[None], tools: Tools) -> None:
        result = await run(agent, IN_TURN)
        assert tools.calls == [("add", 2, 3), ("multiply", 5, 4)]
        assert result.final_output == "The tool answered: 20"
        assert result.context_wrapper.usage.requests == 3
        assert result.context_wrapper.usage.output_tokens > 0

    async def test_run_streamed(self, agent: Agent[None], tools: Tools) -> None:
        result, pieces = await run_streamed(agent, IN_TURN)
        assert tools.calls == [("add", 2, 3), ("multiply", 5, 4)]
        assert result.final_output == "".join(pieces) == "The tool answered: 20"
        assert len(pieces) > 1
        assert result.context_wrapper.usage.requests == 3
        assert result.context_wrapper.usage.output_tokens > 0

    async def test_run_in_parallel(self, agent: Agent[None], tools: Tools) -> None:
        result = await run(agent, AT_ONCE)
        assert sorted(tools.calls) == [("add", 2, 3), ("multiply", 5, 4)]
        assert result.context_wrapper.usage.requests == 2

    async def test_run_streamed_in_parallel(self, agent: Agent[None], tools: Tools) -> None:
        result, _ = await run_streamed(agent, AT_ONCE)
        assert sorted(tools.calls) == [("add", 2, 3), ("multiply", 5, 4)]
        assert result.context_wrapper.usage.requests == 2

    async def test_what_was_said_is_said_again_in_the_next_run(self, agent: Agent[None]) -> None:
        first = await run(agent, IN_TURN)
        told = first.to_input_list()
        told.append({"role": "user", "content": "Well done."})
        second = await Runner.run(agent, told, run_config=QUIET)
        assert second.final_output == "The sandbox was asked: Well done."


class TestStructuredOutput:
    async def test_run(self, model: Model) -> None:
        agent = Agent("Knows", model=model, output_type=City)
        result = await run(agent, "Name a city.")
        assert result.final_output == City(name="example", inhabitants=1)

    async def test_run_streamed(self, model: Model) -> None:
        agent = Agent("Knows", model=model, output_type=City)
        result, pieces = await run_streamed(agent, "Name a city.")
        assert result.final_output == City(name="example", inhabitants=1)
        assert City.model_validate_json("".join(pieces)) == result.final_output
