"""OpenAI's own client, synchronous and asynchronous, on vendors of all four kinds."""

import asyncio
from collections.abc import Iterator

import openai
import pytest

from tests.live.house import QUESTION, House

pytestmark = pytest.mark.live

MODELS = ["gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash", "llama"]
EACH_MODEL = pytest.mark.parametrize("model", MODELS)
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
REASONING = {"gemini-2.5-flash": 108}


@pytest.fixture
def client(house: House) -> Iterator[openai.OpenAI]:
    with house.sdk() as client:
        yield client


def check_usage(usage: openai.types.CompletionUsage | None, model: str) -> None:
    assert usage is not None
    assert usage.completion_tokens == 4 + REASONING.get(model, 0)
    details = usage.completion_tokens_details
    assert (details.reasoning_tokens if details else 0) == REASONING.get(model, 0)
    assert usage.prompt_tokens == 16  # 61 bytes, 4 bytes a token in the sandbox
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@EACH_MODEL
class TestAnswers:
    def test_plain(self, client: openai.OpenAI, model: str) -> None:
        answer = client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=400, temperature=0)
        [choice] = answer.choices
        assert (choice.message.content, choice.finish_reason, choice.index) == ("Paris.", "stop", 0)
        assert (choice.message.role, answer.object) == ("assistant", "chat.completion")
        check_usage(answer.usage, model)

    def test_streamed(self, client: openai.OpenAI, model: str) -> None:
        options = {"include_usage": True}
        text, finish, usage = "", None, None
        with client.chat.completions.create(
            model=model, messages=MESSAGES, stream=True, stream_options=options
        ) as events:
            for event in events:
                usage = event.usage or usage
                for choice in event.choices:
                    text += choice.delta.content or ""
                    finish = choice.finish_reason or finish
        assert (text, finish) == ("Paris.", "stop")
        check_usage(usage, model)

    def test_with_the_sdks_own_stream_helper(self, client: openai.OpenAI, model: str) -> None:
        """It keeps a strict state machine over the chunks."""
        with client.chat.completions.stream(model=model, messages=MESSAGES) as stream:
            final = stream.get_final_completion()
        assert final.choices[0].message.content == "Paris."
        assert final.choices[0].finish_reason == "stop"

    def test_asynchronous(self, house: House, model: str) -> None:
        async def ask() -> tuple[str | None, str]:
            async with openai.AsyncOpenAI(api_key=house.key, base_url=f"{house.url}/v1") as client:
                create = client.chat.completions.create
                plain = await create(model=model, messages=MESSAGES)
                streamed = await create(model=model, messages=MESSAGES, stream=True)
                pieces = [event.choices[0].delta.content or "" async for event in streamed]
                return plain.choices[0].message.content, "".join(pieces)

        assert asyncio.run(ask()) == ("Paris.", "Paris.")

    def test_cut_by_the_callers_ceiling(self, client: openai.OpenAI, model: str) -> None:
        answer = client.chat.completions.create(model=model, messages=MESSAGES, max_completion_tokens=2)
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 2


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    listed = {model.id: model.owned_by for model in client.models.list()}
    assert listed.keys() >= {*MODELS, "openai/gpt-4o", "local/llama"}
    assert listed["gpt-4o"] == "openai"


def test_errors_are_those_that_the_sdk_knows(house: House, client: openai.OpenAI) -> None:
    create = client.chat.completions.create
    with pytest.raises(openai.NotFoundError) as unknown:
        create(model="nothing", messages=MESSAGES)
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as wrong:
        create(model="gpt-4o", messages=[])
    assert wrong.value.param == "messages"
    assert wrong.value.request_id is not None
    with house.sdk("tg_wrong") as stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()
    house.vendors.behave({"status": 500})
    with pytest.raises(openai.InternalServerError) as failed:
        create(model="gpt-4o", messages=MESSAGES)
    assert failed.value.code == "upstream_error"


def test_a_failed_vendor_is_retried_by_the_gateway_and_not_again_by_the_sdk(
    house: House, client: openai.OpenAI
) -> None:
    """Three attempts of ours are not multiplied by three of the SDK's."""
    house.vendors.behave({"status": 500})
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="claude-haiku-4-5", messages=MESSAGES)
    assert len(house.vendors.calls()) == 3
